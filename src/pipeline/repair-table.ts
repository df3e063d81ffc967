import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';
import { physicalTable } from '../load/clickhouse/ddl.ts';
import { requestResend } from './resend-requests.ts';
import { keyText } from './verify-rows.ts';
import type { KeyDifference, TableVerification } from './verify-table.ts';
import type { VerifyWork } from './verify-work.ts';

export interface TableRepair {
  readonly table: TableId;
  /** The table of the source, where rules give it another name. */
  readonly source?: TableId;
  /** Rows that the source has, sent again. */
  readonly sent: number;
  /** Deletes sent for rows that the source does not have. */
  readonly deleted: number;
  /** Rows removed from the warehouse because their version was above all that the source has written. */
  readonly removed: number;
}

/** Rows read from the source while the stream waits. */
const keysAtOnce = 500;
const pollMs = 20;

/**
 * Sends the rows of the keys that differ once more, through the log: whoever reads it sees them, and a replay repeats them.
 * Resolves when ODS has all of them.
 */
export async function repairTable(
  work: VerifyWork,
  { table, source = table, differences }: TableVerification,
  signal: AbortSignal,
): Promise<TableRepair> {
  const { catalog, log } = work;
  const schema = log.schemas().get(table);
  if (schema === undefined) {
    throw new CdcError('CDC_NOT_INITIALIZED', `Repairing ${table}: it has no snapshot yet.`);
  }
  const ahead = differences.filter(({ isAhead }) => isAhead);
  await removeAhead(work, schema, ahead, signal);
  for (let at = 0; at < differences.length; at += keysAtOnce) {
    const part = differences.slice(at, at + keysAtOnce);
    const keys = part.map(({ sourceKey }) => sourceKey);
    const version = await requestResend(catalog, { id: randomUUID(), table: source, keys }, signal);
    await awaitRows(work, schema, { keys: part, version, signal });
  }
  const deleted = differences.filter(({ kind }) => kind === 'extra').length;
  return {
    table,
    ...(source !== table && { source }),
    sent: differences.length - deleted,
    deleted,
    removed: ahead.length,
  };
}

/** No row of the source wins over these, so that they are not for the log to mend. */
async function removeAhead(
  { engine }: VerifyWork,
  schema: TableSchema,
  differences: readonly KeyDifference[],
  signal: AbortSignal,
): Promise<void> {
  const table = physicalTable(schema.table);
  for (let at = 0; at < differences.length; at += keysAtOnce) {
    const keys = differences.slice(at, at + keysAtOnce).map(({ odsKey }) => odsKey);
    await engine.command(
      `ALTER TABLE ${table} DELETE WHERE ${keyText(schema)} IN ({keys:Array(String)})`,
      {
        params: { keys },
        signal,
      },
    );
  }
}

async function awaitRows(
  { engine, log }: VerifyWork,
  schema: TableSchema,
  wanted: { keys: readonly KeyDifference[]; version: bigint; signal: AbortSignal },
): Promise<void> {
  const { version, signal } = wanted;
  const keys = wanted.keys.map(({ odsKey }) => odsKey);
  const sql = `SELECT toString(uniqExact(key)) AS loaded FROM (SELECT ${keyText(schema)} AS key
FROM ${physicalTable(schema.table)} WHERE _version >= ${version} AND key IN ({keys:Array(String)}))`;
  for (;;) {
    const [row] = await engine.rows<{ loaded: string }>(sql, { params: { keys }, signal });
    if (Number(row?.loaded ?? 0) >= keys.length) return;
    if (log.schemas().get(schema.table)?.version !== schema.version) {
      throw new CdcError(
        'CDC_SOURCE_CONNECTION_LOST',
        `Repairing ${schema.table}: its columns have just changed.`,
        { remedy: 'Run the repair once more.' },
      );
    }
    await delay(pollMs, undefined, { signal });
  }
}
