import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SchemaSection } from '../../src/change/change-batch.ts';
import { MessageLines } from '../../src/change/message-line.ts';
import { encodeRows, type RowValue } from '../../src/change/row-codec.ts';
import { splitTableId, type TableId } from '../../src/change/table-id.ts';
import type { Column, ColumnType, TableSchema } from '../../src/change/table-schema.ts';
import { type ClickhouseEngine, openEngine } from '../../src/engine/clickhouse-engine.ts';
import { quoteIdentifier } from '../../src/engine/sql-quote.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { MemoryOds } from '../../src/load/memory/memory-ods.ts';
import type { Ods, TableLoad } from '../../src/load/ods.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openTempFolder } from '../support/temp-folder.ts';

interface OpenedSink extends AsyncDisposable {
  readonly ods: Ods;
  /** The current rows as arrays of text, NULL as null, in the order of the text. */
  rows(table: TableId): Promise<(string | null)[][]>;
}

async function openMemory(): Promise<OpenedSink> {
  const ods = new MemoryOds();
  const rows = async (table: TableId) =>
    sorted(ods.rows(table).map((row) => Object.values(row).map(renderValue)));
  return { ods, rows, [Symbol.asyncDispose]: () => ods[Symbol.asyncDispose]() };
}

async function openClickhouse(): Promise<OpenedSink & { readonly engine: ClickhouseEngine }> {
  const folder = await openTempFolder();
  const engine = await openEngine(
    { type: 'embedded', port: 0 },
    { stateFolder: join(folder.path, '.cdc'), logger: createSilentLogger() },
  );
  const ods = new ClickhouseOds(engine);
  const rows = async (id: TableId) => {
    const { database, table } = splitTableId(id);
    const view = `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
    const found = await engine.rows(`SELECT * FROM ${view}`);
    return sorted(found.map((row) => Object.values(row).map((value) => textOf(value))));
  };
  const close = async () => {
    await engine[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  return { ods, engine, rows, [Symbol.asyncDispose]: close };
}

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const id: Column = { name: 'id', type: int, nullable: false, sourceType: 'int' };
const note: Column = { name: 'note', type: { kind: 'string' }, nullable: true, sourceType: 'text' };

function schemaOf(columns: readonly Column[], rest: Partial<TableSchema> = {}): TableSchema {
  const version = columns.map(({ name, type }) => `${name}:${JSON.stringify(type)}`).join();
  return { table: 'shop.orders', version, columns, key: ['id'], ...rest };
}

function sectionOf(schema: TableSchema, rest: Partial<SchemaSection> = {}): SchemaSection {
  return {
    kind: 'schema',
    table: schema.table,
    schema,
    existingRows: 'keep',
    version: 1n,
    ...rest,
  };
}

let tokens = 0;

/** Rows as `[version, ...values]`; a negative version is a deleted row. */
function loadOf(
  schema: TableSchema,
  rows: readonly (readonly [number, ...RowValue[]])[],
): TableLoad {
  const chunks = rows.map(([version, ...values]) =>
    encodeRows(schema, [{ values, version: BigInt(Math.abs(version)), deleted: version < 0 }]),
  );
  return { schema, rowCount: rows.length, chunks, token: `token ${tokens++}` };
}

describe.each([
  ['memory', openMemory],
  ['ClickHouse', openClickhouse],
] as const)('ODS, %s', (_name, open) => {
  const schema = schemaOf([id, note]);

  test('keeps the newest version of each key, whatever the order of writes', async () => {
    await using opened = await open();
    const { ods, rows } = opened;
    await ods.applySchema(sectionOf(schema));
    await ods.write(
      loadOf(schema, [
        [10, 1, 'a'],
        [11, 2, 'b'],
        [12, 1, 'c'],
      ]),
    );
    await ods.write(
      loadOf(schema, [
        [9, 1, 'older'],
        [13, 3, null],
      ]),
    );
    expect(await rows('shop.orders')).toEqual([
      ['1', 'c'],
      ['2', 'b'],
      ['3', null],
    ]);
    await ods.write(
      loadOf(schema, [
        [-20, 1, 'c'],
        [-5, 2, 'b'],
        [-21, 3, null],
      ]),
    );
    expect(await rows('shop.orders')).toEqual([['2', 'b']]);
    await ods.write(
      loadOf(schema, [
        [19, 1, 'late'],
        [30, 3, 'again'],
      ]),
    );
    expect(await rows('shop.orders')).toEqual([
      ['2', 'b'],
      ['3', 'again'],
    ]);
  });

  test('deletes what is older among the rows of one shard only, when it is told so', async () => {
    await using opened = await open();
    const { ods, rows } = opened;
    const shard: Column = {
      name: 'shard',
      type: { kind: 'string' },
      nullable: false,
      sourceType: 'varchar(255)',
    };
    const merged = schemaOf([shard, id, note], { key: ['shard', 'id'] });
    await ods.applySchema(sectionOf(merged));
    await ods.write(
      loadOf(merged, [
        [10, "o'ne", 1, 'a'],
        [11, 'two', 1, 'b'],
        [30, "o'ne", 2, 'c'],
      ]),
    );
    const only = { column: 'shard', value: "o'ne" };
    await ods.deleteOlder({ kind: 'sweep', table: 'shop.orders', version: 20n, only });
    expect(await rows('shop.orders')).toEqual([
      ["o'ne", '2', 'c'],
      ['two', '1', 'b'],
    ]);
  });

  test('may be given everything again', async () => {
    await using opened = await open();
    const { ods, rows } = opened;
    const first = loadOf(schema, [
      [10, 1, 'a'],
      [11, 2, 'b'],
    ]);
    const last = loadOf(schema, [
      [-12, 1, 'a'],
      [13, 3, 'c'],
    ]);
    const truncate = { kind: 'truncate', table: schema.table, version: 12n } as const;
    for (let round = 0; round < 2; round++) {
      await ods.applySchema(sectionOf(schema));
      await ods.write(first);
      await ods.write(first);
      await ods.deleteOlder(truncate);
      await ods.write(last);
      expect(await rows('shop.orders')).toEqual([['3', 'c']]);
    }
    await ods.write(first);
    expect(await rows('shop.orders')).toEqual([['3', 'c']]);
  });

  test('deletes what is older than a version, and nothing else', async () => {
    await using opened = await open();
    const { ods, rows } = opened;
    await ods.applySchema(sectionOf(schema));
    await ods.write(
      loadOf(schema, [
        [10, 1, 'old'],
        [20, 2, 'equal'],
        [21, 3, 'newer'],
        [10, 4, 'x'],
      ]),
    );
    await ods.write(loadOf(schema, [[22, 4, 'newer now']]));
    const sweep = { kind: 'sweep', table: schema.table, version: 20n } as const;
    await ods.deleteOlder(sweep);
    const left = [
      ['2', 'equal'],
      ['3', 'newer'],
      ['4', 'newer now'],
    ];
    expect(await rows('shop.orders')).toEqual(left);
    await ods.deleteOlder(sweep);
    expect(await rows('shop.orders')).toEqual(left);
    await ods.write(loadOf(schema, [[25, 1, 'back']]));
    expect(await rows('shop.orders')).toEqual([['1', 'back'], ...left]);
  });

  test('has nothing to delete in a table that does not exist', async () => {
    await using opened = await open();
    await opened.ods.deleteOlder({ kind: 'truncate', table: 'shop.none', version: 5n });
  });

  test('adds columns with their values for rows from before, and drops others', async () => {
    await using opened = await open();
    const { ods, rows } = opened;
    await ods.applySchema(sectionOf(schema));
    await ods.write(loadOf(schema, [[10, 1, 'a']]));
    const size: Column = { ...id, name: 'size' };
    const kind: Column = { ...note, name: 'kind', nullable: false };
    const extra: Column = { ...note, name: 'extra' };
    const next = schemaOf([id, size, kind, extra]);
    const change = sectionOf(next, { defaults: { size: '7', kind: "'it\\'s'", extra: 'NULL' } });
    await ods.applySchema(change);
    await ods.applySchema(change);
    expect(await rows('shop.orders')).toEqual([['1', '7', "it's", null]]);
    await ods.write(loadOf(next, [[11, 2, 8, 'x', 'y']]));
    await ods.write(loadOf(next, [[12, 1, 9, 'z', null]]));
    expect(await rows('shop.orders')).toEqual([
      ['1', '9', 'z', null],
      ['2', '8', 'x', 'y'],
    ]);
  });

  test('empties a table whose rows cannot be kept', async () => {
    await using opened = await open();
    const { ods, rows } = opened;
    await ods.applySchema(sectionOf(schema));
    await ods.write(loadOf(schema, [[10, 1, 'a']]));
    const other = schemaOf([{ ...id, type: { kind: 'string' } }], { key: ['id'] });
    await ods.applySchema(sectionOf(other, { existingRows: 'resnapshot' }));
    expect(await rows('shop.orders')).toEqual([]);
    await ods.write(loadOf(other, [[11, 'k']]));
    expect(await rows('shop.orders')).toEqual([['k']]);
  });

  test('names the table that it refuses', async () => {
    await using opened = await open();
    const { ods } = opened;
    const refusal = expect.objectContaining({
      kind: 'operator',
      code: 'CDC_SCHEMA_INCOMPATIBLE',
      details: expect.objectContaining({ table: 'shop.orders' }),
    });
    await expect(ods.write(loadOf(schema, [[1, 1, 'a']]))).rejects.toEqual(refusal);
    await ods.applySchema(sectionOf(schema));
    const otherKey = schemaOf([id, { ...note, nullable: false }], { key: ['note'] });
    await expect(ods.applySchema(sectionOf(otherKey))).rejects.toEqual(refusal);
    const unknown = schemaOf([id, note, { ...note, name: 'more' }]);
    await expect(ods.write(loadOf(unknown, [[1, 1, 'a', 'b']]))).rejects.toEqual(refusal);
    await ods.write(loadOf(schema, [[1, 1, 'a']]));
  });
});

describe('messages', () => {
  const schema = schemaOf([id, note]);
  const lines = new MessageLines();
  for (const [offset, text] of ['{"id":1,"note":"a"}', '{"id":"x"}', '{"id":2}'].entries()) {
    const value = Buffer.from(text);
    lines.add({ partition: 0, offset, timestampMs: 1, value }, '"topic"', 9n, 0);
  }
  const { rowCount, bytes } = lines.take();
  const layout = { format: 'json', version: 'line' } as const;
  const load: TableLoad = { schema, layout, rowCount, chunks: [bytes], token: 'messages' };

  test('are taken apart by ClickHouse, and one that does not fit fails nothing', async () => {
    await using opened = await openClickhouse();
    const { ods, rows, engine } = opened;
    await ods.applySchema(sectionOf(schema));
    await ods.write(load);
    await ods.write(load);
    expect(await rows('shop.orders')).toEqual([
      ['1', 'a'],
      ['2', null],
    ]);
    expect(
      await engine.rows('SELECT table, queue, offset, reason FROM _ods.dead_letters FINAL'),
    ).toEqual([
      { table: 'shop.orders', queue: 'topic', offset: '1', reason: 'column id: x is not int' },
    ]);
  });

  test('are refused by the memory ods, which has no engine', async () => {
    await using opened = await openMemory();
    await opened.ods.applySchema(sectionOf(schema));
    await expect(opened.ods.write(load)).rejects.toThrow('this ods has none');
  });
});

describe('the ClickHouse ods', () => {
  test('stores a value of every type as the source means it', async () => {
    await using opened = await openClickhouse();
    const { ods, engine } = opened;
    const values: readonly [ColumnType, RowValue, string][] = [
      [{ kind: 'int', bits: 8, unsigned: false }, -128, '-128'],
      [{ kind: 'int', bits: 64, unsigned: true }, 2n ** 64n - 1n, '18446744073709551615'],
      [{ kind: 'float', bits: 32 }, 0.5, '0.5'],
      [{ kind: 'float', bits: 64 }, 1e300, '1e300'],
      [{ kind: 'decimal', precision: 9, scale: 2 }, -155n, '-1.55'],
      [{ kind: 'decimal', precision: 38, scale: 0 }, 10n ** 37n, `1${'0'.repeat(37)}`],
      [{ kind: 'decimal', precision: 65, scale: 30 }, 5n, `0.${'0'.repeat(29)}5`],
      [{ kind: 'date' }, -25_567, '1900-01-01'],
      [{ kind: 'date', text: true }, '0000-00-00', '0000-00-00'],
      [{ kind: 'datetime', fsp: 0 }, 0n, '1970-01-01 00:00:00'],
      [{ kind: 'datetime', fsp: 6 }, 1_700_000_000_123_456n, '2023-11-14 22:13:20.123456'],
      [{ kind: 'timestamp', fsp: 3 }, 1_700_000_000_123n, '2023-11-14 22:13:20.123'],
      [{ kind: 'time', fsp: 0 }, -3_020_399n, '-838:59:59'],
      [{ kind: 'time', fsp: 6 }, 1n, '00:00:00.000001'],
      [{ kind: 'year' }, 2155, '2155'],
      [{ kind: 'bit' }, 2n ** 64n - 1n, '18446744073709551615'],
      [{ kind: 'string' }, 'ü\0\n', 'ü\0\n'],
      [{ kind: 'json' }, '{"a": 1.0}', '{"a": 1.0}'],
      [{ kind: 'binary' }, Buffer.from('abc'), 'abc'],
    ];
    const columns = values.flatMap(([type], index): Column[] => [
      { name: `c${index}`, type, nullable: false, sourceType: '' },
      { name: `n${index}`, type, nullable: true, sourceType: '' },
    ]);
    const schema = schemaOf([id, ...columns]);
    await ods.applySchema(sectionOf(schema));
    const given = values.map(([, value]) => value);
    await ods.write(
      loadOf(schema, [
        [1, 1, ...given.flatMap((value) => [value, value])],
        [2, 2, ...given.flatMap((value) => [value, null])],
      ]),
    );
    const texts = columns.map(({ name }) => `toString(${name}) AS ${name}`).join(', ');
    const [first, second] = await engine.rows(`SELECT ${texts} FROM shop.orders ORDER BY id`);
    const expected = values.map(([, , text]) => text);
    expect(Object.values(first ?? {})).toEqual(expected.flatMap((text) => [text, text]));
    expect(Object.values(second ?? {})).toEqual(expected.flatMap((text) => [text, null]));
  });

  test('quotes every name, and carries comments over', async () => {
    await using opened = await openClickhouse();
    const { ods, engine, rows } = opened;
    const key: Column = { ...id, name: "k`e'y \\", comment: "it's \\ a `key`" };
    const odd: TableSchema = {
      table: "sh'op.or`d\\ers x",
      version: 'v1',
      columns: [key, { ...note, name: 'note.1' }],
      key: [key.name],
      comment: "o'rders",
    };
    await ods.applySchema(sectionOf(odd));
    await ods.write(
      loadOf(odd, [
        [1, 1, 'a'],
        [2, 2, 'b'],
      ]),
    );
    await ods.deleteOlder({ kind: 'sweep', table: odd.table, version: 2n });
    expect(await rows(odd.table)).toEqual([['2', 'b']]);
    const changed = { ...odd, version: 'v2', comment: 'new', columns: [{ ...key, comment: '' }] };
    const comments = () =>
      engine.rows(
        "SELECT t.comment AS t, c.comment AS c FROM system.tables t JOIN system.columns c ON c.table = t.name WHERE t.database = '_ods' AND c.position = 1",
      );
    expect(await comments()).toEqual([{ t: "o'rders", c: key.comment }]);
    await ods.applySchema(sectionOf(changed));
    expect(await comments()).toEqual([{ t: 'new', c: '' }]);
  });

  test('widens columns in place, and a key column by copying the table', async () => {
    await using opened = await openClickhouse();
    const { ods, engine, rows } = opened;
    const price: Column = {
      ...id,
      name: 'price',
      type: { kind: 'decimal', precision: 6, scale: 2 },
    };
    const narrow = schemaOf([id, price]);
    await ods.applySchema(sectionOf(narrow));
    await ods.write(
      loadOf(narrow, [
        [1, 1, 150n],
        [2, 2, 250n],
        [-3, 2, 250n],
      ]),
    );
    const wide = schemaOf([
      id,
      { ...price, type: { kind: 'decimal', precision: 12, scale: 4 }, nullable: true },
    ]);
    await ods.applySchema(sectionOf(wide));
    await ods.write(loadOf(wide, [[4, 4, 12_345_678n]]));
    expect(await rows('shop.orders')).toEqual([
      ['1', '1.5000'],
      ['4', '1234.5678'],
    ]);
    const big: Column = { ...id, type: { kind: 'int', bits: 64, unsigned: false } };
    const widest = schemaOf([big, ...wide.columns.slice(1), { ...id, name: 'n' }]);
    const change = sectionOf(widest, { defaults: { n: '7' } });
    await ods.applySchema(change);
    await ods.applySchema(change);
    await ods.write(loadOf(widest, [[9, 2n ** 40n, null, 8]]));
    expect(await rows('shop.orders')).toEqual([
      ['1', '1.5000', '7'],
      ['1099511627776', null, '8'],
      ['4', '1234.5678', '7'],
    ]);
    // The deleted row went along: what reads changes by version must still see it.
    const deleted = await engine.rows('SELECT id FROM `_ods`.`shop.orders` WHERE _deleted');
    expect(deleted).toEqual([{ id: '2' }]);
    const tables = await engine.rows("SELECT name FROM system.tables WHERE database = '_ods'");
    expect(tables).toEqual([{ name: 'shop.orders' }]);
  });

  test('leaves a table of the user alone that has the name of the view', async () => {
    await using opened = await openClickhouse();
    const { ods, engine } = opened;
    await engine.command('CREATE DATABASE shop');
    await engine.command('CREATE TABLE shop.orders (mine Int8) ENGINE = Memory');
    await engine.command('CREATE VIEW shop.users AS SELECT 1 AS mine');
    for (const table of ['shop.orders', 'shop.users']) {
      const schema = schemaOf([id], { table });
      await expect(ods.applySchema(sectionOf(schema))).rejects.toEqual(
        expect.objectContaining({
          code: 'CDC_SCHEMA_INCOMPATIBLE',
          message: expect.stringMatching(/already has a (Memory|View) named shop\./),
          details: { table },
        }),
      );
    }
  });

  test('does not take bytes for another type when the table was altered behind its back', async () => {
    await using opened = await openClickhouse();
    const { ods, engine } = opened;
    const schema = schemaOf([id, { ...id, name: 'size' }]);
    await ods.applySchema(sectionOf(schema));
    await engine.command('ALTER TABLE `_ods`.`shop.orders` MODIFY COLUMN size Int16');
    await expect(new ClickhouseOds(engine).write(loadOf(schema, [[1, 1, 1]]))).rejects.toThrow(
      /column size of its table is Int16 instead of Int32/,
    );
  });

  test('stores rows sent twice with one token once', async () => {
    await using opened = await openClickhouse();
    const { ods, engine } = opened;
    const schema = schemaOf([id, note]);
    await ods.applySchema(sectionOf(schema));
    const load = loadOf(schema, [
      [1, 1, 'a'],
      [2, 2, 'b'],
    ]);
    await ods.write(load);
    await ods.write(load);
    const [count] = await engine.rows('SELECT count() AS n FROM `_ods`.`shop.orders`');
    expect(count).toEqual({ n: '2' });
  });
});

function renderValue(value: RowValue): string | null {
  return value === null ? null : Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

function textOf(value: unknown): string | null {
  return value === null ? null : String(value);
}

function sorted(rows: (string | null)[][]): (string | null)[][] {
  return rows.sort((left, right) => (String(left) < String(right) ? -1 : 1));
}
