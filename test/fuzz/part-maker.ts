import type { Random } from '../support/random.ts';
import { ExpressionMaker } from './expression-maker.ts';
import { JoinMaker } from './join-maker.ts';
import { emptySelect, type Query, type SelectQuery } from './query.ts';
import {
  type Column,
  columnsOf,
  type Family,
  happens,
  type ScopeSource,
  type Value,
} from './values.ts';

/** Something that a query can read. */
export interface Readable {
  readonly source: string | Query;
  readonly columns: readonly Column[];
  readonly order: readonly string[];
  readonly kind: 'table' | 'model' | 'subquery' | 'cte';
  /** About how many rows it has. */
  readonly size: number;
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

export const groupable = ['int', 'text', 'date'] as const;

/** Makes the parts that SELECTs of all shapes consist of. */
export class PartMaker {
  /** Shapes found on the way. */
  readonly found = new Set<string>();
  /** About how many rows the query has. */
  size = 0;
  readonly #random: Random;
  readonly #expressions: ExpressionMaker;
  readonly #readables: readonly Readable[];
  readonly #depth: number;
  readonly #makeInner: () => Readable;

  constructor(
    random: Random,
    options: { readables: readonly Readable[]; depth: number; makeInner: () => Readable },
  ) {
    this.#random = random;
    this.#expressions = new ExpressionMaker(random);
    this.#readables = options.readables;
    this.#depth = options.depth;
    this.#makeInner = options.makeInner;
  }

  /** FROM, joins and WHERE. */
  core(
    isSemi = false,
    forced: readonly Readable[] = [],
  ): { select: SelectQuery; scope: ScopeSource[] } {
    const random = this.#random;
    const inner = () => {
      const isInner = this.#depth === 0 && happens(random, 0.06);
      if (!isInner) return random.pick(this.#readables);
      this.found.add('from-subquery');
      return this.#makeInner();
    };
    const joins = new JoinMaker(random, this.#expressions, inner);
    const { from, scope, size } = joins.make(forced, this.#depth > 0 ? 1 : 3);
    for (const shape of joins.found) this.found.add(shape);
    this.size = Math.max(this.size, size);
    const where: string[] = [];
    if (happens(random, 0.4)) where.push(this.#expressions.predicate(scope) ?? '1 = 1');
    if (isSemi || (this.#depth === 0 && happens(random, 0.08))) {
      const semi = joins.semiJoin(scope, random.pick(this.#readables));
      if (semi !== undefined) {
        where.push(semi.sql);
        this.found.add(semi.shape);
      }
    }
    return { select: { ...emptySelect, from, where }, scope };
  }

  items(scope: readonly ScopeSource[]): NamedValue[] {
    const items: NamedValue[] = [];
    for (let count = this.#random.between(2, 5); count > 0; count -= 1) {
      const value = this.#expressions.value(scope);
      if (value !== undefined) items.push({ name: `c${items.length + 1}`, value });
    }
    return items;
  }

  groups(scope: readonly ScopeSource[]): Value[] {
    const values = Array.from({ length: this.#random.between(1, 2) }, () => {
      return this.#expressions.value(scope, groupable);
    });
    const unique = new Map(values.flatMap((value) => (value ? [[value.sql, value]] : [])));
    return unique.size > 0 ? [...unique.values()] : columnsOf(scope).slice(0, 1);
  }

  aggregates(scope: readonly ScopeSource[]): Value[] {
    const count = this.#random.between(1, 3);
    const values = Array.from({ length: count }, () => this.#expressions.aggregate(scope));
    return [...new Map(values.map((value) => [value.sql, value])).values()];
  }

  partition(scope: readonly ScopeSource[]): string[] {
    if (happens(this.#random, 0.1)) return [];
    return this.groups(scope).map(({ sql }) => sql);
  }

  filler(family: Family): Value {
    const constant = this.#expressions.constant(family);
    const sql = family === 'decimal' ? `toDecimal64(${constant}, 2)` : constant;
    return { sql, family, isWide: false };
  }
}
