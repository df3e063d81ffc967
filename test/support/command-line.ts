import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';

export interface CommandLineOptions {
  readonly currentFolder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly isTerminal?: boolean;
}

/** The command line in this process, with outputs of its own. */
export class CommandLine {
  readonly io: Io;
  readonly stdin = new PassThrough();
  readonly signals = new EventEmitter();
  readonly #stdout = new TextOutput();
  readonly #stderr = new TextOutput();

  constructor(options: CommandLineOptions = {}) {
    const isTTY = options.isTerminal ?? false;
    this.io = {
      stdin: this.stdin,
      stdout: Object.assign(this.#stdout, { isTTY, columns: 80, rows: 24 }),
      stderr: Object.assign(this.#stderr, { isTTY, columns: 80, rows: 24 }),
      environment: options.environment ?? {},
      currentFolder: options.currentFolder ?? process.cwd(),
      program: 'cdc',
      signals: this.signals,
    };
    if (options.stdin !== undefined) this.stdin.end(options.stdin);
  }

  async run(...argv: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const exitCode = await main(argv, this.io);
    return { exitCode, stdout: this.#stdout.text, stderr: this.#stderr.text };
  }
}

export class TextOutput extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}
