import { describe, expect, test } from 'vitest';
import {
  defaultEncoding,
  type MessageLayout,
  type ValueEncoding,
} from '../../../src/change/message-layout.ts';
import type { ColumnType, TableSchema } from '../../../src/change/table-schema.ts';
import { planMessages } from '../../../src/load/clickhouse/message-select.ts';

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };

function schemaOf(types: Readonly<Record<string, ColumnType>>, rest: Partial<TableSchema> = {}) {
  const columns = Object.entries(types).map(([name, type]) => {
    return { name, type, nullable: name !== 'id', sourceType: type.kind };
  });
  return { table: 'a.b', version: '1', columns, key: ['id'], ...rest };
}

describe('planMessages', () => {
  test('wants only what is needed of a message, under any name', () => {
    const schema = schemaOf({ id: int, "it's `a`": int });
    const layout: MessageLayout = {
      format: 'maxwell',
      version: 'binlog',
      paths: { id: ['k', 'id'] },
    };
    const { rows, columns, isTwice } = planMessages(schema, layout);
    expect(rows.structure).toBe(
      'line Tuple(`v` UInt64, `a` UInt64, `e` Nullable(String), ' +
        '`m` Tuple(`position` Nullable(String), `type` Nullable(String), ' +
        "`data` Tuple(`k` Tuple(`id` Nullable(String)), `it's \\`a\\`` Nullable(String)), " +
        '`old` Tuple(`k` Tuple(`id` Nullable(String)))))',
    );
    expect(columns).toEqual(['id', "it's `a`", '_version', '_deleted']);
    expect(isTwice).toBe(false);
  });

  test('takes each line twice where a column is JSON in its place', () => {
    const schema = schemaOf({ id: int, doc: { kind: 'json' } });
    const layout: MessageLayout = { format: 'json', version: 'line', encodings: { doc: 'value' } };
    const { rows, verdicts, isTwice } = planMessages(schema, layout);
    expect(isTwice).toBe(true);
    expect(rows.structure.endsWith(', raw String')).toBe(true);
    expect(verdicts.structure).toBe(`line_number UInt32, ${rows.structure}`);
  });

  test('writes when rows arrived where the table keeps it', () => {
    const layout: MessageLayout = { format: 'json', version: 'line' };
    const schema = schemaOf({ id: int }, { arrival: true });
    expect(planMessages(schema, layout).columns).toEqual([
      'id',
      '_version',
      '_deleted',
      '_arrival',
    ]);
  });

  const types: readonly ColumnType[] = [
    int,
    { kind: 'float', bits: 64 },
    { kind: 'decimal', precision: 9, scale: 2 },
    { kind: 'date' },
    { kind: 'datetime', fsp: 6 },
    { kind: 'timestamp', fsp: 0 },
    { kind: 'time', fsp: 3 },
    { kind: 'date', text: true },
    { kind: 'time', fsp: 3, text: true },
    ...(['year', 'bit', 'string', 'json', 'binary', 'geometry'] as const).map((kind) => ({ kind })),
  ];
  const formats = ['debezium', 'canal', 'maxwell', 'json'] as const;

  test.each(types)('reads %o as every format writes it by itself', (type) => {
    for (const format of formats) {
      const schema = schemaOf({ id: int, c: type });
      const encodings: Record<string, ValueEncoding> = { c: defaultEncoding(format, type) };
      expect(() => planMessages(schema, { format, version: 'line', encodings })).not.toThrow();
    }
  });
});
