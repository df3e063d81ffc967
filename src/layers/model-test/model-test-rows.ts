import type { TableId } from '../../change/table-id.ts';
import type { Problem } from '../../errors.ts';
import type { ModelTestCase, TableChange, TestCell, TestRow } from './model-test-file.ts';
import type { TestTable } from './model-test-tables.ts';

/** A row as ODS gets it; columns that nobody has given have their default. */
export interface WrittenRow {
  readonly where: string;
  readonly cells: ReadonlyMap<string, TestCell>;
  readonly isDeleted: boolean;
}

/** What one step writes into one table, in order. */
export interface TableWrite {
  readonly table: TestTable;
  readonly rows: readonly WrittenRow[];
}

/**
 * The writes of each step of a case. A source refuses an INSERT of a key that is there and finds nothing to
 * update where there is none, so both are mistakes of the test.
 */
export function planWrites(
  testCase: ModelTestCase,
  tables: ReadonlyMap<TableId, TestTable>,
): { writes: TableWrite[][]; problems: Problem[] } {
  const problems: Problem[] = [];
  const contents = new Map<TableId, TableContent>();
  const writes = testCase.steps.map(({ changes }) => {
    const rows = new Map<TestTable, WrittenRow[]>();
    for (const change of changes) {
      const table = tables.get(change.table);
      if (table === undefined) continue;
      const content = contents.get(table.name) ?? new TableContent(table, problems);
      contents.set(table.name, content);
      rows.set(table, [...(rows.get(table) ?? []), ...content.change(change)]);
    }
    return [...rows].map(([table, written]) => ({ table, rows: written }));
  });
  return { writes, problems };
}

/** The rows of a table at one step. */
class TableContent {
  readonly #table: TestTable;
  readonly #problems: Problem[];
  readonly #rows = new Map<string, WrittenRow>();

  constructor(table: TestTable, problems: Problem[]) {
    this.#table = table;
    this.#problems = problems;
  }

  change({ kind, rows }: TableChange): WrittenRow[] {
    if (kind === 'truncate') {
      const gone = [...this.#rows.values()].map((row) => ({ ...row, isDeleted: true }));
      this.#rows.clear();
      return gone;
    }
    return rows.flatMap((row) => {
      const key = JSON.stringify(this.#table.key.map((name) => row.cells.get(name)?.text));
      const before = this.#rows.get(key);
      if (kind === 'insert' && before !== undefined) {
        return this.#refuse(row, 'is there already', 'Use `update`, or another key.');
      }
      if (kind !== 'insert' && before === undefined) {
        return this.#refuse(row, 'is not there', 'Use `insert`, or a key that is there.');
      }
      const isDeleted = kind === 'delete';
      const cells = new Map([...(before?.cells ?? []), ...(isDeleted ? [] : row.cells)]);
      const written = { where: row.where, cells, isDeleted };
      if (isDeleted) this.#rows.delete(key);
      else this.#rows.set(key, written);
      return [written];
    });
  }

  #refuse({ where, cells }: TestRow, what: string, remedy: string): WrittenRow[] {
    const { name, key } = this.#table;
    const text = key.map((column) => `${column} ${cells.get(column)?.text ?? ''}`).join(', ');
    const message = `The row with ${text} of ${name} ${what}.`;
    this.#problems.push({ code: 'CDC_LAYERS_INVALID', where, message, remedy, severity: 'error' });
    return [];
  }
}
