import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { Column, TableSchema } from '../../src/change/table-schema.ts';
import type { CommonSinkOptions } from '../../src/sink/common-options.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import type { RowEngine } from '../../src/sink/row-engine.ts';
import { RowSelect } from '../../src/sink/row-select.ts';
import type { Sink } from '../../src/sink/sink.ts';
import { Random } from './random.ts';
import { columnOf, SinkWorld, schemaOf } from './sink-world.ts';

/** One kind of sink in the contract suite. */
export interface SinkUnderTest<Options extends CommonSinkOptions = CommonSinkOptions> {
  /** As in the project file. */
  readonly name: string;
  /** Options with `type` and `name`, over a store that is empty for everybody who asks. */
  options(): Promise<Options>;
  /** Another process’s sink over the same store. */
  open(options: Options, context: SinkOpening): Promise<Sink>;
  /** Columns the store has no place for or changes by rule are left out here and tested by the sink’s own tests. */
  readonly columns?: (column: Column) => boolean;
  /**
   * A value that this store refuses at write time although its column fits: what to do to the store, so that rows with
   * `note = 'refuse me'` are refused. Absent: the store cannot refuse single rows.
   */
  readonly refuse?: (options: Options, target: string) => Promise<void>;
  /** Undoes it. */
  readonly accept?: (options: Options, target: string) => Promise<void>;
  /** Number of bytes that the tests of many rows write at once, smaller for slow stores. */
  readonly rows?: number;
  /** The store cannot change columns by its nature. */
  readonly hasNoColumns?: true;
}

export interface SinkOpening {
  readonly engine: RowEngine;
  /** Of the project; the same one for every process. */
  readonly stateFolder: string;
}

const int = { kind: 'int', bits: 32, unsigned: false } as const;
const text = { kind: 'string' } as const;
const id = columnOf('id', int, { nullable: false, sourceType: 'int' });
const note = columnOf('note', text, { sourceType: 'varchar(200)' });
const amount = columnOf(
  'amount',
  { kind: 'decimal', precision: 10, scale: 2 },
  { sourceType: 'decimal(10,2)' },
);
const orders = schemaOf('shop.orders', [id, note, amount], ['id'], 'what was bought');
const { signal } = new AbortController();

