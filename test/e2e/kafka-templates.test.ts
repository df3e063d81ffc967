import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { readDebeziumTopics } from '../support/debezium-consumer.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { createShop } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

/** What a user does with a template: `cdc template new`, the password, then the README's commands. */
async function fromTemplate(
  template: string,
  folder: string,
  database: TestDatabase,
  prefix: string,
  settings: readonly string[] = [],
): Promise<CdcProject> {
  const { host, port, user, password } = database.options;
  const { brokers } = await testKafka();
  const values = [
    ...[`host=${host}`, `port=${port}`, `user=${user}`, `tables=${database.name}.*`],
    ...[`brokers=${brokers.join(',')}`, `prefix=${prefix}`, ...settings],
  ];
  const set = values.flatMap((value) => ['--set', value]);
  await new CdcProject(folder).succeed('template', 'new', template, 'project', ...set);
  const project = new CdcProject(join(folder, 'project'));
  await writeFile(join(project.folder, '.env'), `CDC_SOURCE_PASSWORD='${password}'\n`);
  await project.succeed('check');
  return project;
}

describe('a project from a template', () => {
  test('mysql-to-kafka fills topics that a reader of Debezium understands', async () => {
    await using database = await openTestDatabase('mariadb');
    await using folder = await openTempFolder();
    await createShop(database, 50);
    const prefix = randomName('template');
    // kafkajs, with which the topics are read, has no other compression built in.
    const project = await fromTemplate('mysql-to-kafka', folder.path, database, prefix);
    await appendFile(join(project.folder, 'cdc.yaml'), '  compression: gzip\n');
    await project.succeed('init', '--only', 'capture');
    await database.connection.query(
      "UPDATE region SET manager = 'Eve' WHERE id = 2; DELETE FROM region WHERE id = 3",
    );
    await project.succeed('run', '--only', 'capture', '--until-current');
    const { brokers } = await testKafka();
    const read = await readDebeziumTopics(brokers, [`${prefix}.shop.region`]);
    expect([...(read.tables.get('region')?.values() ?? [])].map((row) => row['manager'])).toEqual(
      expect.arrayContaining(['Ann', 'Eve']),
    );
    expect(read.tables.get('region')?.size).toBe(2);
  }, 120_000);

  test('mysql-to-kafka-to-warehouse keeps ODS and models right with each job a process', async () => {
    await using database = await openTestDatabase('mariadb');
    await using folder = await openTempFolder();
    await createShop(database, 50);
    const prefix = randomName('template');
    const settings = ['format=maxwell'];
    const template = 'mysql-to-kafka-to-warehouse';
    const project = await fromTemplate(template, folder.path, database, prefix, settings);
    await writeFile(
      join(project.folder, 'layers', 'dws', 'by_status.sql'),
      `SELECT status, count() AS orders FROM ${database.name}.orders GROUP BY status\n`,
    );
    await project.succeed('init', '--only', 'capture');
    const roles = ['capture', 'load', 'layers'].map((role) => project.start('run', '--only', role));
    const ended = roles.map(finished);
    try {
      await database.connection.query("UPDATE orders SET status = 'refunded'");
      await waitUntil(
        'the model shows the change',
        async () => {
          const rows = await project.query('SELECT status, orders FROM dws.by_status');
          return rows.length === 1 && rows[0]?.['status'] === 'refunded';
        },
        60_000,
      );
      const report = JSON.parse(await project.succeed('verify', '--json'));
      expect(report.ok).toBe(true);
      expect(report.tables).toHaveLength(4);
    } finally {
      for (const role of roles) role.kill('SIGINT');
    }
    const codes = (await Promise.all(ended)).map(({ exitCode }) => exitCode);
    expect(codes).toEqual([0, 0, 0]);
  }, 180_000);
});
