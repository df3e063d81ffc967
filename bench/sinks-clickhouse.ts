import { clickhouseType } from '../src/engine/column-type.ts';
import { engineProcess, openTestEngine } from '../test/support/test-engine.ts';
import { type BenchStore, orders, printRows } from './sinks-store.ts';

/** A second embedded engine is the server. */
export async function openClickhouseStore(): Promise<BenchStore> {
  const server = await openTestEngine();
  const { record, engine, stateFolder } = server;
  return {
    options: {
      type: 'clickhouse',
      url: `http://127.0.0.1:${record.port}`,
      password: record.password,
      database: 'bench',
      storage: 'bench_rows',
    },
    pid: engineProcess(stateFolder),
    rows: 1_000_000,
    bulkName: 'INSERT FROM file, RowBinary',
    async prepareBulk(source) {
      const path = await printRows(source, 'RowBinary');
      const columns = orders.columns.map((column) => `${column.name} ${clickhouseType(column)}`);
      await engine.command('CREATE DATABASE IF NOT EXISTS bench');
      await engine.command(`CREATE TABLE bench.bulk (${columns}) ENGINE = MergeTree ORDER BY id`);
      const structure = columns.join(', ').replaceAll("'", "\\'");
      return async () => {
        const { writtenRows } = await engine.command(
          `INSERT INTO bench.bulk SELECT * FROM file('${path}', 'RowBinary', '${structure}')`,
        );
        return writtenRows;
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
