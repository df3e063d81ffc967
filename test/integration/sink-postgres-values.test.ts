import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { Column } from '../../src/change/table-schema.ts';
import { compareTable } from '../../src/sink/compare-table.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import { HologresSink } from '../../src/sink/hologres/hologres-sink.ts';
import { hologresSinkOptions } from '../../src/sink/hologres/options.ts';
import { postgresSinkOptions } from '../../src/sink/postgres/options.ts';
import { PostgresSink } from '../../src/sink/postgres/postgres-sink.ts';
import { quoteName } from '../../src/sink/postgres/sql-text.ts';
import { pretendToBeHologres } from '../support/hologres.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../support/postgres.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';

let world: SinkWorld;
let database: PostgresDatabase;
beforeAll(async () => {
  world = await SinkWorld.open();
  database = await openPostgresDatabase([
    `TimeZone = 'America/New_York'`,
    `DateStyle = 'SQL, DMY'`,
  ]);
  await pretendToBeHologres(database.client);
}, 120_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
let tables = 0;

interface StoredValues {
  /** As PostgreSQL prints them, in order of the values; without rows that were refused. */
  readonly texts: readonly (string | null)[];
  readonly type: string;
  /** Reasons of the rows refused. */
  readonly reasons: readonly string[];
}

/** Puts values into a column `v` of the warehouse and says what is in PostgreSQL then, which `verify` must find equal. */
async function store(
  column: Column,
  values: readonly RowValue[],
  rules: Record<string, unknown> = {},
  kind: 'postgres' | 'hologres' = 'postgres',
  before: (table: string) => Promise<void> = async () => undefined,
): Promise<StoredValues> {
  const name = `values_${++tables}`;
  const table = `shop.${name}`;
  const schema = schemaOf(
    table,
    [id, { ...column, name: 'v' }],
    column.nullable ? ['id'] : ['id', 'v'],
  );
  await world.define(schema);
  await world.put(
    table,
    values.map((value, at): RowValue[] => [at, value]),
  );
  await before(table);
  const given = { name, tables: ['shop.*'], host: 'x', user: 'x', database: 'x', ...rules };
  const options =
    kind === 'postgres'
      ? { ...postgresSinkOptions.parse({ type: kind, ...given }), ...database.options }
      : { ...hologresSinkOptions.parse({ type: kind, ...given }), ...database.options };
  await using sink =
    options.type === 'postgres' ? new PostgresSink(options) : new HologresSink(options);
  await world.copy(table, sink, options);
  const letters = await new DeadRows(world.engine).list(name);
  if (letters.length === 0) expect(await world.differences(table, sink, options)).toEqual([]);
  await database.client.query(
    `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'`,
  );
  const { rows } = await database.client.query<{ v: string | null; type: string }>(
    `SELECT v::text AS v FROM ${quoteName(name)} ORDER BY id`,
  );
  const [found] = (
    await database.client.query<{ type: string }>(
      `SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'v'`,
      [name],
    )
  ).rows;
  return {
    texts: rows.map(({ v }) => v),
    type: found?.type ?? '',
    reasons: letters.map(({ reason }) => reason),
  };
}

const of = (type: Column['type'], sourceType?: string): Column =>
  columnOf('v', type, sourceType === undefined ? {} : { sourceType });

describe('PostgreSQL holds the values of MySQL', () => {
  test('unsigned integers in the next larger type', async () => {
    const large = await store(of({ kind: 'int', bits: 64, unsigned: true }), [2n ** 64n - 1n, 0n]);
    expect(large).toMatchObject({ type: 'numeric(20,0)', texts: ['18446744073709551615', '0'] });
    const middle = await store(of({ kind: 'int', bits: 32, unsigned: true }), [4294967295]);
    expect(middle).toMatchObject({ type: 'bigint', texts: ['4294967295'] });
    const small = await store(of({ kind: 'int', bits: 16, unsigned: true }), [65535]);
    expect(small).toMatchObject({ type: 'integer', texts: ['65535'] });
    const tiny = await store(of({ kind: 'int', bits: 8, unsigned: true }), [255]);
    expect(tiny).toMatchObject({ type: 'smallint', texts: ['255'] });
  });

  test('floating point with its infinities and its negative zero, bit by bit', async () => {
    const double = await store(of({ kind: 'float', bits: 64 }), [
      ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324, 0.1 + 0.2],
    ]);
    expect(double.texts).toEqual([
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
      '5e-324',
      '0.30000000000000004',
    ]);
    const single = await store(of({ kind: 'float', bits: 32 }), [
      Math.fround(0.1),
      -3.4028234663852886e38,
    ]);
    expect(single.texts).toEqual(['0.1', '-3.4028235e+38']);
  });

  test('times beyond a day as intervals, or refused, or as text', async () => {
    const time = of({ kind: 'time', fsp: 3 });
    const values = [3_020_399_999n, -3_020_399_000n, -1n, 45_296_789n];
    const intervals = await store(time, values);
    expect(intervals.type).toBe('interval(3)');
    expect(intervals.texts).toEqual([
      '838:59:59.999',
      '-838:59:59',
      '-00:00:00.001',
      '12:34:56.789',
    ]);
    const within = await store(time, values, { time: 'time' });
    expect(within).toMatchObject({ type: 'time(3) without time zone', texts: ['12:34:56.789'] });
    expect(within.reasons).toHaveLength(3);
    expect(within.reasons[0]).toBe('column v is a time outside of a day');
    const text = await store(time, values, { time: 'text' });
    expect(text.texts).toEqual([
      '838:59:59.999',
      '-838:59:59.000',
      '-00:00:00.001',
      '12:34:56.789',
    ]);
  });

  test('a time stamp as the same moment whatever time zone the database has', async () => {
    const moment = await store(of({ kind: 'timestamp', fsp: 6 }), [1_700_000_000_123_456n, 0n]);
    expect(moment.type).toBe('timestamp(6) with time zone');
    expect(moment.texts).toEqual(['2023-11-14 22:13:20.123456+00', '1970-01-01 00:00:00+00']);
    const wall = await store(of({ kind: 'datetime', fsp: 0 }), [-2_208_988_800n]);
    expect(wall.texts).toEqual(['1900-01-01 00:00:00']);
  });

  test('dates captured as text as text, as NULL, or not at all', async () => {
    const date = of({ kind: 'date', text: true });
    const values = [
      '2024-02-29',
      '2023-02-29',
      '0000-00-00',
      '2024-00-10',
      '9999-12-31',
      '0001-01-01',
      null,
    ];
    expect(await store(date, values)).toMatchObject({ type: 'text', texts: values });
    const orNull = await store(date, values, { textDates: 'null' });
    expect(orNull).toMatchObject({ type: 'date', reasons: [] });
    expect(orNull.texts).toEqual([
      '2024-02-29',
      null,
      null,
      null,
      '9999-12-31',
      '0001-01-01',
      null,
    ]);
    const strict = await store(date, values, { textDates: 'reject' });
    expect(strict.texts).toEqual(['2024-02-29', '9999-12-31', '0001-01-01', null]);
    expect(strict.reasons).toEqual(Array(3).fill('column v is not a date'));
    const wall = of({ kind: 'datetime', fsp: 2, text: true });
    const walls = await store(wall, ['0000-00-00 00:00:00.00', '9999-12-31 23:59:59.25'], {
      textDates: 'null',
    });
    expect(walls).toMatchObject({
      type: 'timestamp(2) without time zone',
      texts: [null, '9999-12-31 23:59:59.25'],
    });
    const time = of({ kind: 'time', fsp: 0, text: true });
    expect((await store(time, ['-838:59:59'], { textDates: 'null' })).texts).toEqual([
      '-838:59:59',
    ]);
  });

  test('text with U+0000 refused or without it, also before digits', async () => {
    const values = ['a\0b', '\u000012', 'plain', 'back\\slash \\0 \\x41'];
    const refused = await store(of({ kind: 'string' }), values);
    expect(refused.texts).toEqual(['plain', 'back\\slash \\0 \\x41']);
    expect(refused.reasons).toHaveLength(2);
    const stripped = await store(of({ kind: 'string' }), values, { nul: 'strip' });
    expect(stripped).toMatchObject({
      texts: ['ab', '12', 'plain', 'back\\slash \\0 \\x41'],
      reasons: [],
    });
  });

  test('text that looks like the marks of COPY', async () => {
    const values = [
      '\\.',
      '\\N',
      '\\',
      '\\\\N',
      '\r',
      '\r\n',
      '\u000b\b\f',
      '',
      "'",
      '\\t',
      '\u0001\u001e\u001f',
    ];
    expect((await store(of({ kind: 'string' }), values)).texts).toEqual(values);
  });

  test('JSON as jsonb, where only the last of equal keys is left, or character by character', async () => {
    const json = of({ kind: 'json' });
    const values = [
      '{"bb": 1.50, "a":  1e3, "a": 2}',
      '[1E-7, 100000.0, "\\u00e9\\/", -0.0, 12345678901234567890]',
      'true',
    ];
    const given = values.slice(1);
    const binary = await store(json, given);
    expect(binary.type).toBe('jsonb');
    expect(binary.texts).toEqual([
      '[0.0000001, 100000.0, "é/", 0.0, 12345678901234567890]',
      'true',
    ]);
    for (const choice of ['json', 'text']) {
      expect((await store(json, values, { json: choice })).texts).toEqual(values);
    }
    const zero = await store(json, ['{"a": "x\\u0000"}', '{"a": "x\\\\u0000"}']);
    expect(zero.texts).toEqual(['{"a": "x\\\\u0000"}']);
    expect(zero.reasons).toEqual(['column v holds \\u0000, which jsonb has no place for']);
  });

  test('bits as a number or as bits', async () => {
    const wide = of({ kind: 'bit' }, 'bit(64)');
    expect(await store(wide, [2n ** 64n - 1n])).toMatchObject({
      type: 'numeric(20,0)',
      texts: ['18446744073709551615'],
    });
    const narrow = of({ kind: 'bit' }, 'bit(5)');
    expect(await store(narrow, [19n])).toMatchObject({ type: 'bigint', texts: ['19'] });
    expect(await store(narrow, [19n, 0n], { bit: 'bits' })).toMatchObject({
      type: 'bit(5)',
      texts: ['10011', '00000'],
    });
  });

  test('bytes, and geometry as WKB or with its SRID as EWKB', async () => {
    const bytes = await store(of({ kind: 'binary' }), [
      Buffer.from([0, 92, 120, 10, 255]),
      Buffer.alloc(0),
    ]);
    expect(bytes).toMatchObject({ type: 'bytea', texts: ['\\x005c780aff', '\\x'] });
    const point = Buffer.from('0101000000000000000000f03f0000000000000040', 'hex');
    const withSrid = (srid: number) => {
      const head = Buffer.alloc(4);
      head.writeUInt32LE(srid);
      return Buffer.concat([head, point]);
    };
    const shapes = await store(of({ kind: 'geometry' }), [withSrid(0), withSrid(4326), null]);
    expect(shapes.texts).toEqual([
      `\\x${point.toString('hex')}`,
      '\\x0101000020e6100000000000000000f03f0000000000000040',
      null,
    ]);
  });

  test('the types that only models have', async () => {
    await world.run('CREATE DATABASE IF NOT EXISTS _layers');
    await world.run(
      `CREATE TABLE _layers.\`ads.odd\` ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY u AS
       SELECT toUUID('0af72c1e-2d4a-4c53-9f3c-2b1c5c2f9b01') AS u, true AS b, ['x', NULL, '"'] AS a, map('k', toInt64(-5)) AS m,
         toDateTime('2024-03-31 02:30:00', 'Asia/Shanghai') AS at, toInt256('-170141183460469231731687303715884105729') AS big,
         toLowCardinality('low') AS lc, CAST('one', 'Enum8(\\'one\\' = 1)') AS e, (1, 'two') AS t, toFixedString('ab', 3) AS f,
         toUInt64(1) AS _version, toUInt8(0) AS _deleted`,
    );
    const described = await world.engine.rows<{ name: string; type: string }>(
      'DESCRIBE TABLE _layers.`ads.odd`',
    );
    const feed = {
      source: 'ads.odd',
      physical: '_layers.`ads.odd`',
      columns: described
        .filter(({ name }) => !name.startsWith('_'))
        .map(({ name, type }) => ({ name, engineType: type })),
      key: ['u'],
      changeColumn: '_version',
      generation: 'one',
      readTo: 1n,
      position: 'binlog.000001:1',
    };
    const given = { type: 'postgres', name: 'odd', tables: ['ads.*'], user: 'x', database: 'x' };
    const options = { ...postgresSinkOptions.parse(given), ...database.options };
    await using sink = new PostgresSink(options);
    const copier = world.copier('ads.odd', sink, options);
    await copier.copy(feed, new AbortController().signal);
    const { rows } = await database.client.query('SELECT row_to_json(odd)::text AS row FROM odd');
    expect(JSON.parse(rows[0]?.row)).toEqual({
      u: '0af72c1e-2d4a-4c53-9f3c-2b1c5c2f9b01',
      b: 1,
      a: ['x', null, '"'],
      m: { k: -5 },
      at: '2024-03-30T18:30:00',
      big: '-170141183460469231731687303715884105729',
      lc: 'low',
      e: 'one',
      t: [1, 'two'],
      f: '\\x616200',
      _version: 1,
    });
    const { differences } = await compareTable(await copier.plan(feed), sink, world.engine, {
      signal: new AbortController().signal,
    });
    expect(differences).toEqual([]);
  });

  test('bytes that are no text refused one by one', async () => {
    const stored = await store(
      of({ kind: 'string' }),
      ['one', 'two'],
      {},
      'postgres',
      async (table) => {
        await world.run(
          `INSERT INTO \`_ods\`.\`${table}\` SELECT 7, unhex('ff00ff'), ${world.version}, 0 UNION ALL SELECT 8, unhex('c328'), ${world.version}, 0`,
        );
      },
    );
    expect(stored.texts).toEqual(['one', 'two']);
    expect([...stored.reasons].sort()).toEqual([
      expect.stringContaining('invalid byte sequence for encoding "UTF8"'),
      'column v holds the character U+0000, which PostgreSQL has no place for',
    ]);
  });

  test('keys of every kind that a key can be', async () => {
    const key = (type: Column['type']): Column => ({ ...of(type), nullable: false });
    expect(
      (await store(key({ kind: 'binary' }), [Buffer.from([1]), Buffer.from([2])])).texts,
    ).toEqual(['\\x01', '\\x02']);
    expect((await store(key({ kind: 'timestamp', fsp: 6 }), [1n])).texts).toEqual([
      '1970-01-01 00:00:00.000001+00',
    ]);
    expect(
      (await store(key({ kind: 'decimal', precision: 20, scale: 4 }), [15_000n])).texts,
    ).toEqual(['1.5000']);
    expect(
      (
        await store(key({ kind: 'date', text: true }), ['0000-00-00', '2024-01-01'], {
          textDates: 'null',
        })
      ).texts,
    ).toEqual(['2024-01-01']);
  });
});

