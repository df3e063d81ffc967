import { CdcError, type ErrorCode } from '../../errors.ts';

/** Error number of the server, or code of the driver or socket -> our code. */
const codeByReason: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'CDC_SOURCE_UNREACHABLE',
  ENOTFOUND: 'CDC_SOURCE_UNREACHABLE',
  EAI_AGAIN: 'CDC_SOURCE_UNREACHABLE',
  ETIMEDOUT: 'CDC_SOURCE_UNREACHABLE',
  EHOSTUNREACH: 'CDC_SOURCE_UNREACHABLE',
  ENETUNREACH: 'CDC_SOURCE_UNREACHABLE',
  HANDSHAKE_NO_SSL_SUPPORT: 'CDC_SOURCE_ACCESS_DENIED',
  HANDSHAKE_SSL_ERROR: 'CDC_SOURCE_ACCESS_DENIED',
  ECONNRESET: 'CDC_SOURCE_CONNECTION_LOST',
  EPIPE: 'CDC_SOURCE_CONNECTION_LOST',
  PROTOCOL_CONNECTION_LOST: 'CDC_SOURCE_CONNECTION_LOST',
  PROTOCOL_SEQUENCE_TIMEOUT: 'CDC_SOURCE_CONNECTION_LOST',
  1040: 'CDC_SOURCE_UNREACHABLE', // too many connections
  1044: 'CDC_SOURCE_ACCESS_DENIED',
  1045: 'CDC_SOURCE_ACCESS_DENIED',
  1049: 'CDC_TABLE_NOT_FOUND', // unknown database
  1053: 'CDC_SOURCE_CONNECTION_LOST', // server shutdown in progress
  1129: 'CDC_SOURCE_ACCESS_DENIED', // host blocked
  1130: 'CDC_SOURCE_ACCESS_DENIED', // host not allowed
  1142: 'CDC_SOURCE_ACCESS_DENIED',
  1143: 'CDC_SOURCE_ACCESS_DENIED',
  1146: 'CDC_TABLE_NOT_FOUND',
  1159: 'CDC_SOURCE_CONNECTION_LOST', // read timeout
  1161: 'CDC_SOURCE_CONNECTION_LOST', // write timeout
  1203: 'CDC_SOURCE_UNREACHABLE', // too many connections of the user
  1205: 'CDC_SOURCE_CONNECTION_LOST', // lock wait timeout: try again
  1213: 'CDC_SOURCE_CONNECTION_LOST', // deadlock: try again
  1226: 'CDC_SOURCE_UNREACHABLE', // resource limit of the user
  1227: 'CDC_SOURCE_ACCESS_DENIED',
  1236: 'CDC_BINLOG_POSITION_LOST',
  1317: 'CDC_SOURCE_CONNECTION_LOST', // query killed
  1412: 'CDC_SOURCE_CONNECTION_LOST', // table definition changed, retry transaction
  1927: 'CDC_SOURCE_CONNECTION_LOST', // MariaDB: connection was killed
  3118: 'CDC_SOURCE_ACCESS_DENIED', // account locked
  3159: 'CDC_SOURCE_ACCESS_DENIED', // server requires TLS
  3169: 'CDC_SOURCE_CONNECTION_LOST', // MySQL: session was killed
  4031: 'CDC_SOURCE_CONNECTION_LOST', // MySQL: disconnected for inactivity
};

/**
 * An error of the driver as ours. `action` in the gerund says what was being done, with the names:
 * `reading shop.orders`. Ours pass through; what the table does not know is a bug.
 */
export function toSourceError(error: unknown, action: string): CdcError {
  if (error instanceof CdcError) return error;
  const { errno, code, message, sqlMessage, isFatal } = factsOf(error);
  const known = codeByReason[String(errno)] ?? codeByReason[code];
  const mapped = known ?? (isFatal ? 'CDC_SOURCE_CONNECTION_LOST' : 'CDC_INTERNAL');
  const reason = sqlMessage || message || code;
  return new CdcError(mapped, `${action}: ${reason}`, {
    cause: error,
    details: { ...(errno > 0 && { errno }), ...(code !== '' && { reason: code }) },
  });
}

/** The server's error number, 0 when the error is not the server's. */
export function serverErrno(error: unknown): number {
  const { errno } = factsOf(error instanceof CdcError ? error.cause : error);
  return Math.max(errno, 0);
}

interface ErrorFacts {
  readonly errno: number;
  readonly code: string;
  readonly message: string;
  readonly sqlMessage: string;
  /** The connection is of no use any more. */
  readonly isFatal: boolean;
}

function factsOf(error: unknown): ErrorFacts {
  const facts = (typeof error === 'object' && error !== null ? error : {}) as DriverFacts;
  // A host with several addresses fails with an AggregateError whose own message is empty.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  // What the server says unasked before it closes a connection has its number as `code`.
  const errno = typeof facts.code === 'number' ? facts.code : facts.errno;
  return {
    errno: typeof errno === 'number' ? errno : 0,
    code: typeof facts.code === 'string' ? facts.code : '',
    message: inner instanceof Error ? inner.message : String(inner),
    sqlMessage: typeof facts.sqlMessage === 'string' ? facts.sqlMessage : '',
    isFatal: facts.fatal === true,
  };
}

/** What an error of mysql2 or of a socket may carry. */
interface DriverFacts {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly sqlMessage?: unknown;
  readonly fatal?: unknown;
}
