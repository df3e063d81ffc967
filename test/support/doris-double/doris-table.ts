import { type DorisType, type DorisValue, printDorisType } from './doris-types.ts';

export type DorisFlavour = 'doris' | 'starrocks';

export interface DorisColumn {
  readonly name: string;
  readonly type: DorisType;
  readonly nullable: boolean;
  /** undefined when there is none: a load must give the column then, unless it is nullable. */
  readonly defaultValue?: DorisValue;
  readonly comment: string;
}

/** A row of a load after conversion; `values` has the columns the load gave. */
export interface LoadedRow {
  readonly values: ReadonlyMap<string, DorisValue>;
  readonly deleted: boolean;
  readonly sequence?: bigint;
}

interface StoredRow {
  readonly values: Map<string, DorisValue>;
  readonly deleted: boolean;
  readonly sequence?: bigint;
}

export interface DorisTableShape {
  readonly name: string;
  readonly columns: readonly DorisColumn[];
  readonly keys: readonly string[];
  readonly comment: string;
  readonly properties: ReadonlyMap<string, string>;
  /** Everything behind the columns, as it was written. */
  readonly layout: string;
}

/** A UNIQUE KEY table with merge-on-write (StarRocks: a PRIMARY KEY table). */
export class DorisTable {
  readonly name: string;
  readonly keys: readonly string[];
  readonly comment: string;
  readonly properties: ReadonlyMap<string, string>;
  readonly layout: string;
  columns: readonly DorisColumn[];
  /** Set while a schema change that is not light is under way. */
  isChanging = false;
  readonly #rows = new Map<string, StoredRow>();

  constructor(shape: DorisTableShape) {
    this.name = shape.name;
    this.keys = shape.keys;
    this.comment = shape.comment;
    this.properties = shape.properties;
    this.layout = shape.layout;
    this.columns = shape.columns;
  }

  /** The visible column that orders rows of a key. */
  get sequenceColumn(): string | undefined {
    return this.properties.get('function_column.sequence_col');
  }

  get hasHiddenSequence(): boolean {
    return this.properties.has('function_column.sequence_type');
  }

  column(name: string): DorisColumn | undefined {
    return this.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  }

  /** Rows a SELECT sees. */
  get rows(): readonly ReadonlyMap<string, DorisValue>[] {
    return [...this.#rows.values()].filter((row) => !row.deleted).map((row) => row.values);
  }

  hasKey(row: LoadedRow): boolean {
    return this.#rows.get(this.#keyOf(row.values))?.deleted === false;
  }

  /** Makes a load visible. A row with a smaller sequence than the stored one changes nothing. */
  publish(rows: readonly LoadedRow[], options: { readonly condition?: string } = {}): void {
    for (const row of rows) {
      const key = this.#keyOf(row.values);
      const stored = this.#rows.get(key);
      if (stored !== undefined && isOlder(row, stored, options.condition)) continue;
      if (this.properties.has('primary key') && row.deleted) {
        this.#rows.delete(key);
        continue;
      }
      const values = this.#completeValues(row, stored?.deleted === false ? stored : undefined);
      const sequence = row.sequence ?? stored?.sequence;
      this.#rows.set(key, {
        values,
        deleted: row.deleted,
        ...(sequence !== undefined && { sequence }),
      });
    }
  }

  /** A row that is deleted keeps its place in the index, with its sequence. */
  removeWhere(matches: (row: ReadonlyMap<string, DorisValue>) => boolean): void {
    for (const [key, row] of this.#rows) {
      if (row.deleted || !matches(row.values)) continue;
      if (this.properties.has('primary key')) this.#rows.delete(key);
      else this.#rows.set(key, { ...row, deleted: true });
    }
  }

  /** Converts what is stored after a column was added, dropped or changed. */
  changeColumns(columns: readonly DorisColumn[], renamed = new Map<string, string>()): void {
    for (const row of this.#rows.values()) {
      const old = new Map(row.values);
      row.values.clear();
      for (const { name, defaultValue } of columns) {
        const value = old.get(renamed.get(name) ?? name);
        row.values.set(name, value === undefined ? (defaultValue ?? null) : value);
      }
    }
    this.columns = columns;
  }

  #completeValues(row: LoadedRow, stored: StoredRow | undefined): Map<string, DorisValue> {
    return new Map(
      this.columns.map(({ name, defaultValue }) => [
        name,
        row.values.has(name)
          ? (row.values.get(name) ?? null)
          : (stored?.values.get(name) ?? defaultValue ?? null),
      ]),
    );
  }

  #keyOf(values: ReadonlyMap<string, DorisValue>): string {
    return JSON.stringify(this.keys.map((key) => values.get(key) ?? null));
  }

  showCreate(database: string): string {
    const lines = this.columns.map(({ name, type, nullable, defaultValue, comment }) => {
      const initial = defaultValue === undefined ? '' : ` DEFAULT "${defaultValue}"`;
      const remark = comment === '' ? '' : ` COMMENT "${comment}"`;
      return `  \`${name}\` ${printDorisType(type)} ${nullable ? 'NULL' : 'NOT NULL'}${initial}${remark}`;
    });
    return `CREATE TABLE \`${database}\`.\`${this.name}\` (\n${lines.join(',\n')}\n) ${this.layout}`;
  }
}

/** StarRocks compares only when the load names a column, and never for a delete. */
function isOlder(row: LoadedRow, stored: StoredRow, condition: string | undefined): boolean {
  if (condition !== undefined) {
    if (row.deleted) return false;
    return BigInt(row.values.get(condition) ?? 0) < BigInt(stored.values.get(condition) ?? 0);
  }
  if (row.sequence === undefined || stored.sequence === undefined) return false;
  return row.sequence < stored.sequence;
}