/** What every sink must do, against its real store. */
export function describeSinkContract<Options extends CommonSinkOptions>(
  kind: SinkUnderTest<Options>,
): void {
  describe(`${kind.name} as a sink`, () => {
    let world: SinkWorld;
    beforeAll(async () => {
      world = await SinkWorld.open();
    }, 120_000);
    afterAll(() => world[Symbol.asyncDispose]());

    const open = async (options: Options) =>
      kind.open(options, { engine: world.engine, stateFolder: world.stateFolder });
    const expectEqual = async (table: string, sink: Sink, options: CommonSinkOptions) =>
      expect(await world.differences(table, sink, options)).toEqual([]);
    const shop = async (table: string, schema: TableSchema = orders) => {
      await world.define({ ...schema, table }, 'resnapshot');
      return table;
    };

    test('holds rows, changes and deletions of a table', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const table = await shop('shop.basics');
      await world.put(table, [
        [1, 'one', 100n],
        [2, null, 250n],
        [3, 'three', null],
      ]);
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
      await world.put(table, [
        [2, 'two', -1n],
        [4, 'a\tb\nc\\d "e" \'f\' 学', 5n],
      ]);
      await world.put(table, [[1, 'one', 100n]], { deleted: true });
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
      await world.put(table, [[1, 'again', 7n]]);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
    }, 180_000);

    test('tells differences that somebody else made, and takes repairs', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const table = await shop('shop.repaired');
      await world.put(table, [
        [1, 'one', 100n],
        [2, 'two', 250n],
      ]);
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      // The warehouse forgets one row, has one more and another value in one: as if the store had been written to.
      await world.run(`DELETE FROM \`_ods\`.\`${table}\` WHERE id = 1`);
      await world.run(
        `INSERT INTO \`_ods\`.\`${table}\` SELECT 3, 'three', 1, ${world.version}, 0 UNION ALL SELECT 2, 'zwei', 2, ${world.version}, 0`,
      );
      const found = await world.differences(table, sink, options);
      expect(found.map(({ kind: what, columns }) => ({ what, columns }))).toEqual([
        { what: 'extra', columns: [] },
        { what: 'different', columns: ['note', 'amount'] },
        { what: 'missing', columns: [] },
      ]);
      const plan = await copier.plan(world.feed(table));
      const keys = new RowSelect(plan, sink.types).keysByText(found.map(({ key }) => key));
      await copier.resend(world.feed(table), keys, signal);
      await expectEqual(table, sink, options);
    }, 180_000);

    test('goes on where another process had stopped, and forgets nothing', async () => {
      const options = await kind.options();
      const table = await shop('shop.handed_over');
      await world.put(table, [[1, 'one', 100n]]);
      {
        await using first = await open(options);
        await world.copy(table, first, options);
      }
      await world.put(table, [
        [1, 'uno', 1n],
        [2, 'two', 2n],
      ]);
      await using second = await open(options);
      const step = await world.copier(table, second, options).copy(world.feed(table), signal);
      expect(step).toMatchObject({ isCurrent: true });
      await expectEqual(table, second, options);
    }, 180_000);

    test('refuses a batch that follows another place than the store has', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      await using other = await open(options);
      const table = await shop('shop.fenced');
      await world.put(table, [[1, 'one', 100n]]);
      const late = world.copier(table, other, options);
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      await world.copy(table, other, options, late);
      await world.put(table, [[1, 'uno', 1n]]);
      await world.copy(table, sink, options, copier);
      await world.put(table, [[1, 'eins', 2n]]);
      const stale = late.copy(world.feed(table), signal);
      await expect(stale).rejects.toMatchObject({ code: 'CDC_SINK_STALE' });
      // It asks the store, and goes on from there.
      await world.copy(table, other, options, late);
      await expectEqual(table, other, options);
    }, 180_000);

    test('may be given any range of changes again, and older rows never win', async () => {
      const options = await kind.options();
      const table = await shop('shop.replayed');
      const random = new Random(7);
      for (let round = 0; round < 4; round++) {
        await using sink = await open(options);
        const rows = Array.from({ length: 30 }, (): RowValue[] => [
          random.between(0, 39),
          `round ${round} ${random.next()}`,
          BigInt(round),
        ]);
        await world.put(table, [...new Map(rows.map((row) => [row[0], row])).values()]);
        const gone = [...new Set(rows.slice(0, 5).map(([key]) => key))];
        await world.put(
          table,
          gone.map((key) => [key ?? 0, null, null]),
          { deleted: true },
        );
        const copier = world.copier(table, sink, options);
        await world.copy(table, sink, options, copier);
        const all = `SELECT DISTINCT id FROM \`_ods\`.\`${table}\` WHERE id % 3 = ${round % 3}`;
        await copier.resend(world.feed(table), all, signal);
        await expectEqual(table, sink, options);
      }
    }, 240_000);

    test('holds composite keys of text and numbers, and a key that moves', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const code = columnOf('code', text, { nullable: false, sourceType: 'varchar(40)' });
      const day = columnOf('day', { kind: 'date' }, { nullable: false, sourceType: 'date' });
      const table = await shop(
        'shop.composite',
        schemaOf('shop.composite', [code, day, note], ['code', 'day']),
      );
      await world.put(table, [
        ['a', 20_000, 'x'],
        ['a', 20_001, 'y'],
        ['b:c', 20_000, 'z'],
        ['q\'\\"', 1, 'q'],
      ]);
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
      await world.put(table, [['a', 20_001, 'y']], { deleted: true });
      await world.put(table, [
        ['a', 20_002, 'y'],
        ['A', 20_000, 'not a'],
      ]);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
    }, 180_000);

    test.skipIf(kind.hasNoColumns)(
      'follows columns that come, change and go',
      async () => {
        const options = await kind.options();
        await using sink = await open(options);
        const table = await shop('shop.evolved');
        await world.put(table, [
          [1, 'one', 100n],
          [2, 'two', 200n],
        ]);
        const copier = world.copier(table, sink, options);
        await world.copy(table, sink, options, copier);
        const city = columnOf('city', text, { sourceType: 'varchar(100)' });
        const more = columnOf(
          'amount',
          { kind: 'decimal', precision: 18, scale: 2 },
          { sourceType: 'decimal(18,2)' },
        );
        await world.define(schemaOf(table, [id, note, more, city]));
        await world.put(table, [[2, 'two', 9_999_999_999n, 'Wuhan']]);
        await world.copy(table, sink, options, copier);
        await expectEqual(table, sink, options);
        await world.define(schemaOf(table, [id, note, city]));
        await world.put(table, [[3, 'three', 'Paris']]);
        await world.copy(table, sink, options, copier);
        await expectEqual(table, sink, options);
      },
      240_000,
    );

    test('is made anew when the table in the warehouse is another one', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const table = await shop('shop.reread');
      await world.put(table, [
        [1, 'one', 1n],
        [2, 'two', 2n],
        [3, 'three', 3n],
      ]);
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      await shop(table);
      await world.put(table, [[2, 'two again', 2n]]);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
      // And with nothing in it.
      await shop(table);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
    }, 180_000);

    test('does not touch what another project has filled, until it is told to begin anew', async () => {
      const options = await kind.options();
      await using other = await SinkWorld.open();
      await using sink = await open(options);
      const table = await shop('shop.foreign');
      await world.put(table, [[1, 'one', 1n]]);
      await world.copy(table, sink, options);
      await other.define({ ...orders, table });
      await other.put(table, [[2, 'two', 2n]]);
      await using theirs = await kind.open(options, other);
      const copier = other.copier(table, theirs, options);
      const refused = copier.copy(other.feed(table), signal);
      await expect(refused).rejects.toMatchObject({ code: 'CDC_SINK_FOREIGN' });
      await copier.drop(other.feed(table));
      await other.copy(table, theirs, options, copier);
      expect(await other.differences(table, theirs, options)).toEqual([]);
    }, 240_000);

    test('holds every kind of column with its edge values', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const chosen = edgeColumns.filter(({ column }) => kind.columns?.(column) ?? true);
      const columns = [id, ...chosen.map(({ column }) => column)];
      const table = await shop('shop.every_kind', schemaOf('shop.every_kind', columns));
      const depth = Math.max(...chosen.map(({ values }) => values.length));
      const rows = Array.from({ length: depth + 1 }, (_, row): RowValue[] => [
        row,
        ...chosen.map(({ values }) =>
          row === depth ? null : (values[row % values.length] ?? null),
        ),
      ]);
      await world.put(table, rows);
      expect(await world.copy(table, sink, options)).toBe(0);
      await expectEqual(table, sink, options);
    }, 180_000);

    test('takes a range in many batches, and one that is cut off in the middle', async () => {
      const count = kind.rows ?? 20_000;
      const options = { ...(await kind.options()), batchRows: Math.ceil(count / 7) };
      await using sink = await open(options);
      const table = await shop('shop.many');
      await world.run(
        `INSERT INTO \`_ods\`.\`${table}\` SELECT number, concat('note ', toString(number)), number / 7, ${world.version}, 0 FROM numbers(${count})`,
      );
      const copier = world.copier(table, sink, options);
      const cut = new AbortController();
      const copying = copier.copy(world.feed(table), cut.signal);
      queueMicrotask(() => cut.abort(new Error('cut off')));
      await copying.catch(() => undefined);
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
      expect((await sink.progress()).get(table)?.sequence).toBeGreaterThan(0);
    }, 300_000);

    test('removes a table with its place', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const table = await shop('shop.dropped');
      await world.put(table, [[1, 'one', 1n]]);
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      await copier.drop(world.feed(table));
      expect((await sink.progress()).has(table)).toBe(false);
      await copier.drop(world.feed(table));
      await world.copy(table, sink, options, copier);
      await expectEqual(table, sink, options);
    }, 180_000);

    test('says beforehand what it would do to the store', async () => {
      const options = await kind.options();
      await using sink = await open(options);
      const table = await shop('shop.planned');
      const copier = world.copier(table, sink, options);
      const planned = await copier.planDdl(world.feed(table));
      if (!kind.hasNoColumns) expect(planned.length).toBeGreaterThan(0);
      expect(await sink.progress()).toEqual(new Map());
      await world.copy(table, sink, options, copier);
      expect(await copier.planDdl(world.feed(table))).toEqual([]);
    }, 180_000);

    test.skipIf(kind.refuse === undefined)(
      'puts a refused row aside, and lets the others through',
      async () => {
        const options = await kind.options();
        await using sink = await open(options);
        const table = await shop('shop.refused');
        const copier = world.copier(table, sink, options);
        await world.copy(table, sink, options, copier);
        await kind.refuse?.(options, 'refused');
        const rows = Array.from({ length: 50 }, (_, at): RowValue[] => [
          at,
          at === 17 || at === 49 ? 'refuse me' : `note ${at}`,
          BigInt(at),
        ]);
        await world.put(table, rows);
        expect(await world.copy(table, sink, options, copier)).toBe(2);
        const letters = await new DeadRows(world.engine).list(options.name);
        const own = letters.filter((letter) => letter.table === table);
        expect(own.map(({ key }) => key)).toEqual(['["17"]', '["49"]']);
        const missing = await world.differences(table, sink, options);
        expect(missing.map(({ key, kind: what }) => [key, what])).toEqual([
          [['17'], 'missing'],
          [['49'], 'missing'],
        ]);
        await kind.accept?.(options, 'refused');
        const again = 'SELECT toInt32(arrayJoin([17, 49])) AS id';
        await copier.resend(world.feed(table), again, signal);
        await expectEqual(table, sink, options);
      },
      240_000,
    );

    test('finds nothing wrong with a store that is ready', async () => {
      await using sink = await open(await kind.options());
      const problems = await sink.preflight();
      expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    }, 120_000);
  });
}