describe('Hologres holds what it has no type for', () => {
  const hologres = (column: Column, values: readonly RowValue[], rules = {}) =>
    store(column, values, rules, 'hologres');

  test('fine moments without a zone, coarse ones with it', async () => {
    const fine = await hologres(of({ kind: 'timestamp', fsp: 6 }), [1_700_000_000_123_456n]);
    expect(fine).toMatchObject({
      type: 'timestamp without time zone',
      texts: ['2023-11-14 22:13:20.123456'],
    });
    const coarse = await hologres(of({ kind: 'timestamp', fsp: 3 }), [1_700_000_000_123n]);
    expect(coarse).toMatchObject({
      type: 'timestamp with time zone',
      texts: ['2023-11-14 22:13:20.123+00'],
    });
  });

  test('wide decimals as text, others with all the digits there are', async () => {
    const wide = await hologres(of({ kind: 'decimal', precision: 65, scale: 30 }), [1n, 0n]);
    expect(wide).toMatchObject({
      type: 'text',
      texts: [`0.${'0'.repeat(29)}1`, `0.${'0'.repeat(30)}`],
    });
    const narrow = await hologres(of({ kind: 'decimal', precision: 10, scale: 2 }), [-150n]);
    expect(narrow).toMatchObject({ type: 'numeric(38,2)', texts: ['-1.50'] });
  });

  test('unsigned keys as far as a signed one goes', async () => {
    const key = { ...of({ kind: 'int', bits: 64, unsigned: true } as const), nullable: false };
    const stored = await hologres(key, [2n ** 63n - 1n, 2n ** 63n]);
    expect(stored).toMatchObject({ type: 'bigint', texts: ['9223372036854775807'] });
    expect(stored.reasons).toEqual([
      'column v is beyond 9223372036854775807, the largest number that a key of Hologres takes',
    ]);
  });

  test('floats and text as they are, without bytes that are no text', async () => {
    const floats = await hologres(of({ kind: 'float', bits: 64 }), [-0, Number.NaN, 1e300]);
    expect(floats.texts).toEqual(['-0', 'NaN', '1e+300']);
    const texts = await hologres(of({ kind: 'string' }), ['\\N', 'null', '', 'a\tb\n"', 'nul\0']);
    expect(texts.texts).toEqual(['\\N', 'null', '', 'a\tb\n"']);
    expect(texts.reasons).toHaveLength(1);
  });
});
