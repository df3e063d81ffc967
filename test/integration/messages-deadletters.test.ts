import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/lmdb-catalog.ts';
import type { SchemaSection } from '../../src/change/change-batch.ts';
import type { MessageLayout } from '../../src/change/message-layout.ts';
import type { ColumnType, TableSchema } from '../../src/change/table-schema.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { LetterReplayReport, LetterReport } from '../../src/pipeline/dead-letters.ts';
import { pendingRebuilds } from '../../src/pipeline/rebuild-requests.ts';
import { CommandLine } from '../support/command-line.ts';
import { linesOf } from '../support/message-building.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { endEngine, openEngineIn } from '../support/test-engine.ts';

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const types: Readonly<Record<string, ColumnType>> = {
  id: int,
  amount: { kind: 'decimal', precision: 8, scale: 2 },
  at: { kind: 'timestamp', fsp: 3 },
};

function schemaOf(table: string, own: Readonly<Record<string, ColumnType>> = types): TableSchema {
  const columns = Object.entries(own).map(([name, type]) => {
    return { name, type, nullable: name !== 'id', sourceType: type.kind };
  });
  return { table, version: Object.keys(own).join(), columns, key: ['id'], arrival: true };
}

function projectFile(encodingOfAt: string): string {
  return `name: letters
source:
  type: kafka
  brokers: ['127.0.0.1:9']
  tables:
    - topic: shop.topic
      table: shop.orders
      format: json
      key: [id]
      columns:
        - { name: id, type: int, nullable: false }
        - { name: amount, type: 'decimal(8,2)' }
        - { name: at, type: timestamp(3), encoding: ${encodingOfAt} }
`;
}

