import {
  differingRanges,
  hashedRow,
  hashedRowColumns,
  inRanges,
} from '../../engine/hash-ranges.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { TypedColumn } from '../model/relation.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { quoteNames } from '../text/sql-text.ts';

/** Rows that are stored and rows that should be. */
export interface ComparedRows {
  readonly columns: readonly TypedColumn[];
  /** Columns that identify a row; all of them when that is not known. */
  readonly key: readonly string[];
  /** Queries that give the columns in order; the second one's names are not asked for. */
  readonly stored: string;
  readonly computed: string;
}

export interface RowComparison {
  /** Rows stored. */
  readonly rows: number;
  /** Keys whose rows differ. */
  readonly differences: number;
  /** The first of them. */
  readonly examples: readonly RowDifference[];
}

export interface RowDifference {
  /** As JSON, by column. */
  readonly key: string;
  /** missing: not stored; extra: not to be there. */
  readonly kind: 'missing' | 'extra' | 'different';
  /** The columns that differ, of a row that is different. */
  readonly columns: readonly DifferingColumn[];
}

export interface DifferingColumn {
  readonly name: string;
  /** As the engine prints it. */
  readonly stored: string | null;
  readonly correct: string | null;
}

export interface ComparisonOptions {
  readonly engine: SqlEngine;
  /** Name of a table of its own for this comparison, quoted. */
  readonly scratch: (purpose: string) => string;
  readonly signal: AbortSignal;
}

const listedKeys = 20;

/** So few rows are hashed twice for less than a table to keep the hashes costs. */
const fewRows = 200_000;
/** One core is left to the flow, and what does not fit goes to disk. */
const settings = {
  max_threads: 1,
  max_bytes_before_external_group_by: 1_000_000_000,
  max_bytes_before_external_sort: 1_000_000_000,
  max_bytes_before_external_join: 1_000_000_000,
};

/**
 * Compares rows in bounded memory, however many there are: both sides are reduced to hashes once, ranges of these are bisected
 * (engine/hash-ranges.ts), and only rows of keys whose hashes differ are computed a second time. A rounding of floating-point
 * sums in the last digits is no difference. `useDifferences` gets a table with all rows that differ, which is gone afterwards.
 */
export async function compareRows(
  compared: ComparedRows,
  options: ComparisonOptions,
  useDifferences?: (table: string) => Promise<void>,
): Promise<RowComparison> {
  const { engine, scratch, signal } = options;
  const hashes = scratch('hashes');
  const rows = scratch('rows');
  const sides = new Sides(compared);
  const run = (sql: string) => engine.command(sql, { signal, settings });
  const [counted] = await engine.rows<{ stored: string }>(sides.countStored(), { signal });
  const same = { rows: Number(counted?.stored ?? 0), differences: 0, examples: [] };
  const find = (from: string) => differingRanges(engine, from, { signal, settings });
  if (same.rows <= fewRows && (await find(`(${sides.hashed()})`)).ranges.length === 0) return same;
  try {
    await run('CREATE DATABASE IF NOT EXISTS _verify');
    await run(`CREATE TABLE ${hashes} (${hashedRowColumns}) ENGINE = MergeTree ORDER BY hash`);
    await run(`INSERT INTO ${hashes} ${sides.hashed()}`);
    const { ranges } = await find(hashes);
    if (ranges.length === 0) return same;
    await run(sides.createDiffering(rows));
    const differing = `SELECT hash FROM ${hashes} WHERE ${inRanges(ranges)} GROUP BY hash, h1, h2 HAVING sum(side) != 0`;
    await run(sides.fillDiffering(rows, differing));
    await useDifferences?.(rows);
    const [keys] = await engine.rows<{ keys: string }>(sides.countKeys(rows), { signal });
    const examples = await engine.rows<ExampleRow>(sides.examples(rows), { signal });
    return { ...same, differences: Number(keys?.keys ?? 0), examples: sides.read(examples) };
  } finally {
    for (const table of [hashes, rows]) await engine.command(`DROP TABLE IF EXISTS ${table} SYNC`);
  }
}

