import { describe, expect, test } from 'vitest';
import type { SchemaSection } from '../../../src/change/change-batch.ts';
import type { Column, ColumnType, TableSchema } from '../../../src/change/table-schema.ts';
import { clickhouseType } from '../../../src/engine/column-type.ts';
import {
  deleteOlder,
  type ExistingColumn,
  type ExistingTable,
  planSchema,
} from '../../../src/load/clickhouse/ddl.ts';

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const bigint: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const text: ColumnType = { kind: 'string' };

function column(name: string, type: ColumnType, rest: Partial<Column> = {}): Column {
  return { name, type, nullable: false, sourceType: '', ...rest };
}

const id = column('id', int);
const note = column('note', text, { nullable: true });

function section(columns: readonly Column[], rest: Partial<SchemaSection> = {}): SchemaSection {
  const schema: TableSchema = { table: 'shop.orders', version: 'v2', columns, key: ['id'] };
  return {
    kind: 'schema',
    table: 'shop.orders',
    schema,
    existingRows: 'keep',
    version: 1n,
    ...rest,
  };
}

/** The table as the engine has it after it was made for these columns. */
function existing(columns: readonly Column[], key: readonly string[] = ['id']): ExistingTable {
  const own: ExistingColumn[] = [
    { name: '_version', type: 'UInt64', comment: '', isKey: false },
    { name: '_deleted', type: 'UInt8', comment: '', isKey: false },
  ];
  const theirs = columns.map((each) => ({
    name: each.name,
    type: clickhouseType(each),
    comment: each.comment ?? '',
    isKey: key.includes(each.name),
  }));
  return { comment: '', columns: [...theirs, ...own] };
}

const databases = ['CREATE DATABASE IF NOT EXISTS `_ods`', 'CREATE DATABASE IF NOT EXISTS `shop`'];
const cleanUp = 'DROP TABLE IF EXISTS `_ods`.`shop.orders~rebuild` SYNC';
const view = (columns: string) =>
  `CREATE OR REPLACE VIEW \`shop\`.\`orders\` AS SELECT ${columns} FROM \`_ods\`.\`shop.orders\` FINAL`;

describe('the plan for a schema', () => {
  test('creates table and view, names and comments quoted', () => {
    const columns = [column('i`d', int, { comment: "it's" }), note];
    const schema: TableSchema = {
      table: 'shop.or`d',
      version: 'v',
      columns,
      key: ['i`d'],
      comment: 'a\\b',
    };
    expect(planSchema(undefined, { ...section([]), table: schema.table, schema })).toEqual([
      ...databases,
      'CREATE TABLE IF NOT EXISTS `_ods`.`shop.or\\`d` ' +
        "(`i\\`d` Int32 COMMENT 'it\\'s', `note` Nullable(String), _version UInt64, _deleted UInt8, " +
        'INDEX _version_range _version TYPE minmax GRANULARITY 16) ' +
        'ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (`i\\`d`) ' +
        "SETTINGS non_replicated_deduplication_window = 1000, index_granularity = 512, min_compress_block_size = 4096 COMMENT 'a\\\\b'",
      'CREATE OR REPLACE VIEW `shop`.`or\\`d` AS SELECT `i\\`d`, `note` FROM `_ods`.`shop.or\\`d` FINAL',
    ]);
  });

  test('changes nothing but the view when the table fits', () => {
    expect(planSchema(existing([id, note]), section([note, id]))).toEqual([
      ...databases,
      cleanUp,
      view('`note`, `id`'),
    ]);
  });

  test('adds, widens and comments before the view, and drops after it', () => {
    const columns = [
      id,
      column('size', bigint, { comment: 'cm' }),
      column('kind', text, { comment: 'new' }),
      column('extra', text, { nullable: true }),
    ];
    const change = section(columns, { defaults: { kind: "'it\\'s'", extra: 'NULL' } });
    expect(planSchema(existing([id, note, column('size', int)]), change)).toEqual([
      ...databases,
      cleanUp,
      'ALTER TABLE `_ods`.`shop.orders` ' +
        "ADD COLUMN `kind` String DEFAULT 'it\\'s' COMMENT 'new', " +
        'ADD COLUMN `extra` Nullable(String), ' +
        'MODIFY COLUMN `size` Int64, ' +
        "COMMENT COLUMN `size` 'cm'",
      view('`id`, `size`, `kind`, `extra`'),
      'ALTER TABLE `_ods`.`shop.orders` DROP PROJECTION IF EXISTS `_by_note`, DROP COLUMN `note`',
    ]);
  });

  test('copies the table when a key column is widened', () => {
    const change = section([column('id', bigint), note, column('n', int)], {
      defaults: { n: '7' },
    });
    const plan = planSchema(existing([id, note]), change).slice(databases.length);
    expect(plan).toEqual([
      cleanUp,
      expect.stringMatching(
        /^CREATE TABLE .*`shop.orders~rebuild` .*`id` Int64.*`n` Int32 DEFAULT 7/,
      ),
      'INSERT INTO `_ods`.`shop.orders~rebuild` (`id`, `note`, `_version`, `_deleted`) ' +
        'SELECT `id`, `note`, `_version`, `_deleted` FROM `_ods`.`shop.orders`',
      'EXCHANGE TABLES `_ods`.`shop.orders` AND `_ods`.`shop.orders~rebuild`',
      view('`id`, `note`, `n`'),
      cleanUp,
    ]);
  });

  test('makes the table anew for a new snapshot, whatever it was', () => {
    const change = section([column('id', text)], { existingRows: 'resnapshot' });
    expect(planSchema(existing([id, note]), change).slice(databases.length)).toEqual([
      cleanUp,
      expect.stringMatching(
        /^CREATE OR REPLACE TABLE `_ods`.`shop.orders` \(`id` String, _version/,
      ),
      view('`id`'),
    ]);
  });

  test.each([
    { name: 'another key', columns: [note, column('k', int)], key: ['k'], why: /key was \(id\)/ },
    {
      name: 'a narrower type',
      columns: [id, column('note', text)],
      key: ['id'],
      why: /note is Null/,
    },
    {
      name: 'a date without a value for earlier rows',
      columns: [id, note, column('day', { kind: 'date' })],
      key: ['id'],
      why: /day was added/,
    },
    {
      name: 'a column named as ours',
      columns: [id, note, column('_version', int)],
      key: ['id'],
      why: /_version has a name/,
    },
  ])('refuses $name', ({ columns, key, why }) => {
    const change = section(columns);
    const schema = { ...change.schema, key };
    expect(() => planSchema(existing([id, note]), { ...change, schema })).toThrow(
      expect.objectContaining({
        code: 'CDC_SCHEMA_INCOMPATIBLE',
        message: expect.stringMatching(why),
        details: { table: 'shop.orders' },
        remedy: 'Load the table anew: cdc init --tables shop.orders',
      }),
    );
  });

  test.each(["'a' || sleep(1)", '1; DROP TABLE x', 'now()', "'a\\'", '--1'])(
    'does not take %s for a literal',
    (literal) => {
      const change = section([id, note, column('n', text)], { defaults: { n: literal } });
      expect(() => planSchema(existing([id, note]), change)).toThrow(/Not a literal/);
    },
  );
});

test('rows are deleted by rows of the version given', () => {
  expect(deleteOlder('shop.orders')).toBe(
    'INSERT INTO `_ods`.`shop.orders` ' +
      'SELECT * REPLACE ({version:UInt64} AS _version, 1 AS _deleted) ' +
      'FROM (SELECT * FROM `_ods`.`shop.orders` FINAL WHERE _version < {version:UInt64})',
  );
});
