import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import { type ClickhouseEngine, openEngine } from '../../src/engine/clickhouse-engine.ts';
import { engineOptions } from '../../src/engine/options.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import type { RepairReport } from '../../src/pipeline/repair.ts';
import type { StatusReport } from '../../src/pipeline/status.ts';
import type { VerifyReport } from '../../src/pipeline/verify.ts';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Orders that the traffic leaves alone, in a group of their own. */
const ownOrders = [50_001, 50_002, 50_003, 50_004];

/** One change at a time, so that no row changes under every look; until `stop`, which gives how many there were. */
async function startTraffic({ options }: TestDatabase) {
  const connection = await createConnection(options);
  let isStopped = false;
  const busy = (async () => {
    let count = 0;
    for (; !isStopped; count++) {
      await connection.query(
        `UPDATE orders SET amount = amount + 1 WHERE id = ${(count % 2_000) + 1}`,
      );
      await delay(20);
    }
    await connection.end();
    return count;
  })();
  const stop = () => {
    isStopped = true;
    return busy;
  };
  return { stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

function damagesOf(database: string, wide: string): string[] {
  const ods = (table: string) => `_ods.\`${database}.${table}\``;
  const damaged = (table: string, change: string, where: string) =>
    `INSERT INTO ${table} SELECT * REPLACE (${change}) FROM (SELECT * FROM ${table} FINAL WHERE ${where})`;
  return [
    // A changed value, a row that is gone, one too many.
    damaged(ods('orders'), 'amount + 1 AS amount', 'id = 50001'),
    `ALTER TABLE ${ods('orders')} DELETE WHERE id = 50002`,
    damaged(ods('orders'), '50009 AS id', 'id = 50003'),
    // A version that nothing of the source can win over.
    damaged(
      ods('item'),
      '7 AS qty, _version + bitShiftLeft(1::UInt64, 50) AS _version',
      'order_id = 50001',
    ),
    // A model's row.
    damaged(wide, '99 AS amount, _version + 1 AS _version', 'order_id = 50004'),
    // What a killed verification leaves behind.
    'CREATE DATABASE IF NOT EXISTS _verify',
    'CREATE TABLE _verify.v9_copy_0 (id UInt64) ENGINE = MergeTree ORDER BY id',
  ];
}

/** Versions of our own orders in the warehouse. */
function versionsOf(engine: ClickhouseEngine, { name }: TestDatabase) {
  const ids = [...ownOrders, 50_009].join(', ');
  return engine.rows<{ id: string; _version: string }>(
    `SELECT id, _version FROM _ods.\`${name}.orders\` FINAL WHERE id IN (${ids}) ORDER BY id`,
  );
}

test('verify finds what was damaged beside a running cdc run, and repair mends just that, while writing goes on', async () => {
  await using database = await openTestDatabase();
  await using folder = await openTempFolder();
  await createShop(database);
  await database.connection.query(
    ownOrders
      .map(
        (id) =>
          `INSERT INTO orders (id,customer_id,amount,status,created_at) VALUES (${id},900,10,'paid','2020-05-05');
           INSERT INTO item VALUES (${id},1,'own',1,2.5,NULL);`,
      )
      .join(''),
  );
  const project = await CdcProject.create(folder.path, database, { models: shopModels });
  await project.succeed('init');
  await using running = new RunningCommand(project, 'run');
  await using traffic = await startTraffic(database);
  await running.working();
  const stateFolder = join(folder.path, '.cdc');
  const logger = createSilentLogger();
  await using engine = await openEngine(engineOptions.parse({ type: 'embedded' }), {
    stateFolder,
    logger,
  });
  const before = await versionsOf(engine, database);
  const [wide] = await engine.rows<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = '_layers' AND match(name, '^dwd.order_wide@[0-9]+$')",
  );
  for (const damage of damagesOf(database.name, `_layers.\`${wide?.name}\``)) {
    await engine.command(damage);
  }

  // Of two names, changing nothing.
  const some = [`${database.name}.item`, 'dwd.order_wide'];
  const dry = await project.run('repair', ...some, '--dry-run', '--json');
  expect(dry.exitCode, dry.stderr).toBe(4);
  const planned = JSON.parse(dry.stdout) as RepairReport;
  expect(planned.before.tables.map(({ table }) => table)).toEqual(some.slice(0, 1));
  expect(planned.before.layers.map(({ name }) => name)).toEqual(some.slice(1));
  expect(planned.before.tables[0]?.differences).toMatchObject([
    { key: '["50001","1"]', isAhead: true, values: [{ name: 'qty', stored: '7', correct: '1' }] },
  ]);
  const [found] = planned.before.layers;
  expect(found?.keys.map((key) => JSON.parse(key).order_id)).toEqual([
    ...['50001', '50002', '50004', '50009'],
  ]);
  expect(found?.examples.find(({ key }) => key.includes('50004'))?.columns).toEqual([
    { name: 'amount', stored: '99', correct: '10' },
  ]);
  expect([planned.tables, planned.models]).toEqual([[], []]);

  const repaired = JSON.parse(await project.succeed('repair', '--json')) as RepairReport;
  const wrong = repaired.before.tables.filter(({ differences }) => differences.length > 0);
  expect(
    wrong.map(({ differences }) =>
      differences.map(({ key, kind, columns }) => [key, kind, columns]),
    ),
  ).toEqual([
    [['["50001","1"]', 'different', ['qty']]],
    [
      ['["50001"]', 'different', ['amount']],
      ['["50002"]', 'missing', undefined],
      ['["50009"]', 'extra', undefined],
    ],
  ]);
  expect(repaired.tables).toEqual([
    { table: `${database.name}.item`, sent: 1, deleted: 0, removed: 1 },
    { table: `${database.name}.orders`, sent: 2, deleted: 1, removed: 0 },
  ]);
  // The group above the damaged row differed from what it reads as long as that was wrong.
  expect(repaired.models).toEqual([
    { name: 'dwd.order_wide', keys: 1 },
    { name: 'dws.sales_by_region_day', keys: 1 },
  ]);
  expect(repaired.ok).toBe(true);
  // The layers were compared while the flow went on.
  expect(repaired.after?.cutAtEnd).not.toBe(repaired.after?.cut);
  // Rows that were right are as they were: nobody has sent them again.
  const after = await versionsOf(engine, database);
  expect(after.map(({ id }) => id)).toEqual(ownOrders.map(String));
  expect(after.slice(2)).toEqual(before.slice(2));

  // One that is killed holds up nobody, and what it leaves goes with the next one.
  const killed = project.start('verify');
  const ended = finished(killed);
  await waitUntil('a verification has begun', async () =>
    (await readdir(stateFolder)).some((name) => name.startsWith('verify-1.lock')),
  );
  killed.kill('SIGKILL');
  await ended;
  expect(await traffic.stop()).toBeGreaterThan(50);
  const last = JSON.parse(await project.succeed('verify', '--json')) as VerifyReport;
  expect(last.ok).toBe(true);
  expect(await engine.rows("SELECT name FROM system.tables WHERE database = '_verify'")).toEqual(
    [],
  );
  const status = JSON.parse(await project.succeed('status', '--json')) as StatusReport;
  expect(status.verified.map(({ name }) => name)).toEqual(
    [...last.tables.map(({ table }) => table), ...last.layers.map(({ name }) => name)].toSorted(),
  );
  expect(status.verifyFailures.map(({ name }) => name)).toContain(`${database.name}.orders`);
  expect((await running.stop()).exitCode).toBe(0);
  await engine[Symbol.asyncDispose]();
  await project.removeState();
}, 300_000);
