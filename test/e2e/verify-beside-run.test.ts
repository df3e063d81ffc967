import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RepairReport } from '../../src/pipeline/repair.ts';
import type { StatusReport } from '../../src/pipeline/status.ts';
import type { VerifyReport } from '../../src/pipeline/verify.ts';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Orders that the traffic leaves alone, in a group of their own. */
const ownOrders = [50_001, 50_002, 50_003, 50_004];

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
  await using traffic = await startShopTraffic(database, 3);
  const status = async () => JSON.parse(await project.succeed('status', '--json')) as StatusReport;
  await waitUntil('changes are loaded', async () => (await status()).transactions > 50, 60_000);

  // While all is right: the flow goes on during the verification.
  const right = JSON.parse(await project.succeed('verify', '--json')) as VerifyReport;
  expect(right.ok).toBe(true);
  expect(right.tables).toHaveLength(4);
  expect(right.layers.map(({ differences }) => differences)).toEqual([0, 0, 0, 0]);
  expect(right.cutAtEnd).not.toBe(right.cut);
  // A row that changed under every look is not proven.
  const proven = right.tables.filter(({ moving }) => moving === 0).map(({ table }) => table);
  expect(right.verifiedThrough.map(({ name }) => name)).toEqual(
    [...proven, ...right.layers.map(({ name }) => name)].toSorted(),
  );

  const ods = (table: string) => `_ods.\`${database.name}.${table}\``;
  const own = `id IN (${ownOrders.join(', ')}, 50009)`;
  const versions = () =>
    project.query<{ id: string; _version: string }>(
      `SELECT id, _version FROM ${ods('orders')} FINAL WHERE ${own} ORDER BY id`,
    );
  const before = await versions();
  const [wide] = await project.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = '_layers' AND name LIKE 'dwd.order\\_wide@%' AND name NOT LIKE '%#%'",
  );
  const damages = [
    // A changed value, a row that is gone, one too many.
    `INSERT INTO ${ods('orders')} SELECT * REPLACE (amount + 1 AS amount, _version + 1 AS _version) FROM ${ods('orders')} FINAL WHERE id = 50001`,
    `ALTER TABLE ${ods('orders')} DELETE WHERE id = 50002`,
    `INSERT INTO ${ods('orders')} SELECT * REPLACE (50009 AS id) FROM ${ods('orders')} FINAL WHERE id = 50003`,
    // A version that nothing of the source can win over.
    `INSERT INTO ${ods('item')} SELECT * REPLACE (7 AS qty, _version + bitShiftLeft(toUInt64(1), 50) AS _version) FROM ${ods('item')} FINAL WHERE order_id = 50001`,
    // A model's row.
    `INSERT INTO _layers.\`${wide?.name}\` SELECT * REPLACE (99 AS amount, _version + 1 AS _version) FROM _layers.\`${wide?.name}\` FINAL WHERE order_id = 50004`,
    // What a killed verification leaves behind.
    'CREATE TABLE _verify.v9_copy_0 (id UInt64) ENGINE = MergeTree ORDER BY id',
  ];
  for (const damage of damages) await project.succeed('query', damage);

  const dry = await project.run('repair', '--dry-run', '--json');
  expect(dry.exitCode, dry.stderr).toBe(4);
  const found = (JSON.parse(dry.stdout) as RepairReport).before;
  const keysOf = (table: string) =>
    found.tables
      .find((each) => each.table === `${database.name}.${table}`)
      ?.differences.map(({ key, kind, columns }) => [key, kind, columns]);
  expect(keysOf('orders')).toEqual([
    ['["50001"]', 'different', ['amount']],
    ['["50002"]', 'missing', undefined],
    ['["50009"]', 'extra', undefined],
  ]);
  expect(keysOf('item')).toEqual([['["50001","1"]', 'different', ['qty']]]);
  expect([keysOf('customer'), keysOf('region')]).toEqual([[], []]);
  const wideFound = found.layers.find(({ name }) => name === 'dwd.order_wide');
  expect(wideFound?.keys.map((key) => JSON.parse(key).order_id)).toEqual([
    ...['50001', '50002', '50004', '50009'],
  ]);
  expect(wideFound?.examples.find(({ key }) => key.includes('50004'))?.columns).toEqual([
    { name: 'amount', stored: '99.00', correct: '10.00' },
  ]);

  const repaired = JSON.parse(await project.succeed('repair', '--json')) as RepairReport;
  expect(repaired.ok).toBe(true);
  expect(repaired.tables).toEqual([
    { table: `${database.name}.item`, sent: 1, deleted: 0, removed: 1 },
    { table: `${database.name}.orders`, sent: 2, deleted: 1, removed: 0 },
  ]);
  expect(repaired.models).toEqual([{ name: 'dwd.order_wide', keys: 1 }]);
  // Rows that were right are as they were: nobody has sent them again.
  const after = await versions();
  expect(after.map(({ id }) => id)).toEqual(ownOrders.map(String));
  expect(after.slice(2)).toEqual(before.slice(2));

  // One that is killed holds up nobody, and what it has left goes with the next one.
  const killed = project.start('verify');
  const ended = finished(killed);
  await waitUntil('a verification has begun', async () =>
    (await readdir(join(folder.path, '.cdc'))).some((name) => name.startsWith('verify-1.lock')),
  );
  killed.kill('SIGKILL');
  await ended;
  expect(await traffic.stop()).toBeGreaterThan(50);
  const last = JSON.parse(await project.succeed('verify', '--json')) as VerifyReport;
  expect(last.ok).toBe(true);
  const left = await project.query("SELECT name FROM system.tables WHERE database = '_verify'");
  expect(left).toEqual([]);

  const evidence = await status();
  expect(evidence.verified).toHaveLength(8);
  expect(evidence.verifyFailures.map(({ name }) => name)).toContain(`${database.name}.orders`);
  expect((await running.stop()).exitCode).toBe(0);
}, 300_000);
