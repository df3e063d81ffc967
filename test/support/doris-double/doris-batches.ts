import { createHash } from 'node:crypto';
import type { LineBatch } from '../../../src/sink/sink.ts';
import type { SinkTable } from '../../../src/sink/sink-table.ts';

/** `shop.orders` as a sink is told of it. */
export const ordersTable: SinkTable = {
  source: 'shop.orders',
  target: 'orders',
  key: ['id'],
  settings: {},
  columns: [
    {
      name: 'id',
      type: { kind: 'int', bits: 32, unsigned: false },
      engineType: 'Int32',
      nullable: false,
      isKey: true,
      sourceType: 'int',
    },
    {
      name: 'note',
      type: { kind: 'string' },
      engineType: 'Nullable(String)',
      nullable: true,
      isKey: false,
      sourceType: 'varchar(20)',
    },
  ],
};

export interface OrderRow {
  readonly id: number;
  readonly note: string | null;
  readonly version: number;
  readonly deleted?: boolean;
}

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

/** The rows of the batch with this sequence in the tests that kill: keys come, change and go. */
export function rowsOfBatch(sequence: number): OrderRow[] {
  const ids = new Set(Array.from({ length: 12 }, (_, at) => (sequence * 7 + at * at * 5) % 60));
  return [...ids].map((id, at) => ({
    id,
    note: `batch ${sequence}`,
    version: sequence * 100 + at,
    deleted: (id + sequence) % 5 === 0,
  }));
}

/** What a store has after that many of those batches. */
export function stateAfter(batches: number): Map<number, string | null> {
  const state = new Map<number, string | null>();
  for (let sequence = 1; sequence <= batches; sequence++) {
    for (const { id, note, deleted } of rowsOfBatch(sequence)) {
      if (deleted) state.delete(id);
      else state.set(id, note);
    }
  }
  return state;
}
