import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { Column } from '../../src/change/table-schema.ts';
import { compareTable } from '../../src/sink/compare-table.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import type { FeedTable } from '../../src/sink/feed.ts';
import { MysqlSink } from '../../src/sink/mysql/mysql-sink.ts';
import { mysqlSinkOptions } from '../../src/sink/mysql/options.ts';
import { Random } from '../support/random.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';

let world: SinkWorld;
beforeAll(async () => {
  world = await SinkWorld.open();
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

const { signal } = new AbortController();
const text = { kind: 'string' } as const;
const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
let stores = 0;

describeEachServer('values in a sink', (flavour) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(flavour);
    await database.connection.query("SET time_zone = '+00:00', sql_mode = ''");
  });
  afterAll(() => database[Symbol.asyncDispose]());

  const optionsOf = (rules: Record<string, unknown>) =>
    mysqlSinkOptions.parse({
      ...database.options,
      type: 'mysql',
      name: `store_${++stores}`,
      tables: ['*.*'],
      ...rules,
    });

  /** Copies a table; `verify` must find it equal unless rows were refused, whose reasons are given back. */
  const copy = async (feed: FeedTable, rules: Record<string, unknown>): Promise<string[]> => {
    const options = optionsOf(rules);
    await using sink = new MysqlSink(options);
    const copier = world.copier(feed.source, sink, options);
    while (!(await copier.copy(feed, signal)).isCurrent);
    const letters = await new DeadRows(world.engine).list(options.name);
    const plan = await copier.plan(feed);
    const { differences } = await compareTable(plan, sink, world.engine, { signal });
    expect(differences.filter(({ kind }) => kind !== 'missing')).toEqual([]);
    expect(differences).toHaveLength(letters.length);
    return letters.map(({ reason }) => reason);
  };

  /** Rows and type of column `v` as the server prints them. */
  const stored = async (target: string, expression = '`v`') => {
    const [rows] = await database.connection.query(
      `SELECT CAST(${expression} AS CHAR) AS v FROM \`${target}\` ORDER BY id`,
    );
    const [types] = await database.connection.query(
      `SELECT COLUMN_TYPE AS type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '${database.name}' AND TABLE_NAME = '${target}' AND COLUMN_NAME = 'v'`,
    );
    const type = String((types as { type: unknown }[])[0]?.type).replace(/^(year)\(4\)$/, '$1');
    return { values: (rows as { v: string | null }[]).map(({ v }) => v), type };
  };

  const captured = async (
    column: Column,
    values: readonly RowValue[],
    rules: Record<string, unknown> = {},
  ) => {
    const target = `v${++stores}`;
    const table = `shop.${target}`;
    await world.define(schemaOf(table, [id, { ...column, name: 'v' }]));
    await world.put(
      table,
      values.map((value, at): RowValue[] => [at, value]),
    );
    const reasons = await copy(world.feed(table), rules);
    const isBytes = ['binary', 'geometry'].includes(column.type.kind);
    return { ...(await stored(target, isBytes ? 'HEX(`v`)' : '`v`')), reasons };
  };

  test.each([
    {
      what: 'an enum as text',
      column: columnOf('v', text, { sourceType: "enum('new','it''s','完了')" }),
      values: ['new', "it's", '完了', '', null],
      type: 'varchar(4)',
    },
    {
      what: 'a set as text',
      column: columnOf('v', text, { sourceType: "set('a','bb')" }),
      values: ['a,bb', '', null],
      type: 'varchar(5)',
    },
    {
      what: 'characters that must not be padded or cut',
      column: columnOf('v', text, { sourceType: 'char(9)' }),
      values: ['a', ' b ', 'ccccccccc', '😀😀😀😀😀😀😀😀😀'],
      type: 'varchar(9)',
    },
    {
      what: 'control characters',
      column: columnOf('v', text, { sourceType: 'varchar(99)' }),
      values: [
        '\0\u0001\b\t\n\u000b\f\r\u001a\u001b\u007f\u2028\u2029',
        '"\'`\\/%_',
        '\\0\\n\\f\\u0041',
      ],
      type: 'varchar(99)',
    },
    {
      what: 'a uuid of MariaDB',
      column: columnOf('v', text, { sourceType: 'uuid' }),
      values: ['123e4567-e89b-12d3-a456-426655440000'],
      type: 'varchar(39)',
    },
    {
      what: 'a varchar longer than one in utf8mb4 can be',
      column: columnOf('v', text, { sourceType: 'varchar(60000)' }),
      values: ['x'.repeat(60_000)],
      type: 'mediumtext',
    },
    {
      what: 'dates that are none',
      column: columnOf('v', { kind: 'date', text: true }, { sourceType: 'date' }),
      values: ['0000-00-00', '2026-00-15', '2026-02-31', '9999-12-31', null],
      type: 'date',
    },
    {
      what: 'a zero time stamp',
      column: columnOf(
        'v',
        { kind: 'timestamp', fsp: 3, text: true },
        { sourceType: 'timestamp(3)' },
      ),
      values: ['0000-00-00 00:00:00.000', '2026-03-29 02:30:00.123'],
      type: 'timestamp(3)',
    },
    {
      what: 'times longer than a day',
      column: columnOf('v', { kind: 'time', fsp: 6, text: true }, { sourceType: 'time(6)' }),
      values: ['-838:59:59.000000', '00:00:00.000001', '838:59:59.000000'],
      type: 'time(6)',
    },
  ])('keep $what', async ({ column, values, type }) => {
    expect(await captured(column, values)).toEqual({ values, type, reasons: [] });
  });

  test('keep enums, sets and JSON as what they are, when that is wanted', async () => {
    const native = { enums: 'native', json: 'native' };
    const enums = columnOf('v', text, { sourceType: "enum('b','a','it''s')" });
    expect(await captured(enums, ['a', "it's", null], native)).toEqual({
      values: ['a', "it's", null],
      type: "enum('b','a','it''s')",
      reasons: [],
    });
    const sets = columnOf('v', text, { sourceType: "set('x','y')" });
    expect((await captured(sets, ['x,y', ''], native)).type).toBe("set('x','y')");
    const json = columnOf('v', { kind: 'json' }, { sourceType: 'json' });
    const found = await captured(json, ['{"a": 1}', '[]', null], native);
    expect(found.values).toEqual(['{"a": 1}', '[]', null]);
    expect(found.type).toBe(flavour === 'mysql' ? 'json' : 'longtext');
    // What the type does not take is refused, whatever the reason.
    const wrong = await captured(enums, ['a', 'c'], native);
    expect(wrong.values).toEqual(['a']);
    expect(wrong.reasons).toHaveLength(1);
  });

  test('keep bytes and geometries of every length', async () => {
    const point = Buffer.from('E6100000010100000000000000000000400000000000000840', 'hex');
    const fixed = columnOf('v', { kind: 'binary' }, { sourceType: 'binary(4)' });
    expect((await captured(fixed, [Buffer.from([0, 1, 0, 0]), null])).type).toBe('binary(4)');
    const short = columnOf('v', { kind: 'binary' }, { sourceType: 'varbinary(8)' });
    expect((await captured(short, [Buffer.alloc(0), Buffer.from('"\\\'\0')])).reasons).toEqual([]);
    const shape = columnOf('v', { kind: 'geometry' }, { sourceType: 'point' });
    expect(await captured(shape, [point, null])).toEqual({
      type: 'point',
      values: [point.toString('hex').toUpperCase(), null],
      reasons: [],
    });
    const broken = await captured(shape, [Buffer.from('nothing'), point]);
    expect(broken.reasons).toHaveLength(1);
  });

  test('keep numbers to the last digit', async () => {
    const random = new Random(5);
    const bytes = Buffer.alloc(8);
    const numbers = Array.from({ length: 3000 }, () => {
      for (let at = 0; at < 8; at++) bytes[at] = random.between(0, 255);
      const number = bytes.readDoubleLE(0);
      return Number.isFinite(number) ? number : 0.1;
    });
    const doubles = columnOf('v', { kind: 'float', bits: 64 }, { sourceType: 'double' });
    const edges = [5e-324, -1.7976931348623157e308, 1e15, 1e21, 123456789, -0, 100, 0.001];
    expect((await captured(doubles, [...edges, ...numbers])).reasons).toEqual([]);
    const singles = numbers.map((number) => Math.fround(number)).filter(Number.isFinite);
    const floats = columnOf('v', { kind: 'float', bits: 32 }, { sourceType: 'float' });
    expect((await captured(floats, [1.4e-45, -3.4028234e38, 0.1, ...singles])).reasons).toEqual([]);
  });

  test('hold keys of every kind', async () => {
    const source = 'shop.keys';
    const columns = [
      columnOf('a', text, { nullable: false, sourceType: 'varchar(20)' }),
      columnOf('b', { kind: 'binary' }, { nullable: false, sourceType: 'varbinary(9)' }),
      columnOf('c', { kind: 'decimal', precision: 20, scale: 3 }, { nullable: false }),
      columnOf('d', { kind: 'datetime', fsp: 6 }, { nullable: false }),
      columnOf('e', { kind: 'float', bits: 32 }, { nullable: false }),
      columnOf('f', { kind: 'bit' }, { nullable: false, sourceType: 'bit(9)' }),
      columnOf('g', { kind: 'year' }, { nullable: false }),
      columnOf('v', { kind: 'int', bits: 32, unsigned: false }),
    ];
    await world.define(schemaOf(source, columns, ['a', 'b', 'c', 'd', 'e', 'f', 'g']));
    const key = (a: string, b: string) => [a, Buffer.from(b, 'hex'), 1500n, 1n, 0.1, 3n, 0];
    const keys = [key('a', ''), key('a ', ''), key('A', ''), key('ä', '00'), key('a', '22')];
    await world.put(
      source,
      keys.map((each, at) => [...each, at]),
    );
    const options = optionsOf({});
    await using sink = new MysqlSink(options);
    const copier = world.copier(source, sink, options);
    await world.copy(source, sink, options, copier);
    expect(await world.differences(source, sink, options)).toEqual([]);
    await world.put(
      source,
      keys.slice(1).map((each) => [...each, null]),
      { deleted: true },
    );
    await world.copy(source, sink, options, copier);
    expect(await world.differences(source, sink, options)).toEqual([]);
    const [rows] = await database.connection.query('SELECT * FROM `keys`');
    expect(rows).toHaveLength(1);
    // The version is there, and not in the way.
    expect(Object.keys((rows as object[])[0] ?? {})).toEqual('abcdefgv'.split(''));
  });

  describe('of models', () => {
    const model = async (
      types: Record<string, string>,
      rows: string,
      rules: Record<string, unknown> = {},
    ) => {
      const target = `m${++stores}`;
      const physical = `\`ads\`.\`${target}\``;
      const columns = Object.entries(types).map(([name, engineType]) => ({ name, engineType }));
      const list = columns.map(({ name, engineType }) => `${name} ${engineType}`).join(', ');
      await world.run('CREATE DATABASE IF NOT EXISTS ads');
      await world.run(
        `CREATE TABLE ${physical} (${list}, _version UInt64, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY id`,
      );
      await world.run(`INSERT INTO ${physical} SELECT *, 1, 0 FROM (${rows})`);
      const feed: FeedTable = {
        ...{ source: `ads.${target}`, physical, columns, key: ['id'] },
        ...{ changeColumn: '_version', generation: randomUUID(), readTo: 1n, position: 'here' },
      };
      const reasons = await copy(feed, rules);
      return { target, reasons };
    };

    test('have a place for every type', async () => {
      const { target, reasons } = await model(
        {
          id: 'UInt64',
          v: 'Bool',
          u: 'UUID',
          l: 'Array(Nullable(String))',
          m: 'Map(String, UInt8)',
          c: 'LowCardinality(Nullable(String))',
          w: 'Decimal(76, 20)',
          t: 'Decimal(60, 40)',
          h: 'UInt256',
          d: 'DateTime',
          z: "DateTime64(9, 'Asia/Shanghai')",
          e: "Enum8('x' = 1)",
          f: 'FixedString(3)',
        },
        `SELECT toUInt64(18446744073709551615), true, toUUID('123e4567-e89b-12d3-a456-426655440000'), ['a"b', NULL], map('k', 1), ` +
          `'low', toDecimal256('-12345678901234567890.5', 20), toDecimal256('0.1234567890123456789012345678901234567891', 40), ` +
          `toUInt256('99999999999999999999999999999999999999999'), toDateTime('2026-01-02 03:04:05', 'UTC'), ` +
          `toDateTime64('2026-01-02 11:04:05.123456789', 9, 'Asia/Shanghai'), 'x', 'ab'`,
      );
      expect(reasons).toEqual([]);
      const [rows] = await database.connection.query({
        sql: `SELECT *, CAST(z AS CHAR) AS z FROM \`${target}\``,
        dateStrings: true,
        supportBigNumbers: true,
        bigNumberStrings: true,
      });
      expect((rows as object[])[0]).toMatchObject({
        id: '18446744073709551615',
        v: 1,
        u: '123e4567-e89b-12d3-a456-426655440000',
        l: '["a\\"b",null]',
        m: '{"k":1}',
        c: 'low',
        w: '-12345678901234567890.50000000000000000000',
        t: '0.1234567890123456789012345678901234567891',
        h: '99999999999999999999999999999999999999999',
        d: '2026-01-02 03:04:05',
        z: '2026-01-02 03:04:05.123456',
        e: 'x',
        f: Buffer.from('ab\0'),
      });
    });

    test('are refused where they do not fit, with the reason', async () => {
      const wide = await model(
        { id: 'UInt8', v: 'Decimal(76, 0)' },
        `SELECT 1, toDecimal256('1${'0'.repeat(64)}', 0) UNION ALL SELECT 2, toDecimal256('1${'0'.repeat(65)}', 0)`,
      );
      expect(wide.reasons).toEqual(['column v has more than 65 digits before the point']);
      const long = await model(
        { id: 'String', v: 'UInt8' },
        `SELECT repeat('é', 191), 1 UNION ALL SELECT repeat('é', 192), 2`,
      );
      expect(long.reasons).toEqual([expect.stringContaining('longer than 191 characters')]);
      const broken = await model(
        { id: 'UInt8', v: 'String' },
        `SELECT 1, unhex('ff') UNION ALL SELECT 2, 'fine'`,
      );
      expect(broken.reasons).toEqual(['column v is not UTF-8']);
    });

    test('may hold NaN as NULL, or not at all', async () => {
      const rows = 'SELECT number AS id, 1 / number - 1 / number AS v FROM numbers(3)';
      const types = { id: 'UInt64', v: 'Float64' };
      const { reasons } = await model(types, rows);
      expect(reasons).toEqual([expect.stringContaining('not a finite number')]);
      const nulls = await model(types, rows, { nonFinite: 'null' });
      expect(nulls.reasons).toEqual([]);
      expect((await stored(nulls.target)).values).toEqual([null, '0', '0']);
    });

    test('get types, indexes and options that the project file says', async () => {
      const settings = {
        types: { v: 'varchar(40)' },
        indexes: [['v']],
        tableOptions: 'ROW_FORMAT=DYNAMIC',
      };
      const overrides = [{ tables: 'ads.*', settings }];
      const rows = `SELECT 1, 'short' UNION ALL SELECT 2, repeat('x', 41)`;
      const { target, reasons } = await model({ id: 'UInt8', v: 'String' }, rows, { overrides });
      expect(reasons).toEqual([expect.stringMatching(/too long for column/i)]);
      expect(await stored(target)).toEqual({ type: 'varchar(40)', values: ['short'] });
      const [made] = await database.connection.query(`SHOW CREATE TABLE \`${target}\``);
      expect(JSON.stringify(made)).toMatch(/KEY `v` \(`v`\).*ROW_FORMAT=DYNAMIC/);
    });
  });
});
