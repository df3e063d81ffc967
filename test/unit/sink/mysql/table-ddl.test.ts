import { describe, expect, test } from 'vitest';
import type { Column } from '../../../../src/change/table-schema.ts';
import type { FoundColumn, FoundTable } from '../../../../src/sink/mysql/found-table.ts';
import { planStatements } from '../../../../src/sink/mysql/table-ddl.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';
import { columnOf } from '../../../support/sink-world.ts';

const mysql = { flavour: 'mysql', version: [8, 4, 0], maxPacketBytes: 1e6 } as const;
const mariadb = { flavour: 'mariadb', version: [10, 11, 0], maxPacketBytes: 1e6 } as const;
const options = {
  database: 'serving',
  deletes: 'hard',
  enums: 'text',
  json: 'text',
  nonFinite: 'reject',
  keyLength: 191,
} as const;

const id = columnOf('id', { kind: 'int', bits: 64, unsigned: false }, { nullable: false });
const text = { kind: 'string' } as const;
const name = columnOf('name', text, { sourceType: 'varchar(50)', comment: "it's" });

function tableOf(columns: readonly Column[], more: Partial<SinkTable> = {}): SinkTable {
  const key = more.key ?? ['id'];
  return {
    source: 'shop.people',
    target: 'people',
    columns: columns.map((column) => ({
      ...column,
      isKey: key.includes(column.name),
      engineType: '',
    })),
    key,
    settings: {},
    ...more,
  };
}

const plain = { isNullable: true, charset: null, collation: null, isFilled: false };

function foundOf(columns: Record<string, Partial<FoundColumn> & { type: string }>): FoundTable {
  const version = { ...plain, type: 'bigint unsigned', isNullable: false, isFilled: true };
  const found = Object.entries(columns).map(
    ([column, facts]) => [column, { ...plain, ...facts }] as const,
  );
  return {
    engine: 'InnoDB',
    hasTransactions: true,
    columns: new Map([...found, ['_version', version]]),
    uniqueKeys: [['id']],
  };
}

const utf8 = { charset: 'utf8mb4', collation: 'utf8mb4_general_ci' };
const idFound = { type: 'bigint(20)', isNullable: false };

