import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CdcProject } from '../support/cdc-project.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { administer } from '../support/kafka-admin.ts';
import { shopYaml } from '../support/shop-topics.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let folder: Awaited<ReturnType<typeof openTempFolder>>;
let brokers: readonly string[];
let prefix: string;

beforeAll(async () => {
  database = await openTestDatabase('mariadb');
  await database.connection.query('CREATE TABLE note (id INT PRIMARY KEY)');
  folder = await openTempFolder();
  brokers = [...(await testKafka()).brokers];
  prefix = randomName('check');
  // Topics that others have made in their own way.
  const topics = [
    { topic: `${prefix}._commits`, numPartitions: 3 },
    { topic: `${prefix}-few.shop.note`, numPartitions: 1 },
    {
      topic: `${prefix}-strict.shop.note`,
      numPartitions: 3,
      configEntries: [{ name: 'min.insync.replicas', value: '2' }],
    },
    {
      topic: `${prefix}-trimmed._commits`,
      numPartitions: 1,
      configEntries: [{ name: 'retention.ms', value: '3600000' }],
    },
  ];
  await administer(brokers, (admin) => admin.createTopics({ topics, waitForLeaders: true }));
});

afterAll(async () => {
  await folder?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

interface Setting {
  readonly name: string;
  readonly yaml: () => string;
  readonly code: string;
  readonly severity?: 'warning';
  /** What it says and where: a place in the file, a topic, a setting. */
  readonly says: readonly RegExp[];
}

const kafka = (log = '', suffix = '') =>
  shopYaml(database, { brokers, prefix: prefix + suffix, log });

const refused: readonly Setting[] = [
  {
    name: 'a commits topic with several partitions',
    yaml: () => kafka(),
    code: 'CDC_LOG_TOPIC_MISMATCH',
    says: [/_commits/, /3 partitions instead of one/, /Set another log\.prefix/],
  },
  {
    name: 'a commits topic that loses its records',
    yaml: () => kafka('', '-trimmed'),
    code: 'CDC_LOG_TOPIC_MISMATCH',
    says: [/retention\.ms is 3600000/, /kafka-configs\.sh --alter .*retention\.ms=-1/],
  },
  {
    name: 'a topic with fewer partitions than the file says',
    yaml: () => kafka('', '-few'),
    code: 'CDC_LOG_TOPIC_MISMATCH',
    severity: 'warning',
    says: [/-few\.shop\.note/, /1 partitions, the project file says 3/, /--partitions 3/],
  },
  {
    name: 'a topic that wants more replicas in sync than it has',
    yaml: () => kafka('', '-strict'),
    code: 'CDC_LOG_TOPIC_MISMATCH',
    says: [/min\.insync\.replicas is 2: nothing can be written/, /min\.insync\.replicas=1/],
  },
  {
    name: 'more replicas than the cluster has brokers',
    yaml: () => kafka('  replication: 3', '-new'),
    code: 'CDC_LOG_TOPIC_MISMATCH',
    says: [/3 replicas are asked for, and the cluster has 1 broker/, /Set log\.replication to 1/],
  },
  {
    name: 'brokers that do not answer',
    yaml: () => shopYaml(database, { brokers: ['127.0.0.1:1'], prefix }),
    code: 'CDC_KAFKA_UNREACHABLE',
    says: [/log\.brokers 127\.0\.0\.1:1/, /Check the brokers/],
  },
  {
    name: 'a broker address that is none',
    yaml: () => shopYaml(database, { brokers: ["'localhost'"], prefix }),
    code: 'CDC_CONFIG_INVALID',
    says: [/cdc\.yaml:\d+:\d+/, /log\.brokers/, /is not host:port/],
  },
  {
    name: 'a prefix that no topic can have',
    yaml: () => shopYaml(database, { brokers, prefix: "'my shop'" }),
    code: 'CDC_CONFIG_INVALID',
    says: [/log\.prefix/, /only letters, digits/],
  },
  ...(['schema: true', 'decimals: precise', 'transactions: true'] as const).map((option) => ({
    name: `the option ${option} with a format that has no such thing`,
    yaml: () => kafka(`  format: { type: maxwell, ${option} }`),
    code: 'CDC_CONFIG_INVALID',
    says: [/cdc\.yaml:\d+:\d+/, /log\.format\.\w+/, /is of debezium only/, /leave it out/],
  })),
  {
    name: 'topics of others to be kept in topics again',
    yaml: () =>
      `name: test\nsource: { type: kafka, brokers: [${brokers.join()}], tables: [{ topic: a, table: b.c, format: debezium }] }\nlog: kafka://${brokers.join()}\n`,
    code: 'CDC_CONFIG_INVALID',
    says: [/log/, /must be embedded with `source: kafka`/],
  },
  {
    name: 'several loaders with a log of one process',
    yaml: () => kafka('', '-new').replace(/^log:\n(?: {2}.*\n)+/m, 'load: { shares: 2 }\n'),
    code: 'CDC_CONFIG_INVALID',
    says: [/load\.shares/, /use `log: kafka`/],
  },
];

describe('cdc check', () => {
  test.each(refused)('finds $name, and says what to change', async (setting) => {
    const project = new CdcProject(folder.path);
    await writeFile(join(folder.path, 'cdc.yaml'), setting.yaml());
    const { exitCode, stdout, stderr } = await project.run('check', '--json');
    const { problems } = JSON.parse(stdout || '{"problems":[]}') as {
      problems: { code: string; severity: string }[];
    };
    const found = problems.filter(({ code }) => code === setting.code);
    expect(found, `${stdout}\n${stderr}`).not.toEqual([]);
    const text = found.map((problem) => Object.values(problem).join(' ')).join('\n');
    for (const pattern of setting.says) expect(text).toMatch(pattern);
    const isError = setting.severity === undefined;
    expect(found.map(({ severity }) => severity)).toContain(setting.severity ?? 'error');
    expect(exitCode !== 0, `exit code ${exitCode}`).toBe(isError);
    await rm(join(folder.path, 'cdc.yaml'));
  });
});

test('what cannot be written is refused by init, too, before anything is written', async () => {
  const project = new CdcProject(folder.path);
  await writeFile(join(folder.path, 'cdc.yaml'), kafka());
  const { exitCode, stderr } = await project.run('init');
  expect(exitCode, stderr).toBe(3);
  expect(stderr).toContain('CDC_PREFLIGHT_FAILED');
  expect(stderr).toContain('3 partitions instead of one');
  const offsets = await administer(brokers, (admin) =>
    admin.fetchTopicOffsets(`${prefix}._commits`),
  );
  expect(offsets.map(({ high }) => high)).toEqual(['0', '0', '0']);
});

test('a role by itself needs a log for several processes', async () => {
  const project = new CdcProject(folder.path);
  const yaml = kafka('', '-new').replace(/^log:\n(?: {2}.*\n)+/m, 'log: embedded\n');
  await writeFile(join(folder.path, 'cdc.yaml'), yaml);
  for (const role of ['capture', 'load', 'layers']) {
    const { exitCode, stderr } = await project.run('run', '--only', role);
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toContain('CDC_USAGE');
    expect(stderr).toContain('log: kafka://host:9092');
  }
});
