import { quoteIdentifier } from '../engine/sql-quote.ts';
import { viewName } from './layer-names.ts';
import type { CompiledModel } from './model-compiler.ts';
import type { SqlEngine } from './sql-engine.ts';
import { quoteNames } from './sql-text.ts';

/** A model compared with its SELECT recomputed in full. */
export interface LayerDifference {
  readonly name: string;
  readonly layer: string;
  readonly rows: number;
  /** Keys whose rows differ. */
  readonly differences: number;
  /** The first of them as JSON, at most 20. */
  readonly keys: readonly string[];
  /** Why it could not be compared; then `differences` is 1. */
  readonly error?: string;
}

const rangeCount = 256;
const listedKeys = 20;

/**
 * First both sides are summed by ranges of the key's hash (count and two different 64-bit sums, because
 * equal XORs can hide differences), then only ranges that differ are compared row by row. A rounding of
 * floating-point sums in the last digits is no difference.
 */
export async function verifyModel(
  compiled: CompiledModel,
  { engine, signal }: { engine: SqlEngine; signal: AbortSignal },
): Promise<LayerDifference> {
  const { name, layer } = compiled.model;
  const comparison = new Comparison(compiled);
  const sums = await engine.rows<RangeSums>(comparison.rangeSums(), { signal });
  const rows = sums.reduce((total, range) => total + Number(range.stored), 0);
  const ranges = sums.filter(({ differs }) => Number(differs) === 1).map(({ range }) => range);
  if (ranges.length === 0) return { name, layer, rows, differences: 0, keys: [] };
  const keys = await engine.rows(comparison.differingKeys(ranges), { signal });
  return {
    name,
    layer,
    rows,
    differences: Number(keys[0]?.[totalName] ?? 0),
    keys: keys.map(({ [totalName]: _, ...key }) => JSON.stringify(key)),
  };
}

interface RangeSums {
  readonly range: number;
  readonly stored: string | number;
  readonly differs: number;
}

const totalName = '_total';

class Comparison {
  readonly #key: string;
  readonly #names: string;
  readonly #sides: string;

  constructor({ model, relation, key }: CompiledModel) {
    const names = relation.columns.map((column) => column.name);
    this.#names = quoteNames(names);
    this.#key = quoteNames(key.length > 0 ? key : names);
    const values = relation.columns.map(({ name, type }) => {
      const quoted = quoteIdentifier(name);
      return /^(Nullable\()?Float64/.test(type) ? `toFloat32(${quoted}) AS ${quoted}` : quoted;
    });
    const stored = `SELECT ${this.#names}, toInt64(1) AS _side FROM ${viewName(model.name)}`;
    const computed = `SELECT *, toInt64(-1) FROM (${model.sql}\n)`;
    this.#sides = `SELECT ${values.join(', ')}, _side FROM (${stored} UNION ALL ${computed})`;
  }

  rangeSums(): string {
    // NULL makes a hash NULL unless it stands in a tuple.
    const row = `tuple(${this.#names})`;
    return `SELECT toUInt32(cityHash64(tuple(${this.#key})) % ${rangeCount}) AS range,
countIf(_side = 1) AS stored,
sum(_side) != 0 OR sum(_side * reinterpretAsInt64(cityHash64(${row}))) != 0
OR sum(_side * reinterpretAsInt64(sipHash64(${row}))) != 0 AS differs
FROM (${this.#sides}) GROUP BY range`;
  }

  differingKeys(ranges: readonly number[]): string {
    const inRanges = `cityHash64(tuple(${this.#key})) % ${rangeCount} IN (${ranges.join(', ')})`;
    const rows = `SELECT ${this.#names} FROM (${this.#sides}) WHERE ${inRanges}
GROUP BY ${this.#names} HAVING sum(_side) != 0`;
    return `SELECT ${this.#key}, count() OVER () AS ${totalName}
FROM (SELECT DISTINCT ${this.#key} FROM (${rows})) ORDER BY ${this.#key} LIMIT ${listedKeys}`;
  }
}
