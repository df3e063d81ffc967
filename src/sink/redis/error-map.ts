import { ErrorReply } from 'redis';
import { CdcError } from '../../errors.ts';
import { sinkError } from '../sink-errors.ts';

type SinkCode = Parameters<typeof sinkError>[0];

/** First word of an error reply, or how a reply of the kind ERR goes on -> what it means. */
const codes: readonly (readonly [pattern: RegExp, code: SinkCode, remedy?: string])[] = [
  [/^(NOAUTH|WRONGPASS|NOPERM)\b/, 'CDC_SINK_ACCESS_DENIED'],
  [/^ERR (invalid (user)?name|invalid password|AUTH)\b/i, 'CDC_SINK_ACCESS_DENIED'],
  [/^DENIED\b/, 'CDC_SINK_ACCESS_DENIED', 'Redis is in protected mode: give it a password.'],
  [/^READONLY\b/, 'CDC_SINK_READ_ONLY', 'Point the sink at the primary, not at a replica.'],
  [
    /^OOM\b/,
    'CDC_SINK_FULL',
    'Raise maxmemory (CONFIG SET maxmemory), or remove keys; the sink goes on after a restart of cdc.',
  ],
  [
    /^MISCONF\b/,
    'CDC_SINK_FULL',
    'Redis cannot write its own files: make room on its disk and read its log.',
  ],
  [/^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS)\b/, 'CDC_SINK_BUSY'],
  [/^(MOVED|ASK)\b/, 'CDC_SINK_BUSY'],
  [/^ERR max number of clients reached/, 'CDC_SINK_BUSY'],
  [/^(WRONGTYPE|FOREIGN)\b/, 'CDC_SINK_REJECTED'],
  [/^ERR string exceeds maximum allowed size/, 'CDC_SINK_REJECTED'],
  [
    /^CROSSSLOT\b/,
    'CDC_SINK_FAILED',
    'In a Redis Cluster all keys of a sink lie in one slot: give `prefix` a hash tag, such as {shop}:',
  ],
  [
    /^ERR unknown command\W+(EVALSHA|SCRIPT)/i,
    'CDC_SINK_FAILED',
    'This server has no Lua: set scripts: false.',
  ],
];

/** The words of an error reply; up to Redis 6 those of a command in a script stand behind the script's. */
function wordsOf(message: string): string {
  return /@user_script: ?\d+: (?:-)?([A-Z]+ .*)$/s.exec(message)?.[1] ?? message;
}

/** Anything thrown by the client as an error of the sink; `table` where it was about one. */
export function toSinkError(error: unknown, doing: string, table?: string): CdcError {
  if (error instanceof CdcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const about = table === undefined ? {} : { table };
  if (error instanceof TypeError || error instanceof RangeError) throw error; // a bug, not an answer
  if (!(error instanceof ErrorReply)) {
    const why =
      message || (error instanceof AggregateError ? String(error.errors[0]) : 'no answer');
    return sinkError('CDC_SINK_UNREACHABLE', doing, why, { cause: error });
  }
  const words = wordsOf(message);
  const known = codes.find(([pattern]) => pattern.test(words));
  const [, code = 'CDC_SINK_FAILED', remedy] = known ?? [];
  const isOfTable = code === 'CDC_SINK_REJECTED';
  return sinkError(code, doing, words, {
    cause: error,
    ...(remedy !== undefined && { remedy }),
    ...(isOfTable && about),
  });
}

/** The sequence that the store has, when a write was refused because it followed another one. */
export function staleSequence(error: unknown): number | undefined {
  if (!(error instanceof ErrorReply)) return undefined;
  const found = /^STALE (\d+)/.exec(wordsOf(error.message))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Where the slot of our keys has gone: `MOVED 3999 10.0.0.5:6379`. */
export function movedTo(error: unknown): { host: string; port: number } | undefined {
  if (!(error instanceof ErrorReply)) return undefined;
  const found = /^(?:MOVED|ASK) \d+ (.*):(\d+)/.exec(wordsOf(error.message));
  return found === null ? undefined : { host: found[1] ?? '', port: Number(found[2]) };
}

export function isMissingScript(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith('NOSCRIPT');
}
