import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { createConnection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/pipeline/status.ts';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { shopModels } from '../support/shop.ts';
import {
  createShopProject,
  expectOrdered,
  expectTopicsRebuild,
  expectVerified,
  readShopTopics,
  shopYaml,
} from '../support/shop-topics.ts';
import { keepShopBusy } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;

/** What an administrator does to the cluster behind our back. */
async function administer<T>(
  brokers: readonly string[],
  work: (admin: kafkajs.Admin) => Promise<T>,
): Promise<T> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Traffic on the shop until `stop`, which resolves to the number of its transactions, or the end of the test. */
async function startTraffic(database: TestDatabase, seed: number) {
  const connection = await createConnection(database.options);
  const abort = new AbortController();
  const busy = keepShopBusy(connection, new Random(seed), abort.signal).finally(() =>
    connection.end(),
  );
  const stop = () => {
    abort.abort();
    return busy;
  };
  return { stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

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
  const running = project.start('run');
  const ended = finished(running);
  await using traffic = await startTraffic(database, 31);
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

  await database.connection.query("UPDATE region SET name = 'after' WHERE id = 1");
  await waitUntil(
    'the tables that have their topics go on',
    async () => {
      const [row] = await project.query(`SELECT name FROM ${database.name}.region WHERE id = 1`);
      return row?.['name'] === 'after' || undefined;
    },
    30_000,
  );
  expect(await traffic.stop()).toBeGreaterThan(20);
  running.kill('SIGINT');
  const { exitCode, stderr } = await ended;
  expect(exitCode, stderr).toBe(0);

  await project.succeed('init', '--tables', ...ids);
  await project.succeed('run', '--until-current');
  expect(await errorsOf(project)).toEqual([]);
  await expectVerified(project);
  expectOrdered(await expectTopicsRebuild(database, options));
  await rm(join(folder.path, '.cdc'), { recursive: true });
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
  let running = project.start('run');
  let ended = finished(running);
  await using traffic = await startTraffic(database, 41);
  await delay(1_500);
  await administer(brokers, (admin) =>
    admin.createPartitions({ topicPartitions: topics.map((topic) => ({ topic, count: 7 })) }),
  );
  await delay(1_500);
  running.kill('SIGKILL');
  await ended;
  running = project.start('run');
  ended = finished(running);
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
  running.kill('SIGINT');
  const { exitCode, stderr } = await ended;
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
  const ended = finished(first.start('run'));
  await waitUntil('the first one runs', async () => {
    const { running } = JSON.parse(await first.succeed('status', '--json')) as StatusReport;
    return running !== null || undefined;
  });
  await using traffic = await startTraffic(database, 51);
  await delay(1_000);
  const capture = second.start('run', '--only', 'capture');
  const captureEnded = finished(capture);
  const { exitCode, stderr } = await ended;
  expect(exitCode).toBe(3);
  expect(stderr).toContain('CDC_LOG_FENCED');
  expect(stderr).toContain('log.prefix');
  await traffic.stop();
  capture.kill('SIGINT');
  const other = await captureEnded;
  expect(other.exitCode, other.stderr).toBe(0);

  // The one left has everything, once.
  await second.succeed('run', '--until-current');
  await expectVerified(second);
  expectOrdered(await expectTopicsRebuild(database, options));
}, 150_000);