interface ExampleRow {
  readonly key: readonly (string | null)[];
  readonly cells: readonly (string | null)[];
  readonly side: string | number;
}

/** The statements of one comparison. */
class Sides {
  readonly #compared: ComparedRows;
  readonly #names: string;
  readonly #key: readonly string[];
  readonly #both: string;

  constructor(compared: ComparedRows) {
    this.#compared = compared;
    const names = compared.columns.map(({ name }) => name);
    this.#names = quoteNames(names);
    this.#key = compared.key.length > 0 ? compared.key : names;
    const values = compared.columns.map(({ name, type }) => {
      const quoted = quoteIdentifier(name);
      return /^(Nullable\()?Float64/.test(type) ? `toFloat32(${quoted}) AS ${quoted}` : quoted;
    });
    const stored = `SELECT ${this.#names}, toInt8(1) AS _side FROM (${compared.stored})`;
    const computed = `SELECT *, toInt8(-1) FROM (${compared.computed}\n)`;
    this.#both = `SELECT ${values.join(', ')}, _side FROM (${stored} UNION ALL ${computed})`;
  }

  hashed(): string {
    const { hash, h1, h2 } = hashedRow(quoteNames(this.#key), this.#names);
    return `SELECT ${hash} AS hash, _side AS side, ${h1} AS h1, ${h2} AS h2 FROM (${this.#both})`;
  }

  countStored(): string {
    return `SELECT toString(count()) AS stored FROM (${this.#compared.stored})`;
  }

  createDiffering(table: string): string {
    return `CREATE TABLE ${table} ENGINE = MergeTree ORDER BY tuple() AS
SELECT ${this.#names}, toInt64(0) AS _side FROM (${this.#both}) LIMIT 0`;
  }

  /** Rows that only one side has, or one more often than the other. */
  fillDiffering(table: string, hashes: string): string {
    const { hash } = hashedRow(quoteNames(this.#key), this.#names);
    return `INSERT INTO ${table} SELECT ${this.#names}, sum(_side) FROM (${this.#both})
WHERE ${hash} IN (${hashes}) GROUP BY ${this.#names} HAVING sum(_side) != 0`;
  }

  countKeys(table: string): string {
    return `SELECT toString(count()) AS keys FROM (SELECT DISTINCT ${quoteNames(this.#key)} FROM ${table})`;
  }

  examples(table: string): string {
    const key = quoteNames(this.#key);
    const texts = (names: readonly string[]) =>
      `[${names.map((name) => `CAST(toString(${quoteIdentifier(name)}) AS Nullable(String))`).join(', ')}]`;
    const cells = texts(this.#compared.columns.map(({ name }) => name));
    const hash = `cityHash64(tuple(${key}))`;
    return `SELECT ${texts(this.#key)} AS key, ${cells} AS cells, _side AS side FROM ${table}
WHERE ${hash} IN (SELECT ${hash} FROM ${table} GROUP BY ${key} ORDER BY ${key} LIMIT ${listedKeys}) ORDER BY ${key}, side`;
  }

  read(rows: readonly ExampleRow[]): RowDifference[] {
    const byKey = new Map<string, ExampleRow[]>();
    for (const row of rows) {
      const key = JSON.stringify(
        Object.fromEntries(this.#key.map((name, at) => [name, row.key[at]])),
      );
      byKey.set(key, [...(byKey.get(key) ?? []), row]);
    }
    return [...byKey].map(([key, both]) => {
      const stored = both.find(({ side }) => Number(side) > 0);
      const computed = both.find(({ side }) => Number(side) < 0);
      if (stored === undefined) return { key, kind: 'missing', columns: [] };
      if (computed === undefined) return { key, kind: 'extra', columns: [] };
      return { key, kind: 'different', columns: this.#differing(stored.cells, computed.cells) };
    });
  }

  #differing(stored: ExampleRow['cells'], correct: ExampleRow['cells']): DifferingColumn[] {
    return this.#compared.columns.flatMap(({ name }, at) => {
      const column = { name, stored: stored[at] ?? null, correct: correct[at] ?? null };
      return column.stored === column.correct ? [] : [column];
    });
  }
}
