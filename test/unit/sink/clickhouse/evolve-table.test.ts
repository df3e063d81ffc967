import { describe, expect, test } from 'vitest';
import { type ExistingTable, planTarget } from '../../../../src/sink/clickhouse/evolve-table.ts';
import { placeOf } from '../../../../src/sink/clickhouse/place.ts';
import { clickhouseTypes } from '../../../../src/sink/clickhouse/type-map.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';
import { sinkColumn, sinkTable, storeOptions } from './sink-table-builder.ts';

const base = sinkTable();

/** The store as it is when `table` has been created. */
function existing({ columns, key, comment }: SinkTable = base): ExistingTable {
  const types = columns.map(({ name, engineType: type }) => ({ name, type }));
  const own = [
    { name: '_version', type: 'UInt64' },
    { name: '_deleted', type: 'UInt8' },
  ];
  return {
    comment: comment ?? '',
    columns: [
      ...columns.map(({ name, engineType: type, comment: about = '' }) => ({
        ...{ name, type, comment: about, isKey: key.includes(name) },
      })),
      ...own.map((column) => ({ ...column, comment: '', isKey: false })),
    ],
    view: types,
    whole: [...types, ...own],
  };
}

function plan(
  table: SinkTable,
  {
    before = existing(),
    drop = true,
    options = {},
  }: { before?: ExistingTable; drop?: boolean; options?: object } = {},
): string[] {
  const chosen = storeOptions(options);
  const { cluster } = chosen;
  const place = placeOf(table.target, chosen);
  return planTarget(before, table, { place, types: clickhouseTypes(chosen), cluster, drop });
}

const [shop, id, paid] = base.columns;
if (shop === undefined || id === undefined || paid === undefined) throw new Error('no columns');
const city = sinkColumn('city', { kind: 'string' }, { nullable: true });

