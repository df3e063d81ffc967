import { CdcError, type ErrorCode } from '../errors.ts';

interface SinkErrorOptions {
  readonly cause?: unknown;
  readonly remedy?: string;
  /** `SinkTable.source`, where the error is about one table. */
  readonly table?: string;
}

/** An error of a sink; `doing` is what failed (`Writing shop.orders`), `why` the store's own words. */
export function sinkError(
  code: Extract<ErrorCode, `CDC_SINK_${string}`>,
  doing: string,
  why: string,
  { cause, remedy, table }: SinkErrorOptions = {},
): CdcError {
  return new CdcError(code, `${doing}: ${why}`, {
    ...(cause !== undefined && { cause }),
    ...(remedy !== undefined && { remedy }),
    ...(table !== undefined && { details: { table } }),
  });
}

/** Rows of the batch that the store will never take, as they are. */
export function rejectedRows(table: string, why: string, cause?: unknown): CdcError {
  return sinkError('CDC_SINK_REJECTED', `Writing ${table}`, why, { table, cause });
}

/** The table cannot go on; others can. */
export function incompatibleTable(
  table: string,
  why: string,
  options: Omit<SinkErrorOptions, 'table'> = {},
): CdcError {
  return sinkError('CDC_SINK_INCOMPATIBLE', `Table ${table}`, why, { ...options, table });
}

/** The store has another progress than the batch follows. */
export function staleProgress(table: string, found: number, expected: number): CdcError {
  const why = `the store has progress ${found} and not ${expected}; another process has written.`;
  return sinkError('CDC_SINK_STALE', `Writing ${table}`, why, { table });
}
