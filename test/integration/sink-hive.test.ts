import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HiveSink } from '../../src/sink/hive/hive-sink.ts';
import type { HiveSinkOptions } from '../../src/sink/hive/options.ts';
import { openTestHive, type TestHive } from '../support/hive.ts';
import { hiveOptions, openTestHiveSink } from '../support/hive-sink.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const name = columnOf('name', { kind: 'string' });
const day = columnOf('day', { kind: 'date' });
const at = columnOf('at', { kind: 'datetime', fsp: 6 });
/** 2026-11-21 as days since 1970. */
const today = 20_778;

describe('a table in Hive', () => {
  let world: SinkWorld;
  let hive: TestHive;
  beforeAll(async () => {
    [world, hive] = await Promise.all([SinkWorld.open(), openTestHive()]);
  }, 240_000);
  afterAll(async () => {
    await hive[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const partitioned = (more: Record<string, unknown> = {}) =>
    hiveOptions(hive, {
      compactFiles: 2,
      keepOldMinutes: 0,
      overrides: [{ tables: 'shop.*', settings: { partitionBy: { column: 'day' } } }],
      ...more,
    });
  const define = async (table: string, columns = [id, name, day]) => {
    await world.define(schemaOf(table, columns), 'resnapshot');
    return table;
  };
  const expectEqual = async (table: string, sink: HiveSink, options: HiveSinkOptions) =>
    expect(await world.differences(table, sink, options)).toEqual([]);
  const view = (table: string) => `${hive.database}.${table.replace('shop.', '')}`;

  test('shows a row once when it moves to another partition, before and after compaction', async () => {
    const table = await define('shop.moving');
    const options = partitioned({ compactFiles: 3 });
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    const put = async (...rows: (string | number | null)[][]) => {
      await world.put(table, rows);
      await world.copy(table, sink, options, copier);
    };
    const shown = () =>
      hive.rows(`SELECT CAST(id AS STRING), name, dt FROM ${view(table)} ORDER BY id`);
    await put([1, 'one', today], [2, 'two', today], [3, 'three', null]);
    await put([2, 'two', today + 1]);
    const moved = [
      ['1', 'one', '2026-11-21'],
      ['2', 'two', '2026-11-22'],
      ['3', 'three', 'none'],
    ];
    expect(await shown()).toEqual(moved);
    await put([4, 'four', today + 2]);
    expect(await bases(table)).toHaveLength(1);
    expect(await shown()).toEqual([...moved, ['4', 'four', '2026-11-23']]);
    await put([2, 'back', today]);
    expect((await shown())[1]).toEqual(['2', 'back', '2026-11-21']);
    await expectEqual(table, sink, options);
  }, 240_000);

  const partsOf = async (table: string, kind: 'base' | 'delta') => {
    const rows = await hive.rows(`SHOW TABLES IN ${hive.database}`);
    const start = `${table.replace('shop.', '')}__${kind}_`;
    return rows.map(([found]) => found ?? '').filter((found) => found.startsWith(start));
  };
  const bases = (table: string) => partsOf(table, 'base');

  test('rewrites only the partitions that have rows of the batches', async () => {
    const table = await define('shop.days');
    const options = partitioned();
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    const many = (from: number, word: string) =>
      Array.from({ length: 300 }, (_, index) => [
        from + index,
        `${word} ${index}`,
        today + (index % 3),
      ]);
    for (const rows of [many(0, 'a'), many(300, 'b')]) {
      await world.put(table, rows);
      await world.copy(table, sink, options, copier);
    }
    const [first = ''] = await bases(table);
    const folderOf = async (base: string, dt: string) => {
      const rows = await hive.rows(
        `DESCRIBE FORMATTED ${hive.database}.${base} PARTITION (dt='${dt}')`,
      );
      return rows.find(([label]) => label?.startsWith('Location'))?.[1]?.trim();
    };
    const before = await Promise.all(['2026-11-21', '2026-11-22'].map((dt) => folderOf(first, dt)));
    // Rows of one day only, and one that comes to it from the second.
    for (const rows of [
      [[0, 'new', today]],
      [
        [3, 'new', today],
        [6, 'new', today],
      ],
    ]) {
      await world.put(table, rows);
      await world.copy(table, sink, options, copier);
    }
    const [second = '', ...others] = await bases(table);
    expect(others).toEqual([]);
    expect(second).not.toBe(first);
    expect(await folderOf(second, '2026-11-22')).toBe(before[1]);
    expect(await folderOf(second, '2026-11-21')).not.toBe(before[0]);
    await expectEqual(table, sink, options);
    // The folder that nobody uses any more has lost its files.
    const left = await readdir(String(before[0]).replace('file:', ''));
    expect(left.filter((file) => !file.startsWith('.'))).toEqual([]);
  }, 240_000);

  test('lets a filter on the partition read only that partition of the base', async () => {
    const table = await define('shop.pruned');
    const options = partitioned();
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    for (const first of [0, 10]) {
      await world.put(table, [
        [first, 'x', today],
        [first + 1, 'y', today + 1],
      ]);
      await world.copy(table, sink, options, copier);
    }
    const [base = ''] = await bases(table);
    const lines = await hive.rows(
      `EXPLAIN CBO SELECT name FROM ${view(table)} WHERE dt = '2026-11-22'`,
    );
    const plan = lines.flat().join('\n');
    // The branch that gives whole rows of the base; the other one reads its keys.
    expect(plan).toMatch(new RegExp(`HiveFilter\\(.*2026-11-22.*\\n +HiveTableScan\\(.*${base}`));
    const names = await hive.rows(`SELECT name FROM ${view(table)} WHERE dt = '2026-11-22'`);
    expect(names).toEqual([['y'], ['y']]);
  }, 240_000);

  test('shows every state of a table to readers while it is compacted again and again', async () => {
    const table = await define('shop.watched');
    const options = partitioned({ keepOldMinutes: 60 });
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    const all = (word: string) =>
      Array.from({ length: 40 }, (_, key) => [key, word, today + (key % 4)]);
    await world.put(table, all('r0'));
    await world.copy(table, sink, options, copier);
    const seen: (string | null)[][] = [];
    let isDone = false;
    const reading = (async () => {
      while (!isDone) {
        const rows = await hive.rows(
          `SELECT CAST(COUNT(*) AS STRING), CAST(COUNT(DISTINCT id) AS STRING), CAST(COUNT(DISTINCT name) AS STRING) FROM ${view(table)}`,
        );
        seen.push(...rows);
      }
    })();
    for (let round = 1; round <= 4; round++) {
      await world.put(table, all(`r${round}`));
      await world.copy(table, sink, options, copier);
    }
    isDone = true;
    await reading;
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.filter((row) => row.join() !== '40,40,1')).toEqual([]);
    await expectEqual(table, sink, options);
  }, 300_000);

  test('follows a column that goes and comes again, without its old values', async () => {
    const table = await define('shop.returning', [id, name, day, at]);
    const options = partitioned();
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    const write = async (rows: (string | number | bigint | null)[][]) => {
      await world.put(table, rows);
      await world.copy(table, sink, options, copier);
    };
    await write([[1, 'one', today, 1n]]);
    await write([[2, 'two', today, 2n]]);
    expect(await bases(table)).toHaveLength(1);
    await world.define(schemaOf(table, [id, day, at]));
    await write([[3, today, 3n]]);
    await world.define(schemaOf(table, [id, day, at, name]));
    await write([[4, today, 4n, 'four']]);
    const rows = await hive.rows(`SELECT CAST(id AS STRING), name FROM ${view(table)} ORDER BY id`);
    expect(rows).toEqual([
      ['1', null],
      ['2', null],
      ['3', null],
      ['4', 'four'],
    ]);
    await write([[5, today, 5n, 'five']]);
    await expectEqual(table, sink, options);
  }, 240_000);

  test('carries its stored numbers over when their columns become larger', async () => {
    const small = columnOf(
      'count',
      { kind: 'int', bits: 16, unsigned: true },
      { sourceType: 'smallint unsigned' },
    );
    const large = columnOf(
      'count',
      { kind: 'int', bits: 64, unsigned: false },
      { sourceType: 'bigint' },
    );
    const table = await define('shop.growing', [id, day, small]);
    const options = partitioned({ compactFiles: 3 });
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    for (const key of [1, 2, 3]) {
      await world.put(table, [[key, today, 65_535]]);
      await world.copy(table, sink, options, copier);
    }
    await world.define(schemaOf(table, [id, day, large]));
    await world.put(table, [[4, today, 2n ** 62n]]);
    await world.copy(table, sink, options, copier);
    const rows = await hive.rows(`SELECT CAST(count AS STRING) FROM ${view(table)} ORDER BY id`);
    expect(rows.flat()).toEqual(['65535', '65535', '65535', String(2n ** 62n)]);
    const types = await hive.rows(`DESCRIBE ${view(table)}`);
    expect(types.find(([column]) => column === 'count')?.[1]).toBe('bigint');
    await expectEqual(table, sink, options);
  }, 240_000);

  test('merges deltas into one while the base would be too much to write again', async () => {
    const table = await define('shop.large_base');
    const options = hiveOptions(hive, { compactFiles: 2, keepOldMinutes: 0 });
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    const filled = Array.from({ length: 20_000 }, (_, key) => [
      key,
      `some words about ${key * 7}`,
      today,
    ]);
    for (const rows of [filled.slice(0, 10_000), filled.slice(10_000)]) {
      await world.put(table, rows);
      await world.copy(table, sink, options, copier);
    }
    const change = async (...keys: number[]) => {
      for (const key of keys) {
        await world.put(table, [[key, `changed ${key}`, null]]);
        await world.copy(table, sink, options, copier);
      }
    };
    // The first one may still find one of the large files beside the base.
    await change(1, 2);
    const before = await bases(table);
    await change(5, 6, 5, 7);
    expect(await bases(table)).toEqual(before);
    const deltas = await readdir(join(hive.folder, 'large_base'));
    expect(deltas.filter((each) => each.startsWith('delta_')).length).toBeGreaterThan(1);
    await expectEqual(table, sink, options);
  }, 240_000);

  test('counts right although files come behind the back of the metastore', async () => {
    const table = await define('shop.counted');
    const options = hiveOptions(hive);
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    await world.put(table, [[1, 'one', today]]);
    await world.copy(table, sink, options, copier);
    const [delta = ''] = await partsOf(table, 'delta');
    const count = () => hive.rows(`SELECT CAST(COUNT(*) AS STRING) FROM ${hive.database}.${delta}`);
    expect(await count()).toEqual([['1']]);
    await world.put(table, [[2, 'two', today]]);
    await world.copy(table, sink, options, copier);
    expect(await count()).toEqual([['2']]);
  }, 240_000);

  test('keeps ORC files as well', async () => {
    const table = await define('shop.as_orc', [id, name, day, at]);
    const options = partitioned({ format: 'orc' });
    await using sink = await openTestHiveSink(options);
    const copier = world.copier(table, sink, options);
    for (const word of ['a', 'b', 'c']) {
      await world.put(table, [
        [1, word, today, 1_700_000_000_123_456n],
        [2, `${word} 学`, null, -1n],
      ]);
      await world.put(table, [[3, word, today, null]], { deleted: word === 'b' });
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
    }
  }, 240_000);
});