describe('a table of a ClickHouse sink that is there already', () => {
  test('is left alone when it fits', () => {
    expect(plan(base)).toEqual([]);
    expect(plan(base, { options: { cluster: { name: 'main' } } })).toEqual([]);
  });

  test('gets new columns before the view names them, and loses old ones after', () => {
    expect(plan(sinkTable({ columns: [shop, id, city] }))).toMatchInlineSnapshot(`
      [
        "ALTER TABLE \`_strata\`.\`default.orders\` ADD COLUMN \`city\` Nullable(String)",
        "CREATE OR REPLACE VIEW \`default\`.\`orders\` AS SELECT \`shop\`, \`id\`, \`city\` FROM \`_strata\`.\`default.orders\` FINAL",
        "ALTER TABLE \`_strata\`.\`default.orders\` DROP COLUMN \`paid\`",
      ]
    `);
  });

  test('keeps columns that go when they are to stay, open for NULL', () => {
    const counted = sinkColumn('counted', { kind: 'int', bits: 8, unsigned: true });
    const before = existing(sinkTable({ columns: [shop, id, paid, counted] }));
    expect(plan(base, { before, drop: false })).toMatchInlineSnapshot(`
      [
        "ALTER TABLE \`_strata\`.\`default.orders\` MODIFY COLUMN \`counted\` Nullable(UInt8)",
        "CREATE OR REPLACE VIEW \`default\`.\`orders\` AS SELECT \`shop\`, \`id\`, \`paid\`, \`counted\` FROM \`_strata\`.\`default.orders\` FINAL",
      ]
    `);
  });

  test('stays wider than it has to be', () => {
    const wide = sinkColumn(
      'paid',
      { kind: 'datetime', fsp: 6 },
      { nullable: true, comment: 'when' },
    );
    const before = existing(sinkTable({ columns: [shop, id, wide] }));
    expect(plan(base, { before })).toEqual([]);
  });

  test('is made anew beside when the type of its key grows, and takes the name at once', () => {
    const long = sinkColumn('id', { kind: 'int', bits: 64, unsigned: false }, { isKey: true });
    expect(plan(sinkTable({ columns: [shop, long, paid] }))).toMatchInlineSnapshot(`
      [
        "DROP TABLE IF EXISTS \`_strata\`.\`default.orders~rebuild\` SYNC",
        "CREATE TABLE IF NOT EXISTS \`_strata\`.\`default.orders~rebuild\` (\`shop\` String, \`id\` Int64, \`paid\` Nullable(DateTime64(3, 'UTC')) COMMENT 'when', _version UInt64, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (\`shop\`, \`id\`) SETTINGS non_replicated_deduplication_window = 1000 COMMENT ''",
        "INSERT INTO \`_strata\`.\`default.orders~rebuild\` (\`shop\`, \`id\`, \`paid\`, \`_version\`, \`_deleted\`) SELECT \`shop\`, \`id\`, \`paid\`, \`_version\`, \`_deleted\` FROM \`_strata\`.\`default.orders\`",
        "EXCHANGE TABLES \`_strata\`.\`default.orders\` AND \`_strata\`.\`default.orders~rebuild\`",
        "CREATE OR REPLACE VIEW \`default\`.\`orders\` AS SELECT \`shop\`, \`id\`, \`paid\` FROM \`_strata\`.\`default.orders\` FINAL",
        "DROP TABLE IF EXISTS \`_strata\`.\`default.orders~rebuild\` SYNC",
      ]
    `);
  });

  test('stops on a cluster when the type of its key grows, since the shard of a row follows from it', () => {
    const long = sinkColumn('id', { kind: 'int', bits: 64, unsigned: false }, { isKey: true });
    const table = sinkTable({ columns: [shop, long, paid] });
    expect(() => plan(table, { options: { cluster: { name: 'main' } } })).toThrow(
      'the type of its key has changed, and its rows cannot be carried over.',
    );
  });

  test.each([
    {
      what: 'another key',
      table: sinkTable({ key: ['id'] }),
      why: 'its key in the store is (shop, id)',
    },
    {
      what: 'a narrower type',
      table: sinkTable({
        columns: [shop, id, sinkColumn('paid', { kind: 'date' }, { nullable: true })],
      }),
      why: "column paid is Nullable(DateTime64(3, 'UTC')) and cannot become Nullable(Date32)",
    },
    {
      what: 'a column of ours',
      table: sinkTable({ columns: [shop, id, sinkColumn('_version', { kind: 'string' })] }),
      why: 'its column _version has a name of the sink’s own',
    },
  ])('refuses $what', ({ table, why }) => {
    expect(() => plan(table)).toThrow(why);
  });

  test('finishes what a crash between two statements has left', () => {
    const table = sinkTable({ columns: [shop, id, paid, city] });
    const altered = existing(table);
    // The column was added, and neither the view nor the Distributed table knows it.
    const before = { ...altered, view: existing().view, whole: existing().whole };
    expect(plan(table, { before, options: { cluster: { name: 'main' } } })).toMatchInlineSnapshot(`
      [
        "CREATE OR REPLACE TABLE \`_strata\`.\`default.orders\` ON CLUSTER \`main\` AS \`_strata\`.\`default.orders~local\` ENGINE = Distributed('main', '_strata', 'default.orders~local', cityHash64(\`shop\`, \`id\`)) COMMENT ''",
        "CREATE OR REPLACE VIEW \`default\`.\`orders\` ON CLUSTER \`main\` AS SELECT \`shop\`, \`id\`, \`paid\`, \`city\` FROM \`_strata\`.\`default.orders\` FINAL",
      ]
    `);
    // The columns are the same, but the view still has an older type.
    const view = existing().view.map((column) =>
      column.name === 'paid' ? { ...column, type: "Nullable(DateTime64(0, 'UTC'))" } : column,
    );
    expect(plan(base, { before: { ...existing(), view } })).toEqual([
      expect.stringContaining('CREATE OR REPLACE VIEW'),
    ]);
  });
});
