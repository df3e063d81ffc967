import { describe, expect, test } from 'vitest';
import type { ColumnType } from '../../../../src/change/table-schema.ts';
import { mergeStage } from '../../../../src/sink/postgres/merge-statements.ts';
import { postgresSinkOptions } from '../../../../src/sink/postgres/options.ts';
import { planStatements, type TableOptions } from '../../../../src/sink/postgres/stored-table.ts';
import type { FoundTable } from '../../../../src/sink/postgres/table-catalog.ts';
import { postgresTypes } from '../../../../src/sink/postgres/type-map.ts';
import type { SinkTable } from '../../../../src/sink/sink-table.ts';
import { sinkColumn, sinkTable } from '../clickhouse/sink-table-builder.ts';

function tableOptions(rules: object = {}): TableOptions {
  const given = {
    type: 'postgres',
    name: 'copy',
    tables: ['shop.*'],
    user: 'cdc',
    database: 'copy',
  };
  const { schema, deletes, ...rest } = postgresSinkOptions.parse({ ...given, ...rules });
  return { schema, deletes, types: postgresTypes(rest), canRetype: true };
}

const plan = (
  table: SinkTable,
  found: FoundTable | undefined,
  { options = tableOptions(), mayDrop = [] }: { options?: TableOptions; mayDrop?: string[] } = {},
) => planStatements(table, found, options, { mayDrop, storage: '' });

/** The table of `sinkTable()` as it would be found after it was made. */
function foundTable(
  columns: Record<string, string> = {},
  rest: Partial<FoundTable> = {},
): FoundTable {
  const own = {
    ...{ shop: 'text!', id: 'integer!', paid: 'timestamp(3) without time zone' },
    ...{ _version: 'bigint!', ...columns },
  };
  return {
    columns: new Map(
      Object.entries(own).map(([name, type]) => [
        name,
        {
          type: type.replace('!', ''),
          isNotNull: type.endsWith('!'),
          isFilled: false,
          comment: name === 'paid' ? 'when' : undefined,
        },
      ]),
    ),
    uniqueKeys: [['id', 'shop']],
    hasRows: true,
    comment: undefined,
    ...rest,
  };
}

