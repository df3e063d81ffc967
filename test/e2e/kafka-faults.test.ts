import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/pipeline/status.ts';
import { CdcProject } from '../support/cdc-project.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { administer } from '../support/kafka-admin.ts';
import { RunningCommand } from '../support/running-command.ts';
import { shopModels } from '../support/shop.ts';
import {
  createShopProject,
  expectOrdered,
  expectTopicsRebuild,
  expectVerified,
  readShopTopics,
  shopYaml,
} from '../support/shop-topics.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const { ConfigResourceTypes } = kafkajs;

async function errorsOf(project: CdcProject): Promise<StatusReport['errors']> {
  const status = JSON.parse(await project.succeed('status', '--json')) as StatusReport;
  return status.errors;
}

test('tables whose topics were deleted are stopped by name, the others go on, and init makes them whole', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const { brokers } = await testKafka();
  const options = { brokers, prefix: randomName('deleted') };
  const project = await createShopProject(folder.path, database, options);
  await project.succeed('init');
  await using run = new RunningCommand(project, 'run');
  await using traffic = await startShopTraffic(database, 31);
  await delay(1_000);
  const gone = ['customer', 'item'];
  const topics = gone.map((table) => `${options.prefix}.shop.${table}`);
  await administer(brokers, (admin) => admin.deleteTopics({ topics }));
  const ids = gone.map((table) => `${database.name}.${table}`);
  const stopped = await waitUntil(
    'both tables are stopped',
    async () => {
      const errors = (await errorsOf(project)).filter(({ code }) => code === 'CDC_LOG_TOPIC_LOST');
      return errors.length === 2 ? errors : undefined;
    },
    60_000,
  );
  expect(stopped.map(({ table }) => table).toSorted()).toEqual(ids);
  for (const { table, message } of stopped) {
    expect(message).toContain(`topic ${options.prefix}.shop.${table?.split('.')[1]} was deleted`);
    expect(message).toContain(`cdc init --tables ${table}`);
  }

  await database.connection.query("INSERT INTO region VALUES (99, 'after', NULL)");
  await waitUntil(
    'the tables that have their topics go on',
    async () => {
      const rows = await project.query(`SELECT name FROM ${database.name}.region WHERE id = 99`);
      return rows.length === 1;
    },
    30_000,
  );
  expect(await traffic.stop()).toBeGreaterThan(20);
  const { exitCode, stderr } = await run.stop();
  expect(exitCode, stderr).toBe(0);

  await project.succeed('init', '--tables', ...ids);
  await project.succeed('run', '--until-current');
  expect(await errorsOf(project)).toEqual([]);
  await expectVerified(project);
  expectOrdered(await expectTopicsRebuild(database, options));
  await project.removeState();
  await project.succeed('run', '--until-current');
  await expectVerified(project);
}, 200_000);

test('a topic deleted while nothing ran is mended by one init of its table', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const { brokers } = await testKafka();
  const options = { brokers, prefix: randomName('away') };
  const project = await createShopProject(folder.path, database, options);
  await project.succeed('init');
  const topic = `${options.prefix}.shop.orders`;
  await administer(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  await database.connection.query('UPDATE orders SET amount = amount + 1 WHERE id < 50');
  await project.succeed('init', '--tables', `${database.name}.orders`);
  await project.succeed('run', '--until-current');
  expect(await errorsOf(project)).toEqual([]);
  await expectVerified(project);
  await expectTopicsRebuild(database, options);
}, 120_000);

