import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import type { ClickhouseEngine } from '../../src/engine/clickhouse-engine.ts';
import { readModels } from '../../src/layers/model/model-file.ts';
import type { TypedColumn } from '../../src/layers/model/relation.ts';
import { compareRows } from '../../src/layers/model-test/model-test-compare.ts';
import {
  type Expectation,
  readModelTests,
  type TableChange,
  type TestCell,
} from '../../src/layers/model-test/model-test-file.ts';
import { createProject } from '../../src/template/new-project.ts';
import { CdcProject, finished } from '../support/cdc-project.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { openEngineIn } from '../support/test-engine.ts';
import { waitUntil } from '../support/wait-until.ts';

const stepMs = 60_000;

test('the K12 renewal report follows a season on the source, step by step', async () => {
  await using database = await openTestDatabase();
  await using temp = await openTempFolder();
  const project = await createRenewalProject(database, join(temp.path, 'school'));
  const layers = join(project.folder, 'layers');
  const [story] = await readModelTests(layers);
  const { models } = await readModels(layers);
  const [given, ...steps] = story?.cases[0]?.steps ?? [];
  if (given === undefined) throw new Error('the template tells no story');
  const slow = new Set(
    models.filter(({ header }) => (header.freshnessMs ?? 0) > 1_000).map(({ name }) => name),
  );

  await commit(database.connection, given.changes);
  await project.succeed('init');
  await using engine = await openEngineIn(join(project.folder, '.cdc'));
  for (const expectation of given.expected) await expectModel(engine, expectation);
  const running = project.start('run');
  const ended = finished(running);
  try {
    for (const { changes, expected } of steps) {
      await commit(database.connection, changes);
      for (const expectation of expected) {
        if (!slow.has(expectation.model)) await expectModel(engine, expectation);
      }
    }
  } finally {
    running.kill('SIGTERM');
  }
  expect(await ended).toMatchObject({ exitCode: 0 });
  await project.succeed('run', '--until-current');
  for (const expectation of steps.at(-1)?.expected ?? []) await expectModel(engine, expectation);
  expect(steps.at(-1)?.expected.some(({ model }) => slow.has(model))).toBe(true);
  expect(JSON.parse(await project.succeed('verify', '--json')).ok).toBe(true);
}, 300_000);

/** The template with the tables of its own README on the source. */
async function createRenewalProject(database: TestDatabase, folder: string): Promise<CdcProject> {
  const { host, port, user, password } = database.options;
  const values = { host, port: String(port), user, database: database.name };
  await createProject({ template: 'k12-renewal', folder, values });
  await writeFile(join(folder, '.env'), `CDC_SOURCE_PASSWORD=${JSON.stringify(password)}\n`);
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const statements = readme.match(/^CREATE TABLE [\s\S]*?\n\);$/gm) ?? [];
  for (const statement of statements) await database.connection.query(statement);
  return new CdcProject(folder);
}

/** The changes of a step as one transaction. */
async function commit(connection: Connection, changes: readonly TableChange[]): Promise<void> {
  await connection.beginTransaction();
  for (const { kind, table, rows } of changes) {
    for (const { cells } of rows) {
      const set = [...cells].map(([name, cell]) => `${name} = ${literal(connection, cell)}`);
      const where = `id = ${cells.get('id')?.text}`;
      const statements: Partial<Record<TableChange['kind'], string>> = {
        insert: `INSERT INTO ${table} SET ${set.join(', ')}`,
        update: `UPDATE ${table} SET ${set.join(', ')} WHERE ${where}`,
        delete: `DELETE FROM ${table} WHERE ${where}`,
      };
      const statement = statements[kind];
      if (statement === undefined) throw new Error(`the story has a ${kind}`);
      await connection.query(statement);
    }
  }
  await connection.commit();
}

function literal(connection: Connection, { form, text }: TestCell): string {
  if (form === 'null') return 'NULL';
  return form === 'number' ? text : connection.escape(text);
}

/** Waits until the model shows what the story expects; fails with the difference. */
async function expectModel(engine: ClickhouseEngine, expectation: Expectation): Promise<void> {
  const { model, where } = expectation;
  const columns = await engine.rows<TypedColumn>(`DESCRIBE TABLE ${model}`);
  const differences = async () => {
    // To ask all the time would slow down what it waits for.
    await delay(100);
    const rows = await engine.rows(`SELECT * FROM ${model}`);
    return compareRows(expectation, rows, { columns, key: [] }).differences;
  };
  const isAsExpected = async () => (await differences()).length === 0;
  await waitUntil(`${model} is as ${where} says`, isAsExpected, stepMs).catch(async (error) => {
    expect(await differences(), where).toEqual([]);
    throw error;
  });
}
