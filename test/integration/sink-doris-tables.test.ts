import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DorisSink } from '../../src/sink/doris/doris-sink.ts';
import type { LineBatch } from '../../src/sink/sink.ts';
import type { SinkTable } from '../../src/sink/sink-table.ts';
import { ordersBatch } from '../support/doris-double/doris-batches.ts';
import { DorisDouble } from '../support/doris-double/doris-double.ts';
import { dorisOptions } from '../support/doris-double/doris-options.ts';
import { evolve, openPrepared } from '../support/doris-double/prepared-sink.ts';
import { type OrderRow, ordersTable } from '../support/order-batches.ts';

const first: readonly OrderRow[] = [
  { id: 1, note: 'one', version: 11 },
  { id: 2, note: 'two', version: 12 },
];

let double: DorisDouble;
beforeEach(async () => {
  double = await DorisDouble.open();
});
afterEach(() => double[Symbol.asyncDispose]());

describe('a table in the store', () => {
  const withColumns = (columns: SinkTable['columns'], key = ['id']): SinkTable => ({
    ...ordersTable,
    columns,
    key,
  });
  const [idColumn, noteColumn] = ordersTable.columns as [
    SinkTable['columns'][number],
    SinkTable['columns'][number],
  ];

  test('is waited for while the store rewrites a column', async () => {
    const { sink, options } = await openPrepared(double);
    await using _ = sink;
    await sink.write(ordersBatch(1, first));
    double.cluster.delayMs = 150;
    const longer = { ...noteColumn, sourceType: 'varchar(300)' };
    const table = withColumns([idColumn, longer]);
    expect(await sink.plan(table, evolve)).toEqual([
      `ALTER TABLE \`${options.database}\`.\`orders\` MODIFY COLUMN \`note\` VARCHAR(1200) NULL`,
    ]);
    await sink.prepare(table, evolve);
    expect(await sink.plan(table, evolve)).toEqual([]);
    await sink.write(ordersBatch(2, [{ id: 3, note: 'x'.repeat(1000), version: 20 }], table));
  });

  test('is incompatible when the store gives the change up', async () => {
    const { sink, options } = await openPrepared(double);
    await using _ = sink;
    double.cluster.failNextAlteration('not enough memory for the schema change');
    const table = withColumns([idColumn, { ...noteColumn, sourceType: 'varchar(300)' }]);
    await expect(sink.prepare(table, evolve)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringContaining('not enough memory for the schema change'),
    });
    await sink.prepare(table, evolve);
    const [, note] = double.cluster.table(options.database, 'orders').columns;
    expect(note?.type.parameters).toEqual([1200]);
  });

  test.each<{ what: string; table: SinkTable; says: string }>([
    {
      what: 'a narrower type',
      table: withColumns([idColumn, { ...noteColumn, type: { kind: 'date' } }]),
      says: 'column note is varchar(800) in the store and would have to be DATE',
    },
    {
      what: 'another key',
      table: withColumns(
        [idColumn, { ...noteColumn, isKey: true, nullable: false }],
        ['id', 'note'],
      ),
      says: 'its key is (id) in the store and not (id, note)',
    },
    {
      what: 'a key of floats',
      table: withColumns([{ ...idColumn, type: { kind: 'float', bits: 64 } }, noteColumn]),
      says: 'the store has no keys of type DOUBLE',
    },
    {
      what: 'names that differ in case only',
      table: withColumns([idColumn, noteColumn, { ...noteColumn, name: 'Note' }]),
      says: 'the store ignores case',
    },
  ])('is not made to fit $what', async ({ table, says }) => {
    const { sink } = await openPrepared(double);
    await using _ = sink;
    await expect(sink.prepare(table, evolve)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringContaining(says),
    });
  });

  test('of somebody else is not taken when it cannot hold versions', async () => {
    const options = dorisOptions(double);
    await using sink = new DorisSink(options);
    await sink.prepare({ ...ordersTable, source: 'shop.other', target: 'other' }, evolve);
    double.cluster.database(options.database).delete('other');
    double.run(
      `CREATE TABLE \`${options.database}\`.\`orders\` (\`id\` INT NOT NULL, \`note\` VARCHAR(80) NULL, \`_version\` BIGINT NULL) ` +
        'UNIQUE KEY(`id`) DISTRIBUTED BY HASH(`id`) BUCKETS 1 PROPERTIES ("replication_num" = "1")',
    );
    await expect(sink.prepare(ordersTable, evolve)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringContaining('sequence column'),
    });
  });

  test('keeps columns that the sink did not make', async () => {
    const { sink, options } = await openPrepared(double);
    await using _ = sink;
    double.run(`ALTER TABLE \`${options.database}\`.\`orders\` ADD COLUMN \`theirs\` INT NULL`);
    const table = withColumns([idColumn]);
    expect(await sink.plan(table, evolve)).toEqual([
      `ALTER TABLE \`${options.database}\`.\`orders\` DROP COLUMN \`note\``,
    ]);
  });

  test('is made as the project file says', async () => {
    const { sink, options } = await openPrepared(double, { buckets: 'auto' });
    await using _ = sink;
    const table: SinkTable = {
      ...ordersTable,
      source: 'shop.paid',
      target: 'paid',
      comment: 'what was "paid"\nso far',
      columns: [noteColumn, { ...idColumn, comment: 'its \\ number' }],
      settings: {
        buckets: 4,
        distributedBy: ['id'],
        partitionBy: 'PARTITION BY RANGE(`id`) ()',
        properties: { compression: 'zstd', replication_num: '1' },
      },
    };
    await sink.prepare(table, evolve);
    const stored = double.cluster.table(options.database, 'paid');
    expect(stored.comment).toBe('what was "paid" so far');
    expect(stored.columns.map(({ name, comment }) => [name, comment])).toEqual([
      ['id', 'its \\ number'],
      ['note', ''],
      ['_version', ''],
    ]);
    expect(Object.fromEntries(stored.properties)).toEqual({
      replication_num: '1',
      enable_unique_key_merge_on_write: 'true',
      light_schema_change: 'true',
      'function_column.sequence_col': '_version',
      compression: 'zstd',
    });
    expect(await sink.plan(table, evolve)).toEqual([]);
    const replicas = new DorisSink({ ...options, name: 'other', replicationNum: 3 });
    await expect(
      replicas.prepare({ ...ordersTable, target: 'three' }, evolve),
    ).rejects.toMatchObject({
      message: expect.stringContaining('available backend num is 1'),
    });
    await replicas[Symbol.asyncDispose]();
  });

  test('is filled by two sinks, each with its own columns', async () => {
    const settings = { partialColumns: true };
    const columnsOf = (name: string): SinkTable => ({
      ...ordersTable,
      source: `shop.${name}`,
      settings,
      columns: [idColumn, { ...noteColumn, name }],
    });
    const [left, right] = [columnsOf('city'), columnsOf('note')];
    const options = dorisOptions(double, { name: 'left' });
    await using one = new DorisSink(options);
    await using two = new DorisSink({ ...options, name: 'right' });
    await one.prepare(left, evolve);
    await two.prepare(right, evolve);
    const cities: LineBatch = ordersBatch(1, [], left);
    const body = [Buffer.from('{"id":1,"city":"Wuhan","_version":"900","_deleted":0}\n')];
    await one.write({ ...cities, body, rowCount: 1 });
    await two.write(ordersBatch(1, first, right));
    const rows = double.cluster.table(options.database, 'orders').rows;
    expect(rows.map((row) => [row.get('id'), row.get('city'), row.get('note')])).toEqual([
      ['1', 'Wuhan', 'one'],
      ['2', null, 'two'],
    ]);
    const read = [];
    for await (const chunk of one.readBack(left)) read.push(chunk.toString());
    expect(read).toEqual(['1\tWuhan\t900\n']);
    double.cutStatement(/DROP COLUMN `_version_left`/);
    await expect(one.drop(left)).rejects.toMatchObject({ kind: 'transient' });
    await one.drop(left);
    const names = double.cluster.table(options.database, 'orders').columns.map(({ name }) => name);
    expect(names).toEqual(['id', 'note', '_version_right']);
  });

  test('cannot be filled by two sinks otherwise', async () => {
    const { options } = await openPrepared(double);
    await using other = new DorisSink({ ...options, name: 'other' });
    await expect(other.prepare(ordersTable, evolve)).rejects.toMatchObject({
      code: 'CDC_SINK_FOREIGN',
    });
  });

  test('forgets older rows in a sweep, and only these', async () => {
    const { sink, rows } = await openPrepared(double);
    await using _ = sink;
    await sink.write(ordersBatch(1, first));
    const step = { follows: 1, next: { sequence: 2, value: '{}' } };
    await sink.sweep(ordersTable, { below: 12n, step });
    expect(rows()).toEqual([['2', 'two']]);
  });
});

describe('the flavour of StarRocks', () => {
  test('takes rows, changes and deletions, and lets no older row win', async () => {
    await using starrocks = await DorisDouble.open({ flavour: 'starrocks' });
    const options = dorisOptions(starrocks);
    await using sink = new DorisSink(options);
    await sink.prepare(ordersTable, evolve);
    starrocks.failNext('cut-after-commit');
    await sink.write(ordersBatch(1, first));
    await sink.write(
      ordersBatch(2, [
        { id: 1, note: 'older', version: 10 },
        { id: 2, note: null, version: 20, deleted: true },
        { id: 3, note: 'three', version: 21 },
      ]),
    );
    const read = [];
    for await (const chunk of sink.readBack(ordersTable)) read.push(chunk.toString());
    expect(read.sort()).toEqual(['1\tone\t11\n', '3\tthree\t21\n']);
    expect((await sink.progress()).get('shop.orders')?.sequence).toBe(2);
    const [checksum] = await sink.checksums(ordersTable, 0);
    expect(checksum?.rows).toBe(2);
    expect(starrocks.loads).toHaveLength(2);
  });
});
