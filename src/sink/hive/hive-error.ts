import { CdcError, type ErrorCode } from '../../errors.ts';
import { sinkError } from '../sink-errors.ts';

type SinkCode = Extract<ErrorCode, `CDC_SINK_${string}`>;

/** The connection is gone, or was never there; what the server made of the last call is unknown. */
export class HiveConnectionError extends Error {}

/** A statement failed while it ran; the message is Hive's. */
export class HiveStatementError extends Error {}

/**
 * Hive's errors have hardly any codes: 40000 stands for everything that did not compile, 1 and 2 for everything that did not run. So
 * what it says decides, the first line that fits. Texts of Hive 4.0.1 and of the Hadoop classes below it.
 */
const texts: readonly (readonly [RegExp, SinkCode])[] = [
  [
    /Invalid SessionHandle|Invalid OperationHandle|Session .* does not exist/i,
    'CDC_SINK_UNREACHABLE',
  ],
  [
    /Permission denied|AccessControlException|HiveAccessControlException|HiveAuthzPluginException|does not have .{0,80}privilege|not authorized|Error validating the login|Authentication error|Unsupported mechanism/i,
    'CDC_SINK_ACCESS_DENIED',
  ],
  [/No space left on device|Disk quota exceeded|QuotaExceededException/i, 'CDC_SINK_FULL'],
  [/Read-only file system|SafeModeException|Name node is in safe mode/i, 'CDC_SINK_READ_ONLY'],
  [
    /LockException|Could not acquire .*lock|Too many (open files|connections)|OutOfMemoryError|TTransportException|Connection refused|StandbyException|MetaException.*(connect|timed? ?out)|pool size .* exceeded|limit .*sessions/i,
    'CDC_SINK_BUSY',
  ],
];

/**
 * What a call of the driver threw, as a CdcError. The driver throws `StatusError` (no Error: a statement that does not compile),
 * and whatever the socket says.
 */
export function hiveError(doing: string, cause: unknown): CdcError {
  if (cause instanceof CdcError) return cause;
  const why = textOf(cause);
  if (isConnectionLoss(cause)) return sinkError('CDC_SINK_UNREACHABLE', doing, why, { cause });
  const code = texts.find(([pattern]) => pattern.test(why))?.[1] ?? 'CDC_SINK_FAILED';
  return sinkError(code, doing, why, { cause });
}

function isConnectionLoss(error: unknown): boolean {
  if (error instanceof HiveConnectionError) return true;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^E[A-Z]+$/.test(code) || /connection is lost|Socket closed|socket hang up/i.test(error.message)
  );
}

function textOf(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return String(message).split('\n')[0]?.slice(0, 1_000) ?? '';
}
