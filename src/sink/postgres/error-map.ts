import { CdcError, type ErrorCode } from '../../errors.ts';
import { incompatibleTable, rejectedRows, sinkError } from '../sink-errors.ts';

type SinkCode = Extract<ErrorCode, `CDC_SINK_${string}`>;

/** SQLSTATE, or its class of two characters -> our code; the longer one wins. Codes: PostgreSQL manual, appendix A. */
const codeByState: Readonly<Record<string, SinkCode>> = {
  '08': 'CDC_SINK_UNREACHABLE', // connection exception; PgBouncer's own errors, too
  '0A': 'CDC_SINK_INCOMPATIBLE', // e.g. the type of a column that a view uses
  '22': 'CDC_SINK_REJECTED', // data exception
  '23': 'CDC_SINK_REJECTED', // a constraint that somebody has added
  '25006': 'CDC_SINK_READ_ONLY',
  '25P03': 'CDC_SINK_BUSY', // idle in a transaction for too long: this process was stopped
  '28': 'CDC_SINK_ACCESS_DENIED',
  '2BP01': 'CDC_SINK_INCOMPATIBLE', // other objects depend on it
  '40': 'CDC_SINK_BUSY', // serialization failure, deadlock
  '42501': 'CDC_SINK_ACCESS_DENIED',
  '42P01': 'CDC_SINK_INCOMPATIBLE', // table gone
  '42P07': 'CDC_SINK_BUSY', // somebody has made the table meanwhile
  '42P10': 'CDC_SINK_INCOMPATIBLE', // no unique index for ON CONFLICT
  '42703': 'CDC_SINK_INCOMPATIBLE', // column gone
  '42804': 'CDC_SINK_INCOMPATIBLE', // column of another type
  '428C9': 'CDC_SINK_INCOMPATIBLE', // a generated column
  '42830': 'CDC_SINK_INCOMPATIBLE',
  '44': 'CDC_SINK_REJECTED', // WITH CHECK OPTION
  '53': 'CDC_SINK_BUSY', // out of memory, too many connections
  '53100': 'CDC_SINK_FULL',
  '54': 'CDC_SINK_REJECTED', // e.g. a key longer than an index takes
  '55006': 'CDC_SINK_BUSY', // object in use
  '55P03': 'CDC_SINK_BUSY', // lock not available
  '57014': 'CDC_SINK_BUSY', // statement timeout
  '57P': 'CDC_SINK_UNREACHABLE', // shutdown, crash, starting up, idle session
  '58030': 'CDC_SINK_BUSY', // input or output error
  P0: 'CDC_SINK_REJECTED', // a trigger's own
};

/** Codes of sockets, TLS and the driver. */
const codeByReason: Readonly<Record<string, SinkCode>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'CDC_SINK_ACCESS_DENIED',
  SELF_SIGNED_CERT_IN_CHAIN: 'CDC_SINK_ACCESS_DENIED',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'CDC_SINK_ACCESS_DENIED',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'CDC_SINK_ACCESS_DENIED',
  CERT_HAS_EXPIRED: 'CDC_SINK_ACCESS_DENIED',
  ERR_TLS_CERT_ALTNAME_INVALID: 'CDC_SINK_ACCESS_DENIED',
};

/** What the driver says in words only. */
const wordsOfDriver: readonly (readonly [RegExp, SinkCode])[] = [
  [/does not support SSL|SASL|password must be a string/i, 'CDC_SINK_ACCESS_DENIED'],
  [/terminated|timeout|not queryable|client was closed|hang up/i, 'CDC_SINK_UNREACHABLE'],
];

/** What an error came of. */
export interface FailedWork {
  /** For messages: `Writing shop.orders`. */
  readonly doing: string;
  /** `SinkTable.source`, where a table may be to blame. */
  readonly table?: string;
  /** Rows are written, so they may be to blame. */
  readonly hasRows?: true;
}

/**
 * An error of the driver as ours. Rows and tables are only blamed where there is one. What nobody knows is a bug and
 * passes through.
 */
export function toSinkError(error: unknown, { doing, table, hasRows }: FailedWork): unknown {
  if (error instanceof CdcError || !(error instanceof Error)) return error;
  const { code = '' } = error as { code?: string };
  // A host with several addresses fails with an AggregateError whose own message is empty.
  const [inner] = error instanceof AggregateError ? error.errors : [];
  const words = inner instanceof Error ? inner.message : error.message;
  const known = isState(code) ? codeOfState(code) : codeOfDriver(code, words);
  if (known === undefined) return error;
  if (known === 'CDC_SINK_REJECTED' || known === 'CDC_SINK_INCOMPATIBLE') {
    if (table === undefined) return sinkError('CDC_SINK_FAILED', doing, words, { cause: error });
    if (known === 'CDC_SINK_REJECTED' && hasRows) return rejectedRows(table, words, error);
    return incompatibleTable(table, words, { cause: error });
  }
  const why = code === '' ? words : `${words} [${code}]`;
  return sinkError(known, doing, why, { cause: error });
}

/** Whether the server has refused a statement and the connection is as good as before. */
export function isRefusal(error: unknown): boolean {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && isState(code) && severity === 'ERROR';
}

function isState(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

function codeOfState(state: string): SinkCode {
  for (const length of [5, 3, 2]) {
    const code = codeByState[state.slice(0, length)];
    if (code !== undefined) return code;
  }
  return 'CDC_SINK_FAILED';
}

function codeOfDriver(code: string, words: string): SinkCode | undefined {
  const found = codeByReason[code] ?? wordsOfDriver.find(([pattern]) => pattern.test(words))?.[1];
  if (found !== undefined) return found;
  return /^E[A-Z]+/.test(code) ? 'CDC_SINK_UNREACHABLE' : undefined;
}
