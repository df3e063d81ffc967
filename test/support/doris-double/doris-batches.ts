import { createHash } from 'node:crypto';
import type { LineBatch } from '../../../src/sink/sink.ts';
import type { SinkTable } from '../../../src/sink/sink-table.ts';
import { type OrderRow, ordersTable } from '../order-batches.ts';

/** A batch as the engine would print it; `sequence`: of the progress after it. */
export function ordersBatch(
  sequence: number,
  rows: readonly OrderRow[],
  table: SinkTable = ordersTable,
): LineBatch {
  const lines = rows.map(({ id, note, version, deleted = false }) =>
    JSON.stringify({
      id,
      note: deleted ? null : note,
      _version: String(version),
      _deleted: Number(deleted),
    }),
  );
  const text = lines.map((line) => `${line}\n`).join('');
  return {
    table,
    rowCount: rows.length,
    body: [Buffer.from(text)],
    token: createHash('sha1').update(`${sequence} ${text}`).digest('hex'),
    step: { follows: sequence - 1, next: { sequence, value: `{"at":${sequence}}` } },
  };
}
