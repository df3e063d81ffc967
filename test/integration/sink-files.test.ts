import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FilesSink } from '../../src/sink/files/files-sink.ts';
import type { Manifest } from '../../src/sink/files/manifest.ts';
import { type FilesSinkOptions, filesSinkOptions } from '../../src/sink/files/options.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTempFolder } from '../support/temp-folder.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const city = columnOf('city', { kind: 'string' });
const price = columnOf('price', { kind: 'decimal', precision: 20, scale: 2 });
const { signal } = new AbortController();

type Row = Record<string, unknown>;

describe('a sink of files', () => {
  let world: SinkWorld;
  beforeAll(async () => {
    world = await SinkWorld.open();
  }, 120_000);
  afterAll(() => world?.[Symbol.asyncDispose]());

  const open = (options: FilesSinkOptions) =>
    new FilesSink(options, { engine: world.engine, project: 'test' });

  const optionsOf = (folder: string, rest: object = {}) =>
    filesSinkOptions.parse({
      ...{ type: 'files', name: 'out', tables: ['shop.*'], folder, ...rest },
    });

  test('is read right by whoever follows its manifest, with many small writes put together', async () => {
    await using folder = await openTempFolder();
    const options = optionsOf(folder.path, { gzip: true });
    await using sink = open(options);
    const table = 'shop.small';
    await world.define(schemaOf(table, [id, city, price]), 'resnapshot');
    const copier = world.copier(table, sink, options);
    for (let round = 0; round < 30; round++) {
      await world.put(table, [
        [round % 11, `round ${round}`, BigInt(round)],
        [100 + round, null, -1n],
      ]);
      if (round % 3 === 0) {
        await world.put(table, [[100 + round, null, null]], { deleted: true });
      }
      await copier.copy(world.feed(table), signal);
    }
    expect(await rowsByManifest(join(folder.path, 'small'))).toEqual(await warehouseRows(table));
    const names = (await readdir(join(folder.path, 'small'))).sort();
    expect(names.length).toBeLessThan(15);
    const { files } = await manifestOf(join(folder.path, 'small'));
    expect(names).toEqual(['_manifest.json', ...files.map(({ name }) => name)].sort());
    // Two changes a round, but for the row that was gone before the first copy.
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(59);
  }, 120_000);

  test('writes CSV with names, a date folder, and nothing of the values of a deleted row', async () => {
    await using folder = await openTempFolder();
    const options = optionsOf(folder.path, { format: 'csv', partition: 'hour' });
    await using sink = open(options);
    const table = 'shop.dated';
    await world.define(schemaOf(table, [id, city, price]), 'resnapshot');
    await world.put(table, [
      [1, 'a "b"\nc', 150n],
      [2, '\\N', null],
    ]);
    const first = world.version;
    const copier = world.copier(table, sink, options);
    await copier.copy(world.feed(table), signal);
    await world.put(table, [[1, 'secret', 1n]], { deleted: true });
    await copier.copy(world.feed(table), signal);
    const { files } = await manifestOf(join(folder.path, 'dated'));
    const now = new Date().toISOString();
    expect(files[0]?.name).toMatch(/^date=\d{4}-\d\d-\d\d\/hour=\d\d\/\d{12}-[0-9a-f]{40}\.csv$/);
    expect(files[0]?.name.slice(5, 15)).toBe(now.slice(0, 10));
    const texts = await Promise.all(
      files.map(({ name }) => readFile(join(folder.path, 'dated', name), 'utf8')),
    );
    expect(texts).toEqual([
      '"id","city","price","_version","_deleted"\n' +
        `1,"a ""b""\nc",1.50,${first - 1n},0\n2,"\\N",\\N,${first},0\n`,
      `"id","city","price","_version","_deleted"\n1,\\N,\\N,${first + 1n},1\n`,
    ]);
  }, 60_000);

  test('takes away what a write that was cut off has left, and never counts it', async () => {
    await using folder = await openTempFolder();
    const options = optionsOf(folder.path);
    await using sink = open(options);
    const table = 'shop.cut';
    await world.define(schemaOf(table, [id, city, price]), 'resnapshot');
    await world.put(table, [[1, 'Wuhan', 1n]]);
    const copier = world.copier(table, sink, options);
    await copier.copy(world.feed(table), signal);
    const inside = join(folder.path, 'cut');
    // As after a crash before the rename, and one between the rename and the manifest.
    const half = `000000000002-${'a'.repeat(40)}.ndjson`;
    await writeFile(join(inside, `.${half}.tmp`), '{"id":9');
    await writeFile(join(inside, half), '{"id":9,"_version":"9","_deleted":0}\n');
    await writeFile(join(inside, '._manifest.json.tmp'), '{');
    await writeFile(join(inside, 'notes.txt'), 'of somebody else');
    expect(await world.differences(table, sink, options)).toEqual([]);
    await world.put(table, [[2, 'Paris', 2n]]);
    await copier.copy(world.feed(table), signal);
    const { files } = await manifestOf(inside);
    expect((await readdir(inside)).sort()).toEqual(
      ['_manifest.json', 'notes.txt', ...files.map(({ name }) => name)].sort(),
    );
    expect(await world.differences(table, sink, options)).toEqual([]);
  }, 60_000);

  test('says when there is no room, no right, or no folder, and loses nothing', async () => {
    await using folder = await openTempFolder();
    const inTheWay = join(folder.path, 'file');
    await writeFile(inTheWay, '');
    await using blocked = open(optionsOf(join(inTheWay, 'below')));
    const [problem] = await blocked.preflight();
    expect(problem).toMatchObject({ code: 'CDC_SINK_FAILED', where: 'sinks.out' });
    const options = optionsOf(join(folder.path, 'out'));
    await using sink = open(options);
    expect(await sink.preflight()).toEqual([]);
    const table = 'shop.gone';
    await world.define(schemaOf(table, [id, city, price]), 'resnapshot');
    await world.put(table, [[1, 'Wuhan', 1n]]);
    const copier = world.copier(table, sink, options);
    await world.copy(table, sink, options, copier);
    // Somebody removes the folder: the table stops, and is filled anew when told so.
    await rm(join(folder.path, 'out', 'gone'), { recursive: true });
    await world.put(table, [[2, 'Paris', 2n]]);
    await expect(copier.copy(world.feed(table), signal)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      details: { table },
    });
    await copier.drop(world.feed(table));
    await world.copy(table, sink, options, copier);
    expect(await world.differences(table, sink, options)).toEqual([]);
  }, 60_000);

  test('does not mix its files with those of another sink', async () => {
    await using folder = await openTempFolder();
    const table = 'shop.shared';
    await world.define(schemaOf(table, [id, city, price]), 'resnapshot');
    const options = optionsOf(folder.path);
    await using sink = open(options);
    await world.copy(table, sink, options);
    const other = optionsOf(folder.path, { name: 'second' });
    await using theirs = open(other);
    const copying = world.copier(table, theirs, other).copy(world.feed(table), signal);
    await expect(copying).rejects.toMatchObject({ code: 'CDC_SINK_FOREIGN' });
    await mkdir(join(folder.path, 'not a table'));
    expect([...(await sink.progress()).keys()]).toEqual([table]);
  }, 60_000);

  async function warehouseRows(table: string): Promise<Row[]> {
    return world.engine.rows(`SELECT id, city, price FROM ${table} ORDER BY id`);
  }
});

async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, '_manifest.json'), 'utf8')) as Manifest;
}

/** As a program that knows nothing of ours would: the newest version of each key, if it is not deleted. */
async function rowsByManifest(folder: string): Promise<Row[]> {
  const { files } = await manifestOf(folder);
  const newest = new Map<unknown, Row>();
  for (const { name, rows } of files) {
    const text = gunzipSync(await readFile(join(folder, name))).toString();
    const lines = text.split('\n').filter((line) => line !== '');
    expect(lines.length).toBe(rows);
    for (const line of lines) {
      const row = JSON.parse(line) as Row;
      const before = newest.get(row['id']);
      if (BigInt(String(before?.['_version'] ?? 0)) <= BigInt(String(row['_version']))) {
        newest.set(row['id'], row);
      }
    }
  }
  return [...newest.values()]
    .filter((row) => row['_deleted'] === 0)
    .map(({ _version, _deleted, ...row }) => row)
    .sort((one, other) => Number(one['id']) - Number(other['id']));
}
