import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { followChangelog, recordsOf } from '../integration/sink-kafka-support.ts';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { openTestCluster, randomName, testKafka } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

const kills = 50;
const seed = 31;

const models = {
  'dws/customer_totals': `-- key: customer_id
SELECT customer_id, count() AS orders, sum(amount) AS amount, max(note) AS note
FROM {db}.orders WHERE status = 'paid' GROUP BY customer_id
`,
};

test(`topics of tables and of a model hold each net change once, with its row before, after ${kills} kills (seed ${seed})`, async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const connection = await testKafka();
  const prefix = randomName('changelog');
  const tables = [`${database.name}.*`, 'dws.*'];
  const sink = { name: 'changes', type: 'kafka', ...connection, prefix, tables, partitions: 2 };
  const project = await CdcProject.create(folder.path, database, {
    yaml: `name: test\n${sourceYaml(database)}sinks: ${JSON.stringify([{ ...sink, batchRows: 50 }])}\n`,
    models,
  });
  await createShop(database, 400);
  await project.succeed('init');
  const random = new Random(seed);
  {
    await using traffic = await startShopTraffic(database, seed);
    await using run = new RunningCommand(project, 'run');
    for (let kill = 0; kill < kills; kill++) {
      // Most of a start is over after a second; then everything writes.
      await delay(random.between(600, 3_000));
      await run.killAndStart();
    }
    expect(await traffic.stop()).toBeGreaterThan(100);
    await run.working();
    const { exitCode, stderr } = await run.stop();
    expect(exitCode, stderr).toBe(0);
  }
  await project.succeed('run', '--until-current');
  const verified = await project.run('verify', '--sink', 'changes', '--json');
  expect(verified.exitCode, `${verified.stdout}${verified.stderr}`).toBe(0);
  expect(JSON.parse(verified.stdout).tables).toHaveLength(5);

  await using cluster = await openTestCluster(connection);
  for (const table of [`${database.name}.orders`, 'dws.customer_totals']) {
    const rows = followChangelog(await recordsOf(cluster, `${prefix}.${table}`));
    const [count] = await project.query<{ rows: number }>(`SELECT count() AS rows FROM ${table}`);
    expect([table, rows.size]).toEqual([table, Number(count?.rows)]);
    expect(rows.size).toBeGreaterThan(20);
  }
}, 600_000);
