import { CdcError, type ErrorCode } from '../../errors.ts';
import { incompatibleTable, rejectedRows, sinkError } from '../sink-errors.ts';
import { versionColumn } from '../sink-table.ts';

type SinkCode = Extract<ErrorCode, `CDC_SINK_${string}`>;

const busy = 'CDC_SINK_BUSY';
const denied = 'CDC_SINK_ACCESS_DENIED';
const full = 'CDC_SINK_FULL';
const incompatible = 'CDC_SINK_INCOMPATIBLE';
const lost = 'CDC_SINK_UNREACHABLE';
const readOnly = 'CDC_SINK_READ_ONLY';
const rejected = 'CDC_SINK_REJECTED';

/** Error number of the server, or code of the driver or socket -> our code. */
const codeByReason: Readonly<Record<string, SinkCode>> = {
  HANDSHAKE_NO_SSL_SUPPORT: denied,
  HANDSHAKE_SSL_ERROR: denied,
  DEPTH_ZERO_SELF_SIGNED_CERT: denied,
  SELF_SIGNED_CERT_IN_CHAIN: denied,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: denied,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: denied,
  CERT_HAS_EXPIRED: denied,
  ERR_TLS_CERT_ALTNAME_INVALID: denied,
  PROTOCOL_CONNECTION_LOST: lost,
  PROTOCOL_SEQUENCE_TIMEOUT: lost,
  1020: busy, // the row has changed since it was read
  1021: full,
  1036: readOnly, // the table is
  1037: busy, // out of memory
  1038: busy, // out of sort memory
  1040: busy, // too many connections
  1041: busy, // out of memory
  1044: denied,
  1045: denied,
  1048: rejected, // column cannot be null
  1053: lost, // shutdown in progress
  1054: incompatible, // unknown column
  1060: incompatible, // column exists: somebody alters the table, too
  1062: rejected, // duplicate entry
  1067: incompatible, // invalid default
  1069: incompatible, // too many keys
  1071: incompatible, // key too long
  1072: incompatible, // key column does not exist
  1074: incompatible, // column too long
  1091: incompatible, // column to drop does not exist
  1099: busy, // table locked
  1114: full, // the table is
  1117: incompatible, // too many columns
  1118: incompatible, // row too large
  1129: denied, // host blocked
  1130: denied, // host not allowed
  1142: denied,
  1143: denied,
  1146: incompatible, // no such table
  1153: rejected, // packet too large
  1158: lost,
  1159: lost,
  1160: lost,
  1161: lost,
  1170: incompatible, // TEXT key without a length
  1203: busy, // too many connections of the user
  1205: busy, // lock wait timeout
  1206: busy, // too many locks
  1213: busy, // deadlock
  1226: busy, // resource limit of the user
  1227: denied,
  1246: rejected,
  1264: rejected, // out of range
  1265: rejected, // data truncated
  1290: readOnly, // running with --read-only
  1291: incompatible, // duplicate member of a set
  1292: rejected, // wrong value
  1300: rejected, // invalid character string
  1317: busy, // statement killed
  1364: incompatible, // another column without a default
  1366: rejected, // wrong value for the column
  1367: rejected, // illegal value
  1369: rejected, // CHECK OPTION of a view
  1406: rejected, // too long
  1411: rejected,
  1412: busy, // table definition has changed
  1416: rejected, // not a geometry
  1451: rejected, // a row of another table refers to it
  1452: rejected, // the row it refers to is missing
  1614: busy, // transaction branch rolled back
  1615: busy,
  1637: busy, // too many concurrent transactions
  1644: rejected, // a trigger's own
  1690: rejected, // out of range
  1698: denied,
  1792: readOnly, // read-only transaction
  1820: denied, // password expired
  1836: readOnly, // read-only mode
  1846: incompatible, // ALTER not supported
  1862: denied,
  1927: lost, // MariaDB: killed
  1969: busy, // MariaDB: statement time exceeded
  3024: busy, // MySQL: statement time exceeded
  3037: rejected, // invalid GIS data
  3055: rejected,
  3098: incompatible, // group replication wants another table
  3100: busy, // a hook refused the commit
  3101: busy, // group replication rolled back
  3118: denied, // account locked
  3140: rejected, // invalid JSON
  3159: denied, // server requires TLS
  3169: lost, // MySQL: killed
  3516: rejected,
  3572: busy, // NOWAIT
  3617: rejected, // longitude out of range
  3819: rejected, // MySQL: check constraint
  4025: rejected, // MariaDB: check constraint
  4031: lost, // MySQL: disconnected for inactivity
};

