import type { TypedColumn } from '../model/relation.ts';
import type { Expectation, TestRow } from './model-test-file.ts';
import { canonicalFound, canonicalOf } from './model-test-values.ts';

/** A value as text, or NULL. */
export type CellText = string | null;

export interface RowDifference {
  /** Expected and not there, there and not expected, or there with other values. */
  readonly kind: 'missing' | 'unexpected' | 'changed';
  /** Where the row is expected, for `missing` and `changed`. */
  readonly where?: string;
  /** By column; of a changed row `expected` is only there where it differs. */
  readonly cells: Readonly<
    Record<string, { readonly found?: CellText; readonly expected?: CellText }>
  >;
}

export interface RowComparison {
  /** Columns that are compared, in the model's order. */
  readonly columns: readonly string[];
  readonly differences: readonly RowDifference[];
  /** Rows that are as expected. */
  readonly equal: number;
  /** The rows are right, but do not come in the order wanted; what is there, in its order. */
  readonly wrongOrder?: readonly Readonly<Record<string, CellText>>[];
}

type Cells = ReadonlyMap<string, CellText>;

interface ExpectedRow {
  readonly where: string;
  readonly cells: Cells;
}

/** Compares all rows of a model with those expected; of each only the columns that it names. */
export function compareRows(
  { rows, ordered }: Expectation,
  found: readonly Readonly<Record<string, unknown>>[],
  model: { readonly columns: readonly TypedColumn[]; readonly key: readonly string[] },
): RowComparison {
  const types = new Map(model.columns.map(({ name, type }) => [name, type]));
  const expected = rows.map((row) => canonicalRow(row, types));
  const named = new Set(expected.flatMap(({ cells }) => [...cells.keys()]));
  // Without any row expected, the key tells best what is there.
  const isCompared = (name: string) =>
    named.size > 0 ? named.has(name) : model.key.length === 0 || model.key.includes(name);
  const columns = model.columns.map(({ name }) => name).filter(isCompared);
  const actual = found.map((row): Cells => {
    return new Map(columns.map((name) => [name, canonicalFound(row[name], types.get(name) ?? '')]));
  });
  const matches = matchRows(expected, actual);
  const equal = matches.size;
  const isInOrder = expected.every((row, index) => isShown(row.cells, actual[index] ?? new Map()));
  if (ordered !== false && equal === expected.length && equal === actual.length && !isInOrder) {
    const wrongOrder = actual.map((cells) => Object.fromEntries(cells));
    return { columns, differences: [], equal, wrongOrder };
  }
  const taken = new Set(matches.values());
  const differences = describeRest(
    expected.filter((_, index) => !matches.has(index)),
    actual.filter((_, index) => !taken.has(index)),
    model.key,
  );
  return { columns, differences, equal };
}

function canonicalRow({ where, cells }: TestRow, types: ReadonlyMap<string, string>): ExpectedRow {
  const texts = [...cells].map(([name, cell]) => {
    return [name, canonicalOf(cell, types.get(name) ?? '')] as const;
  });
  return { where, cells: new Map(texts) };
}

/**
 * The largest set of pairs of an expected row and one that shows its values, by place. Rows may name different
 * columns, so taking the first one that fits could leave another without its only partner.
 */
function matchRows(expected: readonly ExpectedRow[], found: readonly Cells[]): Map<number, number> {
  const partnerOf = new Map<number, number>();
  const place = (index: number, tried: Set<number>): boolean => {
    const row = expected[index];
    for (const [candidate, cells] of found.entries()) {
      if (row === undefined || tried.has(candidate) || !isShown(row.cells, cells)) continue;
      tried.add(candidate);
      const partner = partnerOf.get(candidate);
      if (partner !== undefined && !place(partner, tried)) continue;
      partnerOf.set(candidate, index);
      return true;
    }
    return false;
  };
  for (const index of expected.keys()) place(index, new Set());
  return new Map([...partnerOf].map(([candidate, index]) => [index, candidate]));
}

function isShown(expected: Cells, found: Cells): boolean {
  return [...expected].every(([name, text]) => found.get(name) === text);
}

/** Pairs rows of one key, or that are alike by at least half, as changed; the others are missing or too many. */
function describeRest(
  expected: readonly ExpectedRow[],
  found: readonly Cells[],
  key: readonly string[],
): RowDifference[] {
  const pairs = expected.flatMap((row, left) => {
    return found.map((cells, right) => ({
      left,
      right,
      likeness: likeness(row.cells, cells, key),
    }));
  });
  const near = pairs.filter((pair) => pair.likeness >= 0.5);
  near.sort((one, other) => other.likeness - one.likeness);
  const partners = new Map<number, number>();
  const taken = new Set<number>();
  for (const { left, right } of near) {
    if (partners.has(left) || taken.has(right)) continue;
    partners.set(left, right);
    taken.add(right);
  }
  const wanted = expected.map((row, index): RowDifference => {
    const partner = found[partners.get(index) ?? -1];
    return partner === undefined ? missing(row) : changed(row, partner);
  });
  const rest = found.filter((_, index) => !taken.has(index));
  return [...wanted, ...rest.map(unexpected)];
}

/** 1 for rows of one key, 0 for rows of two; without a key the share of equal values. */
function likeness(expected: Cells, found: Cells, key: readonly string[]): number {
  const isKeyed = key.length > 0 && key.every((name) => expected.has(name));
  const names = isKeyed ? key : [...expected.keys()];
  const equal = names.filter((name) => expected.get(name) === found.get(name)).length;
  if (isKeyed) return equal === key.length ? 1 : 0;
  return equal / names.length;
}

function missing({ where, cells }: ExpectedRow): RowDifference {
  const texts = [...cells].map(([name, expected]) => [name, { expected }]);
  return { kind: 'missing', where, cells: Object.fromEntries(texts) };
}

function unexpected(cells: Cells): RowDifference {
  const texts = [...cells].map(([name, found]) => [name, { found }]);
  return { kind: 'unexpected', cells: Object.fromEntries(texts) };
}

function changed({ where, cells }: ExpectedRow, partner: Cells): RowDifference {
  const texts = [...partner].map(([name, found]) => {
    const expected = cells.get(name);
    return [name, expected === undefined || expected === found ? { found } : { found, expected }];
  });
  return { kind: 'changed', where, cells: Object.fromEntries(texts) };
}
