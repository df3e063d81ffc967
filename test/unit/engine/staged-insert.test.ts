import { describe, expect, test } from 'vitest';
import {
  type DescribedColumn,
  planStagedInsert,
  renderDescribe,
  renderInputInsert,
} from '../../../src/engine/server/staged-insert.ts';
import { readStatement } from '../../../src/engine/server/statement.ts';

const columns: readonly DescribedColumn[] = [
  column('a', 'Int64'),
  column("q'`x", 'Nullable(String)'),
  column('d', "DateTime64(6, 'UTC')", 'DEFAULT', 'now64(6)'),
  column('m', 'Int64', 'MATERIALIZED', 'a + 1'),
  column('s', 'Int64', 'ALIAS', 'a + 2'),
  column('e', 'Int64', 'EPHEMERAL', '0'),
];

function column(name: string, type: string, kind = '', value = ''): DescribedColumn {
  return { name, type, default_type: kind, default_expression: value };
}

function plan(sql: string) {
  const insert = readStatement(sql);
  if (insert.kind !== 'insert-data') throw new Error(insert.kind);
  return planStagedInsert(insert, columns, insert.format ?? 'Values');
}

describe('planStagedInsert', () => {
  test('reads all columns that a row can bring, with their defaults', () => {
    expect(plan('INSERT INTO t FORMAT CSV').structure).toBe(
      "`a` Int64, `q'\\`x` Nullable(String), `d` DateTime64(6, 'UTC') DEFAULT now64(6)",
    );
  });

  test('reads listed columns in the order of the list', () => {
    expect(plan('INSERT INTO t (d, `a`, "e") FORMAT CSV').structure).toBe(
      "`d` DateTime64(6, 'UTC') DEFAULT now64(6), `a` Int64, `e` Int64",
    );
  });

  test('renders a statement that reads the file', () => {
    const { render } = plan('INSERT INTO db.t (a) SETTINGS async_insert = 1 FORMAT RowBinary');
    expect(render("/x/it's")).toBe(
      'INSERT INTO db.t (`a`) SETTINGS  async_insert = 1 ' +
        "SELECT `a` FROM file('/x/it\\'s', 'RowBinary', '`a` Int64')",
    );
  });

  test('leaves a column that the table does not have for the engine to refuse', () => {
    expect(plan('INSERT INTO t (nope) FORMAT CSV').render('/x')).toContain('(`nope`)');
  });

  test('lets the engine resolve an asterisk', () => {
    const insert = readStatement('INSERT INTO t (* EXCEPT (a)) FORMAT CSV');
    if (insert.kind !== 'insert-data') throw new Error(insert.kind);
    expect(renderDescribe(insert)).toBe('DESCRIBE TABLE (SELECT * EXCEPT (a) FROM t)');
    expect(planStagedInsert(insert, columns.slice(1, 2), 'CSV').structure).toContain('String');
  });
});

test('input() becomes the file, and the rows’ FORMAT goes', () => {
  const sql = "INSERT INTO t SELECT a FROM input('a Int8') WHERE a > 1 FORMAT CSV\n";
  const insert = readStatement(sql);
  if (insert.kind !== 'insert-input') throw new Error(insert.kind);
  expect(renderInputInsert(sql, insert, 'CSV', "/tmp/it's")).toBe(
    "INSERT INTO t SELECT a FROM file('/tmp/it\\'s', 'CSV', 'a Int8') WHERE a > 1 ",
  );
});