/** A project whose tables were loaded from messages, some of which did not fit. */
async function openProject() {
  const folder = await openTempFolder();
  const stateFolder = join(folder.path, '.cdc');
  await mkdir(stateFolder, { mode: 0o700 });
  await writeFile(join(folder.path, 'cdc.yaml'), projectFile('iso'));
  // Holds the engine as a running `cdc run` does.
  const engine = await openEngineIn(stateFolder);
  const ods = new ClickhouseOds(engine);
  const command = (...argv: string[]) =>
    new CommandLine({ currentFolder: folder.path }).run(...argv);
  return {
    ...{ folder: folder.path, engine, ods, command },
    /** The table as the source says it is. */
    async declare(schema: TableSchema): Promise<void> {
      const section: SchemaSection = {
        ...{ kind: 'schema', table: schema.table, schema, existingRows: 'keep', version: 1n },
      };
      await using catalog = await openCatalog(join(stateFolder, 'catalog'));
      await using log = new EmbeddedLog(catalog, {
        maxBytes: 1e9,
        retainBytes: 0,
      });
      const position = { epoch: 0, file: 'topics.0', offset: 1, serverId: 'x' };
      const times = { committedAtMs: 0, receivedAtMs: 0 };
      await log.append([
        { origin: 'stream', sections: [section], position, transactions: 1, ...times },
      ]);
      await ods.applySchema(section);
    },
    write(schema: TableSchema, messages: readonly unknown[], version = 100n) {
      const layout: MessageLayout = { format: 'json', version: 'line', encodings: { at: 'iso' } };
      const texts = messages.map((each) =>
        typeof each === 'string' ? each : JSON.stringify(each),
      );
      const chunks = linesOf(
        texts,
        texts.map((_, index) => version + BigInt(index)),
        5,
      );
      const load = { schema, layout, chunks, rowCount: texts.length, token: String(version) };
      return ods.writeMessages(load);
    },
    async letters(...argv: string[]): Promise<LetterReport[]> {
      const { stdout } = await command('deadletter', 'list', '--json', ...argv);
      return JSON.parse(stdout) as LetterReport[];
    },
    rows: (table: string) => engine.rows(`SELECT * FROM ${table} ORDER BY id`),
    async rebuilds(): Promise<string[]> {
      await using catalog = await openCatalog(join(stateFolder, 'catalog'));
      return [...pendingRebuilds(catalog).keys()];
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await endEngine(stateFolder);
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('a project without dead letters says so', async () => {
  await using project = await openProject();
  expect(await project.command('deadletter', 'list')).toMatchObject({
    exitCode: 0,
    stdout: 'no dead letters\n',
  });
  expect(await project.letters()).toEqual([]);
  const replayed = await project.command('deadletter', 'replay');
  expect(replayed).toMatchObject({ exitCode: 0, stdout: 'replayed 0 letters\n' });
});

test('dead letters are listed, shown, replayed and dropped beside a running engine', async () => {
  await using project = await openProject();
  const [orders, visits] = [schemaOf('shop.orders'), schemaOf('shop.visits')];
  await project.declare(orders);
  await project.declare(visits);
  // The entry of the topic says iso, and the application writes milliseconds.
  const at = 1_700_000_000_123;
  await project.write(orders, [{ id: 1, amount: 1.5, at }, { id: 2, amount: 2, at }, { id: 3 }]);
  await project.write(visits, ['no JSON', { id: 7, amount: 'x' }]);
  // Newer than the letters.
  await project.write(orders, [{ id: 2, amount: 22 }], 900n);

  const letters = await project.letters();
  const bad = [
    ['shop.orders', '0', `column at: ${at} is not timestamp as iso`],
    ['shop.orders', '1', `column at: ${at} is not timestamp as iso`],
    ['shop.visits', '0', "Cannot parse input: expected 'null' before: 'o JSON}\\n'"],
    ['shop.visits', '1', 'column amount: x is not decimal'],
  ];
  expect(letters.map(({ table, offset, reason }) => [table, offset, reason])).toEqual(bad);
  const listed = await project.command('deadletter', 'list', '--table', 'shop.orders');
  expect(listed.stdout).toContain('shop.topic:0:0');
  expect(listed.stdout).not.toContain('shop.visits');
  const [first, second, third, fourth] = letters.map(({ id }) => id);

  const shown = await project.command('deadletter', 'show', third ?? '');
  expect(shown.stdout).toContain('no JSON\n');
  expect(shown.stdout).toContain('shop.topic:0:0, 2023-11-14T22:13:20.000Z');
  const unknown = await project.command('deadletter', 'show', '0123456789abcdef');
  expect(unknown).toMatchObject({ exitCode: 2 });

  // Nothing has changed yet.
  const vain = await project.command('deadletter', 'replay', first ?? '');
  expect(vain.exitCode).toBe(3);
  expect(vain.stdout).toContain('1 letter still does not fit');
  expect(await project.rebuilds()).toEqual([]);

  await writeFile(join(project.folder, 'cdc.yaml'), projectFile('epochMillis'));
  const replayed = await project.command(
    'deadletter',
    'replay',
    '--table',
    'shop.orders',
    '--json',
  );
  const report = JSON.parse(replayed.stdout) as LetterReplayReport;
  expect(report).toEqual({ written: 2, failed: [], models: 'rebuilt' });
  const time = '2023-11-14 22:13:20.123';
  expect(await project.rows('shop.orders')).toEqual([
    { id: 1, amount: '1.50', at: time },
    { id: 2, amount: '22.00', at: null },
    { id: 3, amount: null, at: null },
  ]);
  expect((await project.letters()).map(({ id }) => id)).toEqual([third, fourth]);
  expect(await project.rebuilds()).toEqual([]);

  // A column that has become text takes what was no decimal.
  await project.declare(schemaOf('shop.visits', { id: int, at: types['at'] as ColumnType }));
  const rest = await project.command('deadletter', 'replay');
  expect(rest.exitCode).toBe(3);
  expect(rest.stdout).toContain('replayed 1 letter\n');
  expect(await project.rows('shop.visits')).toEqual([{ id: 7, at: null }]);

  expect(await project.command('deadletter', 'drop')).toMatchObject({ exitCode: 2 });
  const planned = await project.command('deadletter', 'drop', '--all');
  expect(planned.exitCode).toBe(2);
  expect(await project.letters()).toHaveLength(1);
  const dropped = await project.command('deadletter', 'drop', third ?? '', '--yes');
  expect(dropped).toMatchObject({ exitCode: 0, stdout: 'dropped 1 letter\n' });
  expect(await project.letters()).toEqual([]);
  expect(await project.command('deadletter', 'drop', second ?? '', '--yes')).toMatchObject({
    exitCode: 2,
  });
});
