import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import { deletedColumn, versionColumn } from './sink-table.ts';
import type { TablePlan } from './table-plan.ts';
import type { TypeMap } from './type-map.ts';

/** Which rows of a table: those whose change number lies in (from, to], and whose key in (after, last]. */
export interface RowRange {
  readonly from: bigint;
  readonly to: bigint;
  /** Texts of a key as `keyTexts` makes them. */
  readonly after?: readonly string[];
  readonly last?: readonly string[];
  /** Rows that are deleted, too: for a store that may have them. */
  readonly withDeleted: boolean;
}

/**
 * Aliases of columns are the same names as what their expressions read. And JSON that expressions make of arrays and maps is the same
 * however the result of the statement is printed: these are settings of a sub-query, which its reader's do not reach.
 */
const expressionSettings =
  ' SETTINGS prefer_column_name_to_alias = 1, output_format_json_quote_64bit_integers = 0, ' +
  'output_format_json_quote_decimals = 0, output_format_json_quote_denormals = 0';

/**
 * The statements that read the rows of one table for one sink.
 *
 * Rows of a range are the newest of their key *in the range*: one that has changed again since is perhaps merged away and then
 * missing, and comes with its newer state.
 */
export class RowSelect {
  readonly #plan: TablePlan;
  readonly #types: TypeMap;
  readonly #key: string;

  constructor(plan: TablePlan, types: TypeMap) {
    this.#plan = plan;
    this.#types = types;
    this.#key = plan.feed.key.map(quoteIdentifier).join(', ');
  }

  /** At least as many rows as the range has. */
  count(range: RowRange): string {
    return `SELECT count() AS rows FROM ${this.#plan.feed.physical} WHERE ${this.#where(range)}`;
  }

  /** The key of the row with this number, from 1, as texts `k1`, `k2`, ...; no row when there are fewer. */
  keyOfRow(range: RowRange, number: number): string {
    const { feed } = this.#plan;
    const texts = this.#keyTexts().map((text, index) => `${text} AS k${index + 1}`);
    return (
      `SELECT ${texts.join(', ')} FROM (SELECT DISTINCT ${this.#key} FROM ${feed.physical} WHERE ${this.#where(range)}) ` +
      `ORDER BY ${this.#key} LIMIT 1 OFFSET ${number - 1}`
    );
  }

  /** The rows for a sink that reads them by itself. */
  rows(range: RowRange): string {
    return this.#select(this.#source(range), 'full');
  }

  /** The rows as they are printed into lines: non-key columns of deleted rows are NULL. */
  printed(range: RowRange): string {
    return this.#select(this.#source(range), 'printed');
  }

  /** Rows of the range that do not fit the store: `key` (JSON), `version`, `reason`. Undefined: all values fit. */
  refused(range: RowRange): string | undefined {
    return this.#refusedOf(this.#source(range));
  }

  /** The same three for the rows of some keys: a query that gives the key's columns as they are in the warehouse. */
  ofKeys(keys: string) {
    const from = this.#newest(`(${this.#key}) IN (${keys})`);
    return {
      rows: this.#select(from, 'full'),
      printed: this.#select(from, 'printed'),
      refused: this.#refusedOf(from),
    };
  }

