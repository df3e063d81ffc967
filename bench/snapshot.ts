import type { ServerAddress } from '../src/demo/server/server-address.ts';
import type { Measurement } from './bench.ts';
import { checkContents, openBenchProject, rate } from './bench-project.ts';
import { type MeasuredCommand, measureCommand } from './measured-command.ts';
import { createOrders, insertOrders } from './orders-table.ts';

const rows = 2_000_000;

/** `cdc init` of one table of 2,000,000 rows, the whole command from start to exit. */
export async function measureSnapshot(address: ServerAddress): Promise<Measurement[]> {
  await using project = await openBenchProject(address, 'bench_snapshot');
  await createOrders(project.connection, project.database);
  await insertOrders(project.connection, project.database, rows, 100_000);
  const startedAt = performance.now();
  await project.connection.query({
    sql: `SELECT * FROM ${project.database}.orders LIMIT 1000000`,
    rowsAsArray: true,
  });
  const plain = (performance.now() - startedAt) / 1000;
  const command = await measureCommand(project.folder, ['init']);
  const checked = await checkContents(
    project,
    async (sql) => (await measureCommand(project.folder, ['query', `${sql} FORMAT CSV`])).stdout,
  );
  return [
    {
      name: `snapshot -> ODS, ${rows.toLocaleString('en')} rows, start and exit included`,
      figure: rate(rows, command.seconds),
      target: '>= 200k rows/s',
      limit: `plain SELECT through mysql2: ${rate(1_000_000, plain)}`,
      checked,
    },
    memoryOf('cdc init', command),
  ];
}

export function memoryOf(name: string, command: MeasuredCommand): Measurement {
  return {
    name: `peak memory of the ${name} process (the engine is another one)`,
    figure: `${Math.round(command.peakMegabytes)} MB`,
    target: '< 300 MB',
    limit: `with the mapped pages of the log file: ${Math.round(command.peakResidentMegabytes)} MB`,
    checked: 'RssAnon of the process every 50 ms; VmHWM beside it',
  };
}
