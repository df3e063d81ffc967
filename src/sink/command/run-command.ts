import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CdcError } from '../../errors.ts';
import { rejectedRows, sinkError } from '../sink-errors.ts';
import type { CommandSinkOptions } from './options.ts';

const longestWords = 500;

export interface Run {
  /** `SinkTable.source`. */
  readonly table: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly body: readonly Buffer[];
}

/** Runs the command once; resolves when it has ended with 0. Nobody is told whether one that was ended has done its work. */
export async function runCommand(
  { command, timeoutSeconds }: CommandSinkOptions,
  { table, variables, body }: Run,
): Promise<void> {
  const [program = '', ...args] = command;
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  const child = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, ...variables },
    signal,
    killSignal: 'SIGKILL',
  });
  const words = lastWordsOf(child.stderr);
  // A command may have read enough; its exit code says what it made of that.
  const fed = pipeline(Readable.from(body), child.stdin).catch(() => undefined);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    await fed;
    const error = refusalBy(code, { table, program, words: await words });
    if (error !== undefined) throw error;
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error || signal.aborted)) throw error;
    const doing = `Running ${program} for ${table}`;
    if (!signal.aborted) throw sinkError('CDC_SINK_FAILED', doing, error.message, { cause: error });
    const why = `it did not end within ${timeoutSeconds} s`;
    throw sinkError('CDC_SINK_UNREACHABLE', doing, why, { cause: error });
  }
}

/** Exit codes mean what sysexits.h says. */
function refusalBy(
  code: number | null,
  { table, program, words }: { table: string; program: string; words: string },
): CdcError | undefined {
  const doing = `Running ${program} for ${table}`;
  const why = `it ended with ${code ?? 'a signal'}${words === '' ? '.' : `: ${words}`}`;
  switch (code) {
    case 0:
      return undefined;
    case 65: // EX_DATAERR
      return rejectedRows(table, `${program} refuses it.`);
    case 69: // EX_UNAVAILABLE
      return sinkError('CDC_SINK_UNREACHABLE', doing, why, { table });
    case 75: // EX_TEMPFAIL
      return sinkError('CDC_SINK_BUSY', doing, why, { table });
    case 77: // EX_NOPERM
      return sinkError('CDC_SINK_ACCESS_DENIED', doing, why);
    default:
      return sinkError('CDC_SINK_FAILED', doing, why);
  }
}

async function lastWordsOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8'))
    text = `${text}${chunk}`.slice(-longestWords);
  return text.trim();
}
