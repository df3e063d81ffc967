import { afterAll, beforeAll } from 'vitest';
import { DorisSink } from '../../../src/sink/doris/doris-sink.ts';
import type { DorisSinkOptions } from '../../../src/sink/doris/options.ts';
import { DorisDouble } from '../../support/doris-double/doris-double.ts';
import { dorisOptions } from '../../support/doris-double/doris-options.ts';
import type { DorisTable } from '../../support/doris-double/doris-table.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

let double: DorisDouble;
beforeAll(async () => {
  double = await DorisDouble.open({ flavour: 'starrocks' });
});
afterAll(() => double[Symbol.asyncDispose]());

describeSinkContract({
  name: 'starrocks (a double)',
  options: async () => dorisOptions(double),
  open: async (options) => new DorisSink(options as DorisSinkOptions),
  refuse: async (options, target) => setLength(options as DorisSinkOptions, target, 8),
  accept: async (options, target) => setLength(options as DorisSinkOptions, target, 800),
  rows: 4_000,
});

/** `note` of eight bytes takes `note 17` and not `refuse me`. */
function setLength({ database }: DorisSinkOptions, target: string, bytes: number): void {
  const table: DorisTable = double.cluster.table(database, target);
  table.columns = table.columns.map((column) =>
    column.name === 'note' ? { ...column, type: { name: 'VARCHAR', parameters: [bytes] } } : column,
  );
}