describe('a table in PostgreSQL', () => {
  test('is created with its key, its comments and the version', () => {
    expect(plan(sinkTable({ comment: `what's bought \\` }), undefined)).toEqual([
      'CREATE TABLE "public"."orders" ("shop" text NOT NULL, "id" integer NOT NULL, "paid" timestamp(3) without time zone, ' +
        '"_version" bigint NOT NULL, PRIMARY KEY ("shop", "id"))',
      `COMMENT ON TABLE "public"."orders" IS E'what''s bought \\\\'`,
      `COMMENT ON COLUMN "public"."orders"."paid" IS 'when'`,
    ]);
    const [soft] = plan(sinkTable(), undefined, { options: tableOptions({ deletes: 'soft' }) });
    expect(soft).toContain('"_deleted" boolean NOT NULL DEFAULT false, PRIMARY KEY');
  });

  test('that fits is left as it is, also where it is wider or has columns of others', () => {
    expect(plan(sinkTable(), foundTable())).toEqual([]);
    const wider = foundTable({ id: 'bigint!', paid: 'timestamp without time zone', own: 'text' });
    expect(plan(sinkTable(), wider)).toEqual([]);
  });

  test('gets columns, wider types and NULL, and loses only columns of ours', () => {
    const columns = [...sinkTable().columns, sinkColumn('city', { kind: 'string' })];
    const found = foundTable({
      id: 'smallint!',
      paid: 'timestamp(0) without time zone!',
      old: 'text!',
      own: 'text!',
    });
    expect(plan(sinkTable({ columns }), found, { mayDrop: ['old'] })).toEqual([
      'ALTER TABLE "public"."orders" ALTER COLUMN "id" TYPE integer',
      'ALTER TABLE "public"."orders" ALTER COLUMN "paid" TYPE timestamp(3) without time zone',
      'ALTER TABLE "public"."orders" ALTER COLUMN "paid" DROP NOT NULL',
      'ALTER TABLE "public"."orders" ADD COLUMN "city" text',
      'ALTER TABLE "public"."orders" DROP COLUMN "old"',
      'ALTER TABLE "public"."orders" ALTER COLUMN "own" DROP NOT NULL',
    ]);
  });

  test.each<{
    name: string;
    found: FoundTable;
    table?: Partial<SinkTable>;
    options?: TableOptions;
  }>([
    {
      name: 'a narrower type',
      found: foundTable({ id: 'bigint!' }),
      table: {
        columns: [
          sinkColumn('shop', { kind: 'string' }, { isKey: true }),
          sinkColumn('id', { kind: 'string' }, { isKey: true }),
        ],
      },
    },
    { name: 'another key', found: foundTable({}, { uniqueKeys: [['id']] }) },
    { name: 'rows of others', found: { ...foundTable(), columns: new Map() } },
    { name: 'rows that count as deleted', found: foundTable({ _deleted: 'boolean!' }) },
    {
      name: 'a type that cannot be changed',
      found: foundTable({ id: 'smallint!' }),
      options: { ...tableOptions(), canRetype: false },
    },
  ])('with $name stops the table', ({ found, table, options }) => {
    expect(() => plan(sinkTable(table), found, options && { options })).toThrow(
      expect.objectContaining({ code: 'CDC_SINK_INCOMPATIBLE', details: { table: 'shop.orders' } }),
    );
  });

  test.each(['x'.repeat(64), 'é'.repeat(32), 'ctid', '_version', '_deleted'])(
    'with a column named %s stops the table',
    (name) => {
      const columns = [...sinkTable().columns, sinkColumn(name, { kind: 'string' })];
      expect(() => plan(sinkTable({ columns }), undefined)).toThrow(
        expect.objectContaining({ code: 'CDC_SINK_INCOMPATIBLE' }),
      );
    },
  );

  test('takes names with quotes, blanks and capital letters', () => {
    const columns = [sinkColumn('a "b" C', { kind: 'string' }, { isKey: true })];
    const [create] = plan(sinkTable({ target: 'Or"ders', columns, key: ['a "b" C'] }), undefined);
    expect(create).toBe(
      'CREATE TABLE "public"."Or""ders" ("a ""b"" C" text NOT NULL, "_version" bigint NOT NULL, PRIMARY KEY ("a ""b"" C"))',
    );
  });

  test('of nothing but its key is merged, too', () => {
    const columns = sinkTable().columns.slice(0, 2);
    const [, insert] = mergeStage(sinkTable({ columns }), tableOptions());
    expect(insert).toContain(
      'DO UPDATE SET "_version" = excluded."_version" WHERE stored."_version" <= excluded."_version"',
    );
  });
});

describe('PostgreSQL has a type for', () => {
  test.each<{ type: ColumnType; sourceType?: string; rules?: object; expected: string }>([
    { type: { kind: 'int', bits: 8, unsigned: false }, expected: 'smallint' },
    { type: { kind: 'int', bits: 32, unsigned: true }, expected: 'bigint' },
    { type: { kind: 'decimal', precision: 65, scale: 30 }, expected: 'numeric(65,30)' },
    { type: { kind: 'year' }, expected: 'smallint' },
    { type: { kind: 'bit' }, sourceType: 'bit(64)', expected: 'numeric(20,0)' },
    { type: { kind: 'bit' }, sourceType: 'bit(63)', expected: 'bigint' },
    { type: { kind: 'bit' }, sourceType: 'bit(3)', rules: { bit: 'bits' }, expected: 'bit(3)' },
    {
      type: { kind: 'time', fsp: 0 },
      rules: { time: 'time' },
      expected: 'time(0) without time zone',
    },
    { type: { kind: 'json' }, rules: { json: 'json' }, expected: 'json' },
    { type: { kind: 'timestamp', fsp: 6, text: true }, expected: 'text' },
    {
      type: { kind: 'timestamp', fsp: 6, text: true },
      rules: { textDates: 'reject' },
      expected: 'timestamp(6) with time zone',
    },
  ])('$type', ({ type, sourceType, rules, expected }) => {
    const column = { ...sinkColumn('c', type), ...(sourceType !== undefined && { sourceType }) };
    expect(tableOptions(rules).types.stored(column).type).toBe(expected);
  });
});
