import type { Random } from '../support/random.ts';

/** Kinds of values that can be compared with one another. */
export type Family = 'int' | 'text' | 'decimal' | 'date' | 'float' | 'list';

export interface Column {
  readonly name: string;
  readonly family: Family;
  /** UInt64, which has no common type with Int64. */
  readonly isWide: boolean;
}

/** An expression and what it gives. */
export interface Value {
  readonly sql: string;
  readonly family: Family;
  readonly isWide: boolean;
}

/** A relation whose columns expressions can use. */
export interface ScopeSource {
  /** Columns are written `alias.name`, or bare without one. */
  readonly alias?: string;
  readonly columns: readonly Column[];
  /** Columns that put its rows into an order without ties, but for equal rows. */
  readonly order: readonly string[];
}

export function columnIn(source: ScopeSource, column: Column): Value {
  const { name, family, isWide } = column;
  const sql = source.alias === undefined ? name : `${source.alias}.${name}`;
  return { sql, family, isWide };
}

export function columnsOf(scope: readonly ScopeSource[], families?: readonly Family[]): Value[] {
  return scope.flatMap((source) => {
    const columns = source.columns.map((column) => columnIn(source, column));
    return columns.filter(({ family }) => families === undefined || families.includes(family));
  });
}

/** Expressions that order the rows of a whole join without ties, but for equal rows. */
export function totalOrder(scope: readonly ScopeSource[]): string[] {
  return scope.flatMap(({ alias, order }) => {
    return order.map((name) => (alias === undefined ? name : `${alias}.${name}`));
  });
}

export function happens(random: Random, share: number): boolean {
  return random.next() < share;
}

/** Some of the items, in their order. */
export function pickSome<T>(random: Random, items: readonly T[], most: number): T[] {
  const picked = new Set<T>();
  const count = Math.min(items.length, random.between(1, most));
  while (picked.size < count) picked.add(random.pick(items));
  return items.filter((item) => picked.has(item));
}

/** An integer that can stand beside any other. */
export function narrow({ sql, family, isWide }: Value): Value {
  return isWide ? { sql: `toInt64(${sql})`, family, isWide: false } : { sql, family, isWide };
}