  /** Deletions of those keys of the query that have no row in the warehouse. */
  deletionsOfMissing(keys: string): { readonly rows: string; readonly printed: string } {
    const { feed } = this.#plan;
    const items = feed.columns.map(({ name, engineType }) => {
      if (feed.key.includes(name)) return quoteIdentifier(name);
      return `defaultValueOfTypeName(${quoteString(engineType)}) AS ${quoteIdentifier(name)}`;
    });
    const own = `toUInt64(${feed.readTo}) AS ${versionColumn}, toUInt8(1) AS ${deletedColumn}`;
    const missing = `SELECT * FROM (${keys}) WHERE (${this.#key}) NOT IN (SELECT ${this.#key} FROM ${feed.physical})`;
    const row = `(SELECT ${items.join(', ')}, ${own} FROM (${missing}))`;
    return { rows: this.#select(row, 'full'), printed: this.#select(row, 'printed') };
  }

  /**
   * Finds the row that was printed as a line: `key` (JSON) and `version`. The line is in the statement, because a parameter would
   * be a part of the address, which has its limit.
   */
  printedRow(format: string, line: Buffer): string {
    const { feed, table, values } = this.#plan;
    const names = [...table.columns.map(({ name }) => name), versionColumn, deletedColumn];
    const structure = names.map((name) => `${quoteIdentifier(name)} Nullable(String)`).join(', ');
    const texts = table.key.map((name) => {
      const column = table.columns.find((each) => each.name === name);
      const value = values.get(name) ?? quoteIdentifier(name);
      return `toString(${(column && this.#types.stored(column).render?.(value)) ?? value})`;
    });
    const printed = table.key.map((name) => `assumeNotNull(${quoteIdentifier(name)})`);
    const given = `SELECT ${printed.join(', ')} FROM format(${format}, ${quoteString(structure)}, unhex('${line.toString('hex')}'))`;
    return (
      `SELECT toJSONString([${this.#keyTexts().join(', ')}]) AS key, toString(${versionColumn}) AS version FROM ${feed.physical} ` +
      `WHERE (${texts.join(', ')}) IN (${given}) ORDER BY ${versionColumn} DESC LIMIT 1`
    );
  }

  /** A query for `ofKeys` from keys as `refused` and `printedRow` name them. */
  keysOf(keys: readonly string[]): string {
    const columns = this.#keyColumns().map(({ name, type, isText }, index) => {
      const text = `texts[${index + 1}]`;
      const value = isText ? `unhex(${text})` : `CAST(${text}, ${quoteString(type)})`;
      return `${value} AS ${quoteIdentifier(name)}`;
    });
    const list = keys.map((key) => quoteString(key)).join(', ');
    return `SELECT ${columns.join(', ')} FROM (SELECT JSONExtract(arrayJoin([${list}]), 'Array(String)') AS texts)`;
  }

  /**
   * A query for `ofKeys` from canonical texts: of rows of the warehouse, deleted ones included, and of others as far as their
   * texts can be read as values again.
   */
  keysByText(keys: readonly (readonly string[])[]): string {
    const { feed, table, values } = this.#plan;
    const textOf = (name: string, value: string) => {
      const column = table.columns.find((each) => each.name === name);
      const engine = column && this.#types.stored(column).canonical?.engine;
      return engine?.(value) ?? `toString(${value})`;
    };
    const texts = table.key.map((name) => textOf(name, values.get(name) ?? quoteIdentifier(name)));
    const list = keys.map((key) => `[${key.map(quoteString).join(', ')}]`).join(', ');
    const given = `SELECT arrayJoin(CAST([${list}], 'Array(Array(String))'))`;
    const read = this.#keyColumns().map(({ name, type }, index) => {
      const value = `accurateCastOrNull(texts[${index + 1}], ${quoteString(type)})`;
      return `${value} AS ${quoteIdentifier(name)}`;
    });
    const isRead = feed.key.map((name) => `${quoteIdentifier(name)} IS NOT NULL`).join(' AND ');
    const plain = feed.key.map(
      (name) => `assumeNotNull(${quoteIdentifier(name)}) AS ${quoteIdentifier(name)}`,
    );
    const others = `SELECT ${plain.join(', ')} FROM (SELECT ${read.join(', ')}, texts FROM (${given} AS texts)) WHERE ${isRead} AND [${texts.join(', ')}] = texts`;
    return `SELECT DISTINCT * FROM (SELECT ${this.#key} FROM ${feed.physical} WHERE [${texts.join(', ')}] IN (${given}) UNION ALL ${others})`;
  }

  /** Keys of deleted rows, and of those that the filter leaves out, under their target names, with the change number `_change`. */
  deleted(): string {
    const { feed, table, values, filter } = this.#plan;
    const items = table.key.map((name) => `${values.get(name)} AS ${quoteIdentifier(name)}`);
    const gone =
      filter === undefined ? deletedColumn : `(${deletedColumn} OR NOT ${isTrue(filter)})`;
    const newest = `SELECT * FROM ${feed.physical} ORDER BY ${this.#key}, ${versionColumn} DESC LIMIT 1 BY ${this.#key}`;
    return `SELECT ${items.join(', ')}, ${feed.changeColumn} AS _change FROM (${newest}) WHERE ${gone}`;
  }

  /** Every current row, each column under its target name as it is in the warehouse, with `_version` and the change number `_change`. */
  current(): string {
    const { feed, values, filter } = this.#plan;
    const items = [...values].map(([name, value]) => `${value} AS ${quoteIdentifier(name)}`);
    const source = `SELECT *, ${versionColumn} AS _row_version, ${feed.changeColumn} AS _change FROM ${feed.physical} FINAL`;
    const where = filter === undefined ? '' : ` WHERE ${isTrue(filter)}`;
    return `SELECT ${items.join(', ')}, _row_version AS ${versionColumn}, _change FROM (${source})${where}${expressionSettings}`;
  }

  #source(range: RowRange): string {
    const { feed, filter } = this.#plan;
    const where = this.#where(range);
    if (range.withDeleted) return this.#newest(where);
    const condition = filter === undefined ? where : `${where} AND ${isTrue(filter)}`;
    return `(SELECT * FROM ${feed.physical} FINAL WHERE ${condition} ORDER BY ${this.#key})`;
  }

  /** The newest row of each key among those of the condition; what the filter leaves out counts as deleted. */
  #newest(condition: string): string {
    const { feed, filter } = this.#plan;
    const kept = filter === undefined ? '' : ` OR NOT ${isTrue(filter)}`;
    const replaced =
      filter === undefined
        ? '*'
        : `* REPLACE (toUInt8(${deletedColumn}${kept}) AS ${deletedColumn})`;
    return (
      `(SELECT ${replaced} FROM (SELECT * FROM ${feed.physical} WHERE ${condition} ` +
      `ORDER BY ${this.#key}, ${versionColumn} DESC LIMIT 1 BY ${this.#key}))`
    );
  }

  #select(source: string, form: 'full' | 'printed'): string {
    const { table, values } = this.#plan;
    const items = table.columns.map((column) => {
      const value = values.get(column.name) ?? quoteIdentifier(column.name);
      const rendered = this.#types.stored(column).render?.(value) ?? value;
      const isHidden = form === 'printed' && !column.isKey;
      const item = isHidden ? `if(${deletedColumn}, NULL, ${rendered})` : rendered;
      return `${item} AS ${quoteIdentifier(column.name)}`;
    });
    const refused = this.#refusal();
    const where = refused === undefined ? '' : ` WHERE (${refused}) = ''`;
    const inner = `SELECT ${items.join(', ')}, ${versionColumn}, ${deletedColumn} FROM ${source}${where}`;
    return `SELECT * FROM (${inner}${expressionSettings})`;
  }

  #refusedOf(source: string): string | undefined {
    const refusal = this.#refusal();
    if (refusal === undefined) return undefined;
    const key = `toJSONString([${this.#keyTexts().join(', ')}])`;
    return (
      `SELECT ${key} AS key, ${versionColumn} AS version, ${refusal} AS reason FROM ${source} ` +
      `WHERE reason != '' AND NOT ${deletedColumn}${expressionSettings}`
    );
  }

  /** An expression for the reason why a row does not fit, '' when it does; a deleted one is about its key only. */
  #refusal(): string | undefined {
    const { table, values } = this.#plan;
    const cases = table.columns.flatMap((column) => {
      const { refuses } = this.#types.stored(column);
      if (refuses === undefined) return [];
      const when = refuses.when(values.get(column.name) ?? quoteIdentifier(column.name));
      const counts = column.isKey ? when : `${when} AND NOT ${deletedColumn}`;
      return [`ifNull(${counts}, 0), ${quoteString(`column ${column.name} ${refuses.reason}`)}`];
    });
    return cases.length === 0 ? undefined : `multiIf(${cases.join(', ')}, '')`;
  }

  /** The key's columns as texts that `#bound` reads again; strings as hex, because they may hold any bytes. */
  #keyTexts(): string[] {
    return this.#keyColumns().map(({ name, isText }) =>
      isText ? `hex(${quoteIdentifier(name)})` : `toString(${quoteIdentifier(name)})`,
    );
  }

  #where({ from, to, after, last }: RowRange): string {
    const { changeColumn } = this.#plan.feed;
    const parts = [
      `${changeColumn} <= ${to}`,
      ...(from > 0n ? [`${changeColumn} > ${from}`] : []),
      ...(after === undefined ? [] : [`(${this.#key}) > ${this.#bound(after)}`]),
      ...(last === undefined ? [] : [`(${this.#key}) <= ${this.#bound(last)}`]),
    ];
    return parts.join(' AND ');
  }

  #bound(texts: readonly string[]): string {
    const values = this.#keyColumns().map(({ type, isText }, index) => {
      const text = quoteString(texts[index] ?? '');
      return isText ? `unhex(${text})` : `CAST(${text}, ${quoteString(type)})`;
    });
    return `(${values.join(', ')})`;
  }

  #keyColumns() {
    const { feed } = this.#plan;
    const types = new Map(feed.columns.map(({ name, engineType }) => [name, engineType]));
    return feed.key.map((name) => {
      const type = types.get(name) ?? 'String';
      return { name, type, isText: /^(LowCardinality\()?(String|FixedString)/.test(type) };
    });
  }
}

function isTrue(filter: string): string {
  return `ifNull((${filter}), 0)`;
}
