import { CdcError, type ErrorCode } from '../../errors.ts';
import { incompatibleTable, rejectedRows, sinkError } from '../sink-errors.ts';

type SinkCode = Extract<ErrorCode, `CDC_SINK_${string}`>;

/** What failed, and which table it is about, if it is about one. */
export interface About {
  /** `Writing shop.orders`. */
  readonly doing: string;
  /** `SinkTable.source`. */
  readonly table?: string;
}

/** Too many versions of a tablet: loads come faster than the store compacts. */
export const tooManyVersions = /-235|TOO_MANY_VERSION|too many (tablet )?versions/i;

/**
 * The store's words -> our code, the first that matches. Doris and StarRocks number few of their errors (nearly all are 1105, or
 * 1064), so the words are all there is; they are those of their sources.
 */
const codeByWords: readonly (readonly [RegExp, SinkCode])[] = [
  [tooManyVersions, 'CDC_SINK_BUSY'],
  // Somebody else changes the table.
  [/is not NORMAL|doing schema change/i, 'CDC_SINK_BUSY'],
  [
    /Access denied|no valid Basic authorization|Unauthorized|need auth|privilege/i,
    'CDC_SINK_ACCESS_DENIED',
  ],
  [
    /exceed limit usage|no space left|disk .*(full|exceed)|reach.* capacity limit/i,
    'CDC_SINK_FULL',
  ],
  [/larger than limit|too many (connections|open|segments)|reach limit/i, 'CDC_SINK_BUSY'],
  [
    /no (available )?backend|backend.* not (alive|available)|alive replica|no queryable replica/i,
    'CDC_SINK_BUSY',
  ],
  [
    /memory.*(limit|exceed)|MEM_(LIMIT|ALLOC)|not enough memory|TABLET_WRITER|tablet writer/i,
    'CDC_SINK_BUSY',
  ],
  [
    /time ?out|TIMEOUT|cancell?ed|sender is gone|rpc (failed|error)|THRIFT|heartbeat|not master/i,
    'CDC_SINK_BUSY',
  ],
  [
    /too many filtered rows|DATA_QUALITY_ERROR|unqualified data|filtered data in strict mode/i,
    'CDC_SINK_REJECTED',
  ],
  [/read.?only/i, 'CDC_SINK_READ_ONLY'],
  [
    /unknown (table|database|column)|does not exist|has sequence column|no sequence column|no default value/i,
    'CDC_SINK_INCOMPATIBLE',
  ],
  [
    /SCHEMA_CHANGE|schema change|Can ?not (change|modify|drop|add)|prohibited|ordered prefix|key column/i,
    'CDC_SINK_INCOMPATIBLE',
  ],
];

/** Numbers of the MySQL protocol that mean what they mean there. */
const codeByNumber: Readonly<Record<number, SinkCode>> = {
  1040: 'CDC_SINK_BUSY', // too many connections
  1044: 'CDC_SINK_ACCESS_DENIED',
  1045: 'CDC_SINK_ACCESS_DENIED',
  1049: 'CDC_SINK_INCOMPATIBLE', // database gone
  1054: 'CDC_SINK_INCOMPATIBLE', // column gone
  1142: 'CDC_SINK_ACCESS_DENIED',
  1203: 'CDC_SINK_BUSY', // too many connections of this user
  1227: 'CDC_SINK_ACCESS_DENIED',
};

/** An error of the store itself, by its number, if it has one, and its words. */
export function storeError(words: string, { doing, table }: About, cause?: unknown): CdcError {
  const errno = (cause as { errno?: unknown } | undefined)?.errno;
  const byNumber = typeof errno === 'number' ? codeByNumber[errno] : undefined;
  const code = byNumber ?? codeByWords.find(([pattern]) => pattern.test(words))?.[1];
  const why = words.replace(/^errCode = \d+, detailMessage = /, '');
  if (code === 'CDC_SINK_REJECTED' && table !== undefined) return rejectedRows(table, why, cause);
  if (code === 'CDC_SINK_INCOMPATIBLE' && table !== undefined) {
    return incompatibleTable(table, why, { cause });
  }
  const isOfTable = code === 'CDC_SINK_REJECTED' || code === 'CDC_SINK_INCOMPATIBLE';
  return sinkError(isOfTable ? 'CDC_SINK_FAILED' : (code ?? 'CDC_SINK_FAILED'), doing, why, {
    cause,
    ...(table !== undefined && { table }),
  });
}

/** Of TLS: the certificate is not trusted, or the server has none. */
const certificateCodes =
  /^(HANDSHAKE_NO_SSL_SUPPORT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_HAS_EXPIRED|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/** An error of a socket: the store does not answer, or broke the connection, or its certificate is not trusted. */
export function transportError(error: unknown, { doing, table }: About): CdcError {
  if (error instanceof CdcError) return error;
  const [inner] = error instanceof AggregateError ? error.errors : [error];
  const { code = '', message = String(inner) } = inner as { code?: string; message?: string };
  const why = code === '' || message.includes(code) ? message : `${message} (${code})`;
  const what = certificateCodes.test(code) ? 'CDC_SINK_ACCESS_DENIED' : 'CDC_SINK_UNREACHABLE';
  return sinkError(what, doing, why, { cause: error, ...(table !== undefined && { table }) });
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof CdcError && error.code === 'CDC_SINK_UNREACHABLE';
}
