import { relative } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export type TerminalOutput = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Everything of the process that a command touches, so that a test can give its own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly currentFolder: string;
  /** How to call this program from the current folder, for commands in messages. */
  readonly program: string;
  /** Where SIGINT and SIGTERM are heard. */
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
}

export function processIo(): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    currentFolder: process.cwd(),
    program: programOf(process.argv[1] ?? 'cdc'),
    signals: process,
  };
}

/** `cdc` when installed; in a clone the launcher has to be given to node. */
function programOf(launcher: string): string {
  return launcher.endsWith('.js') ? `node ${relative(process.cwd(), launcher)}` : 'cdc';
}

/** Writes and waits until it is out: back-pressure, and a closed pipe (EPIPE) becomes a rejection. */
export function writeFully(output: TerminalOutput, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
