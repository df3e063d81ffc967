import type { SinkTable } from '../../src/sink/sink-table.ts';

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
      sourceType: 'varchar(200)',
    },
  ],
};

export interface OrderRow {
  readonly id: number;
  readonly note: string | null;
  readonly version: number;
  readonly deleted?: boolean;
}

/** The rows of the batch with this sequence in the tests that kill: keys come, change and go. */
export function rowsOfBatch(sequence: number): OrderRow[] {
  const ids = new Set(Array.from({ length: 40 }, (_, at) => (sequence * 7 + at * at * 5) % 200));
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
