import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import type { Problem } from '../../errors.ts';
import type { TypedColumn } from '../model/relation.ts';
import type {
  DeclaredTable,
  ModelTestFile,
  TableChange,
  TestCell,
  TestRow,
} from './model-test-file.ts';
import { inferType } from './model-test-inference.ts';
import { hint } from './model-test-yaml.ts';

/** An upstream table as a test needs it. */
export interface TestTable {
  readonly name: TableId;
  readonly columns: readonly TypedColumn[];
  readonly key: readonly string[];
}

export interface TableSources {
  /** What the project has captured; empty before `cdc init`. */
  readonly schemas: ReadonlyMap<TableId, TableSchema>;
  /** Tables that the models under test read. */
  readonly read: ReadonlySet<TableId>;
  /** The engine's type for one that the source spells (`int unsigned not null`). */
  readonly typeOf: (sourceType: string) => string | undefined;
}

/**
 * Columns and keys of all tables that a file needs: as the project has captured them, else as the file's
 * `tables` says, else from the values of the rows.
 */
export function resolveTables(
  file: ModelTestFile,
  sources: TableSources,
): { tables: Map<TableId, TestTable>; problems: Problem[] } {
  const resolver = new Resolver(file, sources);
  const tables = resolver.resolve();
  return { tables, problems: resolver.problems };
}

class Resolver {
  readonly problems: Problem[] = [];
  readonly #file: ModelTestFile;
  readonly #sources: TableSources;

  constructor(file: ModelTestFile, sources: TableSources) {
    this.#file = file;
    this.#sources = sources;
  }

  resolve(): Map<TableId, TestTable> {
    const { schemas, read } = this.#sources;
    const declared = new Map(this.#file.tables.map((table) => [table.name, table]));
    const changes = this.#file.cases.flatMap(({ steps }) => steps.flatMap((step) => step.changes));
    const known = new Set([...schemas.keys(), ...declared.keys(), ...read]);
    for (const { table, where } of uniqueBy(changes, ({ table, where }) => `${where} ${table}`)) {
      if (known.has(table)) continue;
      this.#report(where, `No model reads a table ${table}.`, hint(table, known));
    }
    const tables = new Map<TableId, TestTable>();
    const wanted = new Set([...read, ...changes.map(({ table }) => table)]);
    for (const name of wanted) {
      if (!known.has(name)) continue;
      const schema = schemas.get(name);
      const columns = declared.get(name);
      const rows = changes.filter(({ table }) => table === name).flatMap((change) => change.rows);
      const table =
        (schema && fromSchema(schema)) ??
        (columns && this.#fromDeclaration(columns)) ??
        this.#fromValues(
          name,
          uniqueBy(rows, ({ where }) => where),
        );
      if (table === undefined) continue;
      this.#checkRows(table, changes);
      tables.set(name, table);
    }
    return tables;
  }

  #fromDeclaration({ name, where, key = ['id'], columns }: DeclaredTable): TestTable {
    const names = columns.map((column) => column.name);
    for (const part of key) {
      if (names.includes(part)) continue;
      this.#report(
        where,
        `The key of ${name} (${part}) is not among its columns.`,
        'Add `key: ...`.',
      );
    }
    const typed = columns.map((column): TypedColumn => {
      const type = /^[A-Z]/.test(column.type) ? column.type : this.#sources.typeOf(column.type);
      if (type === undefined) {
        const remedy =
          "Write the source's type (bigint unsigned not null) or the engine's (UInt64).";
        this.#report(column.where, `${column.type} is no type of a column.`, remedy);
      }
      return { name: column.name, type: type ?? 'String' };
    });
    return { name, columns: typed, key };
  }

  #fromValues(name: TableId, rows: readonly TestRow[]): TestTable | undefined {
    const remedy = `Add it under \`tables:\` with its columns and their types, or run \`cdc init\`.`;
    const names = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))];
    const place = rows[0]?.where ?? this.#file.cases[0]?.where ?? this.#file.file;
    if (names.length === 0) {
      this.#report(place, `Nothing tells the columns of ${name}, which the models read.`, remedy);
      return undefined;
    }
    if (!names.includes('id')) {
      this.#report(place, `Nothing tells the key of ${name}, which has no column id.`, remedy);
      return undefined;
    }
    const columns = names.map((column) => {
      const cells = rows.flatMap(({ cells }) => cells.get(column) ?? []);
      const isNullable = column !== 'id' && cells.some(({ form }) => form === 'null');
      const type = this.#typeOfValues(`${name}.${column}`, cells);
      return { name: column, type: isNullable ? `Nullable(${type})` : type };
    });
    return { name, columns, key: ['id'] };
  }

  #typeOfValues(column: string, cells: readonly TestCell[]): string {
    const values = cells.filter(({ form }) => form !== 'null');
    const inferred = inferType(values);
    const remedy = 'Give the table its columns and types under `tables:`.';
    if (inferred === undefined) {
      const where = cells[0]?.where ?? this.#file.file;
      this.#report(where, `Nothing tells the type of ${column}: all its values are null.`, remedy);
    } else if ('message' in inferred) {
      const where = values.find((value) => value === inferred.other)?.where ?? this.#file.file;
      this.#report(where, `The type of ${column} is ambiguous: ${inferred.message}.`, remedy);
    }
    return inferred && 'type' in inferred ? inferred.type : 'String';
  }

  #checkRows(table: TestTable, changes: readonly TableChange[]): void {
    const names = table.columns.map(({ name }) => name);
    const rows = changes
      .filter((change) => change.table === table.name)
      .flatMap((change) => change.rows);
    for (const { where, cells } of uniqueBy(rows, (row) => row.where)) {
      for (const [name, cell] of cells) {
        if (names.includes(name)) continue;
        const message = `${table.name} has no column ${name}.`;
        this.#report(cell.where, message, hint(name, names) ?? `It has ${names.join(', ')}.`);
      }
      const missing = table.key.filter((name) => (cells.get(name)?.form ?? 'null') === 'null');
      if (missing.length === 0) continue;
      const message = `A row of ${table.name} needs its key (${table.key.join(', ')}).`;
      this.#report(where, message, `Add ${missing.join(', ')}.`);
    }
  }

  #report(where: string, message: string, remedy?: string): void {
    const problem = { code: 'CDC_LAYERS_INVALID', where, message, severity: 'error' } as const;
    this.problems.push(remedy === undefined ? problem : { ...problem, remedy });
  }
}

/** `given` of a file stands in each of its cases. */
function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function fromSchema({ table, columns, key }: TableSchema): TestTable {
  const typed = columns.map((column) => ({ name: column.name, type: clickhouseType(column) }));
  return { name: table, columns: typed, key };
}