/**
 * An error of the driver as ours; `doing` is what failed: `Writing shop.orders`. Rows and tables are only blamed where there is
 * one. What is no error of the driver passes through.
 */
export function toSinkError(error: unknown, doing: string, table?: string): unknown {
  if (error instanceof CdcError || !(error instanceof Error)) return error;
  const { errno, code, words } = factsOf(error);
  const known = codeOf(errno, code, words, error);
  if (known === undefined) return error;
  const cause = { cause: error };
  if (known === rejected && table !== undefined) {
    return rejectedRows(table, errno === 1048 && isOurGuard(words) ? hitsOther : words, error);
  }
  if (known === incompatible && table !== undefined) return incompatibleTable(table, words, cause);
  const isOfTable = known === rejected || known === incompatible;
  return sinkError(isOfTable ? 'CDC_SINK_FAILED' : known, doing, words, {
    ...cause,
    ...(errno === 1049 && {
      remedy: 'Create the database named, or correct `database` of the sink.',
    }),
  });
}

/** Whether the server has refused a statement and the connection is as good as before. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && factsOf(error).errno > 0 && !factsOf(error).isFatal;
}

const hitsOther = 'another row of the store has the same value in a unique index beside the key.';

/** The version becomes NULL where a row would take the place of one with another key (upsert.ts). */
function isOurGuard(words: string): boolean {
  return words.includes(`'${versionColumn}'`);
}

function codeOf(errno: number, code: string, words: string, error: Error): SinkCode | undefined {
  // Disk full comes in many numbers (3, 1026, 1030, 1598): what counts is the system's own.
  if (errno > 0 && /(errcode|errno|error):? (no\.? )?28\b|no space left/i.test(words)) return full;
  const known = codeByReason[String(errno)] ?? codeByReason[code];
  if (known !== undefined) return known;
  if (errno > 0) return 'CDC_SINK_FAILED';
  if (/^E[A-Z_]+$/.test(code) && !code.startsWith('ERR_')) return lost;
  return factsOf(error).isFatal || /closed state|connection/i.test(words) ? lost : undefined;
}

function factsOf(error: Error) {
  const { errno, code, sqlMessage, fatal } = error as DriverFacts;
  // What the server says unasked before it closes a connection has its number as `code`.
  const number = typeof code === 'number' ? code : errno;
  // A host with several addresses fails with an AggregateError whose own message is empty.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = inner instanceof Error ? inner.message : String(inner);
  return {
    errno: typeof number === 'number' && number > 0 ? number : 0,
    code: typeof code === 'string' ? code : '',
    words:
      typeof sqlMessage === 'string' && sqlMessage !== '' ? withoutValues(sqlMessage) : message,
    isFatal: fatal === true,
  };
}

/** Values of rows belong into no log: `Incorrect date value: '2026-02-30' for column ...`. */
function withoutValues(message: string): string {
  return message
    .replace(/^(Duplicate entry) '.*' (for key)/s, '$1 $2')
    .replace(/(value:? )'.*' (for (column|function))/s, '$1$2');
}

/** What an error of mysql2 or of a socket may carry. */
interface DriverFacts {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly sqlMessage?: unknown;
  readonly fatal?: unknown;
}
