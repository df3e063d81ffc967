import type { ServerAddress } from '../src/demo/server/server-address.ts';
import type { Measurement } from './bench.ts';
import { checkContents, openBenchProject, rate } from './bench-project.ts';
import { measureCommand } from './measured-command.ts';
import { createOrders, insertOrders } from './orders-table.ts';
import { memoryOf } from './snapshot.ts';

const rows = 1_000_000;

/** A backlog of 1,000,000 rows in transactions of 1,000, then `cdc run --until-current`. */
export async function measureCatchUp(address: ServerAddress): Promise<Measurement[]> {
  await using project = await openBenchProject(address, 'bench_catchup');
  await createOrders(project.connection, project.database);
  await measureCommand(project.folder, ['init']);
  await insertOrders(project.connection, project.database, rows, 1_000);
  const idleSeconds = await startAndExit(address);
  const command = await measureCommand(project.folder, ['run', '--until-current']);
  const checked = await checkContents(
    project,
    async (sql) => (await measureCommand(project.folder, ['query', `${sql} FORMAT CSV`])).stdout,
  );
  return [
    {
      name: 'binlog catch-up -> ODS, 1,000,000 rows in transactions of 1,000, start and exit included',
      figure: rate(rows, command.seconds),
      target: '>= 200k rows/s',
      limit: `without the ${idleSeconds.toFixed(1)} s that the command takes with nothing to do: ${rate(rows, command.seconds - idleSeconds)}`,
      checked,
    },
    memoryOf('cdc run', command),
  ];
}

/** What `cdc run --until-current` takes when it is current already. */
async function startAndExit(address: ServerAddress): Promise<number> {
  await using idle = await openBenchProject(address, 'bench_idle');
  await createOrders(idle.connection, idle.database);
  await measureCommand(idle.folder, ['init']);
  const { seconds } = await measureCommand(idle.folder, ['run', '--until-current']);
  return seconds;
}