test('partitions added to a topic are used by the next run, each with its changes in order', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const { brokers } = await testKafka();
  const options = { brokers, prefix: randomName('grown') };
  const project = await createShopProject(folder.path, database, options);
  await project.succeed('init');
  const topics = ['orders', 'item'].map((table) => `${options.prefix}.shop.${table}`);
  await using run = new RunningCommand(project, 'run');
  await using traffic = await startShopTraffic(database, 41);
  await delay(1_500);
  await administer(brokers, (admin) =>
    admin.createPartitions({ topicPartitions: topics.map((topic) => ({ topic, count: 7 })) }),
  );
  await delay(1_500);
  await run.killAndStart();
  const [orders = ''] = topics;
  await waitUntil(
    'the new partitions are used',
    async () => {
      const bounds = await administer(brokers, (admin) => admin.fetchTopicOffsets(orders));
      return (
        bounds.filter(({ partition, high }) => partition >= 3 && Number(high) > 5).length === 4
      );
    },
    60_000,
  );
  await traffic.stop();
  // A run that has just been started is killed by the signal that later asks it to stop.
  await run.working();
  const { exitCode, stderr } = await run.stop();
  expect(exitCode, stderr).toBe(0);
  await project.succeed('run', '--until-current');
  await expectVerified(project);
  expectOrdered(await readShopTopics(options));
}, 150_000);

test('a row larger than its topic takes stops with what to change, and nothing is lost after that', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await database.connection.query(
    'CREATE TABLE doc (id INT PRIMARY KEY, body MEDIUMTEXT NOT NULL); CREATE TABLE other (id INT PRIMARY KEY)',
  );
  const { brokers } = await testKafka();
  const options = { brokers, prefix: randomName('large'), log: '  compression: none' };
  const yaml = shopYaml(database, options);
  const project = await CdcProject.create(folder.path, database, { yaml });
  await project.succeed('init');
  const text = () => randomBytes(1024 ** 2).toString('hex');
  await database.connection.query(
    "INSERT INTO other VALUES (1); INSERT INTO doc VALUES (1, 'small')",
  );
  await database.connection.query('INSERT INTO doc VALUES (?, ?)', [2, text()]);
  await database.connection.query(
    "INSERT INTO doc VALUES (3, 'after'); INSERT INTO other VALUES (2)",
  );
  const topic = `${options.prefix}.shop.doc`;
  for (const limit of [4 * 1024 ** 2, 8 * 1024 ** 2]) {
    const refused = await project.run('run', '--until-current');
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain('CDC_LOG_MESSAGE_TOO_LARGE');
    expect(refused.stderr).toContain(`${database.name}.doc`);
    expect(refused.stderr).toContain(
      `--entity-name ${topic} --add-config max.message.bytes=${limit}`,
    );
    const configEntries = [{ name: 'max.message.bytes', value: String(limit) }];
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries };
    await administer(brokers, (admin) =>
      admin.alterConfigs({ validateOnly: false, resources: [resource] }),
    );
    await project.succeed('run', '--until-current');
    await expectVerified(project, 2);
    // An update carries the row twice, and the next limit is too small again.
    await database.connection.query('UPDATE doc SET body = ? WHERE id = 2', [text() + text()]);
  }
}, 150_000);

test('a second project with the same prefix makes the first one stop as fenced', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using otherFolder = await openTempFolder();
  const { brokers } = await testKafka();
  const options = { brokers, prefix: randomName('fenced') };
  const first = await createShopProject(folder.path, database, options);
  const second = await CdcProject.create(otherFolder.path, database, {
    models: shopModels,
    yaml: shopYaml(database, options),
  });
  await first.succeed('init');
  await using run = new RunningCommand(first, 'run');
  await run.working();
  await using traffic = await startShopTraffic(database, 51);
  await delay(1_000);
  await using capture = new RunningCommand(second, 'run', '--only', 'capture');
  const { exitCode, stderr } = await run.ended;
  expect(exitCode).toBe(3);
  expect(stderr).toContain('CDC_LOG_FENCED');
  expect(stderr).toContain('log.prefix');
  await traffic.stop();
  const other = await capture.stop();
  expect(other.exitCode, other.stderr).toBe(0);

  // The one left has everything, once.
  await second.succeed('run', '--until-current');
  await expectVerified(second);
  expectOrdered(await expectTopicsRebuild(database, options));
}, 150_000);
