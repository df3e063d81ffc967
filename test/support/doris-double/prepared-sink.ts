import { DorisSink } from '../../../src/sink/doris/doris-sink.ts';
import { ordersTable } from '../order-batches.ts';
import type { DorisDouble } from './doris-double.ts';
import { dorisOptions } from './doris-options.ts';

export const evolve = { drop: true, mayAlter: true };

/** A sink with its table, and what the store has of it. */
export async function openPrepared(
  double: DorisDouble,
  more: Readonly<Record<string, unknown>> = {},
) {
  const options = dorisOptions(double, more);
  const sink = new DorisSink(options);
  await sink.prepare(ordersTable, evolve);
  const rows = () =>
    double.cluster
      .table(options.database, 'orders')
      .rows.map((row) => [row.get('id'), row.get('note')]);
  const sequence = async () => (await sink.progress()).get('shop.orders')?.sequence ?? 0;
  return { sink, options, rows, sequence };
}