const intWords = { 8: 'tinyint', 16: 'smallint', 32: 'int' } as const;

/** Columns with values at their edges; `null` follows in every one. */
export const edgeColumns: readonly {
  readonly column: Column;
  readonly values: readonly RowValue[];
}[] = [
  ...([8, 16, 32] as const).map((bits) => ({
    column: columnOf(
      `int${bits}`,
      { kind: 'int', bits, unsigned: false },
      { sourceType: intWords[bits] },
    ),
    values: [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0],
  })),
  ...([8, 16, 32] as const).map((bits) => ({
    column: columnOf(
      `uint${bits}`,
      { kind: 'int', bits, unsigned: true },
      { sourceType: `${intWords[bits]} unsigned` },
    ),
    values: [0, 2 ** bits - 1],
  })),
  {
    column: columnOf('int64', { kind: 'int', bits: 64, unsigned: false }, { sourceType: 'bigint' }),
    values: [-(2n ** 63n), 2n ** 63n - 1n, 9_007_199_254_740_993n],
  },
  {
    column: columnOf(
      'uint64',
      { kind: 'int', bits: 64, unsigned: true },
      { sourceType: 'bigint unsigned' },
    ),
    values: [0n, 2n ** 64n - 1n, 9_007_199_254_740_993n],
  },
  {
    column: columnOf('float32', { kind: 'float', bits: 32 }, { sourceType: 'float' }),
    values: [0, 1.5, -3.4e38, 1.1754944e-38, 16777216],
  },
  {
    column: columnOf('float64', { kind: 'float', bits: 64 }, { sourceType: 'double' }),
    values: [0, 0.1, -1.7976931348623157e308, 2.2250738585072014e-308, 123456789.12345679],
  },
  {
    column: columnOf(
      'money',
      { kind: 'decimal', precision: 38, scale: 10 },
      { sourceType: 'decimal(38,10)' },
    ),
    values: [10n ** 38n - 1n, -(10n ** 38n) + 1n, 1n, 0n, 12_345_000_000_000n],
  },
  {
    column: columnOf(
      'vast',
      { kind: 'decimal', precision: 65, scale: 30 },
      { sourceType: 'decimal(65,30)' },
    ),
    values: [10n ** 65n - 1n, -(10n ** 65n) + 1n, 1n, 0n],
  },
  {
    column: columnOf('day', { kind: 'date' }, { sourceType: 'date' }),
    values: [0, -25_567, 20_000, 47_481],
  },
  {
    column: columnOf('wall', { kind: 'datetime', fsp: 0 }, { sourceType: 'datetime' }),
    values: [0n, -2_208_988_800n, 1_700_000_000n],
  },
  {
    column: columnOf('wall_fine', { kind: 'datetime', fsp: 6 }, { sourceType: 'datetime(6)' }),
    values: [1n, -1n, 1_700_000_000_123_456n],
  },
  {
    column: columnOf('moment', { kind: 'timestamp', fsp: 3 }, { sourceType: 'timestamp(3)' }),
    values: [1000n, 1_700_000_000_123n, 2_147_483_647_000n],
  },
  {
    column: columnOf('clock', { kind: 'time', fsp: 3 }, { sourceType: 'time(3)' }),
    values: [0n, 3_020_399_000n, -3_020_399_000n, 45_296_789n, -1n],
  },
  {
    column: columnOf('vintage', { kind: 'year' }, { sourceType: 'year' }),
    values: [0, 1901, 2155],
  },
  {
    column: columnOf('flags', { kind: 'bit' }, { sourceType: 'bit(64)' }),
    values: [0n, 1n, 2n ** 64n - 1n],
  },
  {
    column: columnOf('words', text, { sourceType: 'text' }),
    values: [
      '',
      'plain',
      'tab\tline\nback\\slash "double" \'single\'',
      '😀 学 é',
      '\\N',
      'NULL',
      ' ends with blanks  ',
      '{"a": 1}',
      ',',
    ],
  },
  {
    column: columnOf('document', { kind: 'json' }, { sourceType: 'json' }),
    values: [
      '{"a": [1, 2.5, "x", null, true], "b": {"c": "d\\"e"}}',
      '[]',
      '"text"',
      '12345678901234567890',
      'null',
    ],
  },
  {
    column: columnOf('bytes', { kind: 'binary' }, { sourceType: 'blob' }),
    values: [Buffer.alloc(0), Buffer.from([0, 1, 2, 255, 10, 9, 92]), Buffer.from('text')],
  },
];