describe('a table of a MySQL sink', () => {
  test('is created as the source has it', () => {
    const table = tableOf([id, name], { comment: 'who buys', settings: { indexes: [['name']] } });
    expect(planStatements(table, undefined, options, { facts: mysql, mayDrop: [] })).toEqual([
      'CREATE TABLE `serving`.`people` (`id` bigint NOT NULL, ' +
        "`name` varchar(50) CHARACTER SET utf8mb4 NULL COMMENT 'it\\'s', " +
        '`_version` bigint unsigned NOT NULL DEFAULT 0 /*!80023 INVISIBLE */, PRIMARY KEY (`id`), INDEX (`name`)) ' +
        "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT 'who buys'",
    ]);
  });

  test('compares text in keys character by character, in either flavour', () => {
    const code = columnOf('code', text, { nullable: false, sourceType: 'varchar(20)' });
    const create = (facts: typeof mysql | typeof mariadb) =>
      planStatements(tableOf([code], { key: ['code'] }), undefined, options, {
        facts,
        mayDrop: [],
      })[0];
    expect(create(mysql)).toContain('COLLATE utf8mb4_0900_bin NOT NULL');
    expect(create(mariadb)).toContain('COLLATE utf8mb4_nopad_bin NOT NULL');
    expect(create(mariadb)).toContain('DEFAULT 0 INVISIBLE');
  });

  test('has nothing to be done when it fits', () => {
    const found = foundOf({ id: idFound, name: { type: 'varchar(80)', ...utf8 } });
    const plan = planStatements(tableOf([id, name]), found, options, { facts: mysql, mayDrop: [] });
    expect(plan).toEqual([]);
  });

  test('follows the source in one statement', () => {
    const city = columnOf('city', text, { nullable: false, sourceType: 'varchar(9)' });
    const found = foundOf({
      id: { type: 'int', isNullable: false },
      name: { type: 'varchar(20)', ...utf8 },
      gone: { type: 'int' },
      theirs: { type: 'int', isNullable: false },
      counter: { type: 'int', isNullable: false, isFilled: true },
    });
    const facts = mysql;
    expect(
      planStatements(tableOf([id, name, city]), found, options, { facts, mayDrop: ['gone'] }),
    ).toEqual([
      'ALTER TABLE `serving`.`people` MODIFY COLUMN `id` bigint NOT NULL, ' +
        "MODIFY COLUMN `name` varchar(50) CHARACTER SET utf8mb4 NULL COMMENT 'it\\'s', " +
        'ADD COLUMN `city` varchar(9) CHARACTER SET utf8mb4 NULL, ' +
        'DROP COLUMN `gone`, MODIFY COLUMN `theirs` int NULL',
    ]);
  });

  test('gets the characters that it needs', () => {
    const latin = { charset: 'latin1', collation: 'latin1_swedish_ci' };
    const found = foundOf({ id: idFound, name: { type: 'varchar(80)', ...latin } });
    const facts = mysql;
    expect(
      planStatements(tableOf([id, name]), found, options, { facts, mayDrop: [] })[0],
    ).toContain('MODIFY COLUMN `name` varchar(80) CHARACTER SET utf8mb4 NULL');
  });

  test('is incompatible when rows could not be carried over, or its key is another one', () => {
    const facts = mysql;
    const plan = (found: FoundTable) =>
      planStatements(tableOf([id, name]), found, options, { facts, mayDrop: [] });
    const other = foundOf({ id: idFound, name: { type: 'date' } });
    expect(() => plan(other)).toThrow('column name is date in the store');
    const keyed = { ...foundOf({ id: idFound }), uniqueKeys: [['id', 'name']] };
    expect(() => plan(keyed)).toThrow('no unique index over (id)');
    const memory = { ...foundOf({ id: idFound }), engine: 'MEMORY', hasTransactions: false };
    expect(() => plan(memory)).toThrow('has no transactions');
    expect(() => plan({ ...memory, engine: null })).toThrow('is a view');
  });

  test('has long texts beside its rows when they would not fit into one', () => {
    const wide = Array.from({ length: 6 }, (_, at) =>
      columnOf(`wide${at}`, text, { sourceType: `varchar(${4000 + at})` }),
    );
    const facts = mysql;
    const [create] = planStatements(tableOf([id, ...wide]), undefined, options, {
      facts,
      mayDrop: [],
    });
    expect(create).toContain('`wide5` text');
    expect(create).toContain('`wide3` text');
    expect(create).toContain('`wide2` varchar(4002)');
    // As it is then, it fits.
    const found = foundOf({
      id: idFound,
      ...Object.fromEntries(
        wide.map((column, at) => [
          column.name,
          { type: at > 2 ? 'text' : `varchar(${4000 + at})`, ...utf8 },
        ]),
      ),
    });
    expect(planStatements(tableOf([id, ...wide]), found, options, { facts, mayDrop: [] })).toEqual(
      [],
    );
  });

  test('takes NULL everywhere where deleted rows stay', () => {
    const must = columnOf('must', { kind: 'date' }, { nullable: false });
    const facts = mysql;
    const soft = { ...options, deletes: 'soft' } as const;
    const [create] = planStatements(tableOf([id, must]), undefined, soft, { facts, mayDrop: [] });
    expect(create).toContain('`must` date NULL');
    expect(create).toContain('`_deleted` tinyint(1) NOT NULL DEFAULT 0');
  });

  test.each([
    ['a name of 65 characters', [columnOf('x'.repeat(65), text)]],
    ['a name that ends in a space', [columnOf('x ', text)]],
    ['names that differ in the size of letters only', [name, columnOf('Name', text)]],
  ])('cannot have %s', (_, columns) => {
    const facts = mysql;
    const plan = () =>
      planStatements(tableOf([id, ...columns]), undefined, options, { facts, mayDrop: [] });
    expect(plan).toThrow(expect.objectContaining({ code: 'CDC_SINK_INCOMPATIBLE' }));
  });
});
