import type { LineBatch } from '../../src/sink/sink.ts';
import { type OrderRow, ordersTable } from './order-batches.ts';

/** A batch as the engine would print it; `sequence`: of the progress after it. */
export function ordersBatch(sequence: number, rows: readonly OrderRow[]): LineBatch {
  const lines = rows.map(
    ({ id, note, version, deleted = false }) =>
      `${JSON.stringify([id, deleted ? null : note, version, Number(deleted)])}\n`,
  );
  return {
    table: ordersTable,
    rowCount: rows.length,
    body: [Buffer.from(lines.join(''))],
    token: `batch_${sequence}`,
    step: { follows: sequence - 1, next: { sequence, value: `{"at":${sequence}}` } },
  };
}
