import type { Random } from '../support/random.ts';
import { ExpressionMaker } from './expression-maker.ts';
import { JoinMaker } from './join-maker.ts';
import {
  emptySelect,
  type Query,
  renderQuery,
  type SelectItem,
  type SelectQuery,
} from './query.ts';
import {
  type Column,
  columnsOf,
  type Family,
  happens,
  narrow,
  pickSome,
  type ScopeSource,
  totalOrder,
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

/** A query, what it gives and what it is made of. */
export interface MadeQuery {
  readonly query: Query;
  readonly columns: readonly Column[];
  readonly shapes: readonly string[];
  readonly size: number;
  /** Output columns that are unique together, where that is certain. */
  readonly key?: readonly string[];
}

export const shapes = [
  'rows',
  'rows',
  'rows',
  'group',
  'group',
  'group',
  'having',
  'group-window',
  'group-top-n',
  'star',
  'union-all',
  'union-distinct',
  'distinct',
  'window',
  'dedup',
  'qualify',
  'limit-by',
  'top-n',
  'global',
  'in-subquery',
  'from-subquery',
  'cte',
  'cte-twice',
] as const;
export type Shape = (typeof shapes)[number];

/** Makes random SELECTs of every shape that a model may have. */
export class QueryMaker {
  readonly #random: Random;
  readonly #expressions: ExpressionMaker;
  readonly #readables: readonly Readable[];
  readonly #found = new Set<string>();
  #size = 0;
  #depth = 0;

  constructor(random: Random, readables: readonly Readable[]) {
    this.#random = random;
    this.#expressions = new ExpressionMaker(random);
    this.#readables = readables;
  }

  make(shape: Shape): MadeQuery {
    this.#found.add(shape);
    const { query, items, key } = this.#query(shape);
    const columns = items.map(({ name, value }) => {
      return { name, family: value.family, isWide: value.isWide };
    });
    const found = [...this.#found];
    return { query, columns, shapes: found, size: this.#size, ...(key && { key }) };
  }

  #query(shape: Shape): Draft {
    if (shape === 'union-all' || shape === 'union-distinct') return this.#union(shape);
    if (shape === 'group' || shape === 'having') return this.#group(shape === 'having');
    if (shape === 'group-window' || shape === 'group-top-n') return this.#rankedGroups(shape);
    if (shape === 'star') return this.#star();
    if (shape === 'global') return this.#global();
    if (shape === 'dedup') return this.#dedup();
    if (shape === 'window' || shape === 'qualify') return this.#window(shape);
    if (shape === 'from-subquery' || shape === 'cte' || shape === 'cte-twice') {
      return this.#overInner(shape);
    }
    return this.#rows(shape);
  }

  #rows(shape: Shape): Draft {
    const { select, scope } = this.#core(shape === 'in-subquery');
    const items = this.#items(scope);
    const draft = { ...select, items: renderItems(items) };
    if (shape === 'distinct') return { query: { ...draft, isDistinct: true }, items };
    const order = totalOrder(scope);
    if (shape === 'limit-by') {
      const columns = columnsOf(scope, groupable);
      const given = columns.length > 0 ? columns : columnsOf(scope);
      const by = pickSome(this.#random, given, 2).map(({ sql }) => sql);
      const limitBy = { count: this.#random.between(1, 2), by };
      return { query: { ...draft, orderBy: [...by, ...order], limitBy }, items };
    }
    if (shape !== 'top-n') return { query: draft, items };
    const lead = this.#expressions.value(scope, ['int', 'decimal', 'date'])?.sql;
    const direction = this.#random.pick(['', ' DESC']);
    const orderBy = [...(lead === undefined ? [] : [lead + direction]), ...order];
    const limit = this.#random.between(1, 5);
    return { query: { ...draft, orderBy, limit }, items };
  }

  #group(hasHaving: boolean): Draft {
    const { select, scope } = this.#core();
    const groups = this.#groups(scope);
    const shown = groups.filter(() => happens(this.#random, 0.85));
    const outputs = [...shown, ...this.#aggregates(scope)];
    const items = outputs.map((value, index) => ({ name: `c${index + 1}`, value }));
    const groupBy = groups.map((group) => {
      const place = shown.indexOf(group);
      const alias = `c${place + 1}`;
      if (place < 0 || happens(this.#random, 0.6)) return group.sql;
      // Where a column is called so, the alias means that.
      const isColumn = scope.some((source) => source.columns.some(({ name }) => name === alias));
      return isColumn ? String(place + 1) : this.#random.pick([String(place + 1), alias]);
    });
    const conditions = [
      `count() > ${this.#random.between(1, 2)}`,
      `count() % 2 = ${this.#random.between(0, 1)}`,
    ];
    const number = this.#expressions.value(scope, ['int', 'decimal']);
    if (number !== undefined) conditions.push(`max(${number.sql}) >= 3`, `sum(${number.sql}) < 9`);
    const having = hasHaving ? pickSome(this.#random, conditions, 2) : [];
    this.#size = Math.min(this.#size, 25);
    const query = { ...select, items: renderItems(items), groupBy, having };
    const isKeyed = shown.length === groups.length;
    const key = items.slice(0, shown.length).map(({ name }) => name);
    return { query, items, ...(isKeyed && { key }) };
  }

  /** Groups in an order without ties, with their place in it, or only the first of them. */
  #rankedGroups(shape: 'group-window' | 'group-top-n'): Draft {
    const { select, scope } = this.#core();
    const groups = this.#groups(scope);
    const measure = this.#expressions.aggregate(scope);
    const isMeasured = !['list', 'float'].includes(measure.family);
    const lead = isMeasured ? [`${measure.sql} DESC`] : [];
    const order = [...lead, ...groups.map(({ sql }) => sql)];
    const outputs = [...groups, measure].map((value, index) => ({ name: `c${index + 1}`, value }));
    const groupBy = groups.map(({ sql }) => sql);
    this.#size = Math.min(this.#size, 25);
    if (shape === 'group-top-n') {
      const limit = this.#random.between(1, 4);
      const query = { ...select, items: renderItems(outputs), groupBy, orderBy: order, limit };
      return { query, items: outputs };
    }
    const sql = `row_number() OVER (ORDER BY ${order.join(', ')})`;
    const items = [
      ...outputs,
      { name: 'place', value: { sql, family: 'int', isWide: true } as const },
    ];
    return { query: { ...select, items: renderItems(items), groupBy }, items };
  }

  /** All columns of one relation. */
  #star(): Draft {
    const source = this.#random.pick(this.#readables);
    this.#size = source.size;
    const where = happens(this.#random, 0.6) ? this.#expressions.predicate([source]) : undefined;
    const items = source.columns.map(({ name, family, isWide }) => {
      return { name, value: { sql: name, family, isWide } };
    });
    const from = [{ source: source.source, on: [] }];
    const query = { ...emptySelect, items: [{ sql: '*' }], from, where: where ? [where] : [] };
    return { query, items };
  }

  #global(): Draft {
    const { select, scope } = this.#core();
    const items = this.#aggregates(scope).map((value, index) => ({ name: `c${index + 1}`, value }));
    this.#size = 1;
    return { query: { ...select, items: renderItems(items) }, items };
  }

  #window(shape: 'window' | 'qualify'): Draft {
    const { select, scope } = this.#core();
    const partition = this.#partition(scope);
    const windows = Array.from({ length: this.#random.between(1, 2) }, (_, index) => {
      return { name: `w${index + 1}`, value: this.#expressions.window(scope, partition) };
    });
    const plain = this.#items(scope);
    if (shape === 'window') {
      const items = [...plain, ...windows];
      return { query: { ...select, items: renderItems(items) }, items };
    }
    const by = partition.length === 0 ? '' : `PARTITION BY ${partition.join(', ')} `;
    const place = `row_number() OVER (${by}ORDER BY ${totalOrder(scope).join(', ')})`;
    const qualify = [`${place} <= ${this.#random.between(1, 2)}`];
    return { query: { ...select, items: renderItems(plain), qualify }, items: plain };
  }

  /** The newest row of each, the usual way. */
  #dedup(): Draft {
    const { select, scope } = this.#core();
    const inner = this.#items(scope);
    const by = this.#partition(scope);
    const partition = by.length === 0 ? '' : `PARTITION BY ${by.join(', ')} `;
    const lead = this.#expressions.value(scope, ['int', 'decimal', 'date']);
    const order = [...(lead ? [`${lead.sql} DESC`] : []), ...totalOrder(scope)].join(', ');
    const place = { sql: `row_number() OVER (${partition}ORDER BY ${order})`, alias: 'place' };
    const source = { ...select, items: [...renderItems(inner), place] };
    const items = inner.map(({ name, value }) => ({ name, value: { ...value, sql: name } }));
    const query: SelectQuery = {
      ...emptySelect,
      items: items.map(({ name }) => ({ sql: name })),
      from: [{ source, alias: 'numbered', on: [] }],
      where: [this.#random.pick(['place = 1', 'place = 1', 'place <= 2'])],
    };
    return { query, items };
  }

  #union(shape: 'union-all' | 'union-distinct'): Draft {
    const width = this.#random.between(2, 4);
    const branches: SelectQuery[] = [];
    let families: readonly Family[] | undefined;
    let first: NamedValue[] = [];
    for (let count = this.#random.between(2, 3); count > 0; count -= 1) {
      const { select, scope } = this.#core();
      const given: readonly Family[] =
        families ?? Array.from({ length: width }, () => this.#random.pick(unionFamilies));
      const items = given.map((family, index) => {
        const value = this.#expressions.value(scope, [family]) ?? this.#filler(family);
        return { name: `c${index + 1}`, value: narrow(value) };
      });
      families = given;
      if (first.length === 0) first = items;
      branches.push({ ...select, items: renderItems(items) });
    }
    const query: Query = { kind: 'union', isAll: shape === 'union-all', branches };
    return { query, items: first };
  }

  #overInner(shape: 'from-subquery' | 'cte' | 'cte-twice'): Draft {
    const inner = this.#inner();
    const { source, columns, order, size } = inner;
    if (shape === 'from-subquery' || typeof source === 'string') return this.#outer([inner], []);
    const cte: Readable = { source: 'picked', columns, order, size, kind: 'cte' };
    const sources = shape === 'cte-twice' ? [cte, cte] : [cte];
    return this.#outer(sources, [{ name: 'picked', query: source }]);
  }

  #outer(forced: readonly Readable[], ctes: SelectQuery['ctes']): Draft {
    const { select, scope } = this.#core(false, forced);
    if (happens(this.#random, 0.6)) {
      const items = this.#items(scope);
      return { query: { ...select, ctes, items: renderItems(items) }, items };
    }
    this.#found.add('group');
    const groups = this.#groups(scope);
    const outputs = [...groups, ...this.#aggregates(scope)];
    const items = outputs.map((value, index) => ({ name: `c${index + 1}`, value }));
    const groupBy = groups.map(({ sql }) => sql);
    return { query: { ...select, ctes, items: renderItems(items), groupBy }, items };
  }

  /** A query inside of another. */
  #inner(): Readable {
    const maker = new QueryMaker(this.#random, this.#readables);
    maker.#depth = this.#depth + 1;
    const kinds = [
      'rows',
      'group',
      'distinct',
      'union-all',
      'dedup',
      'window',
      'limit-by',
    ] as const;
    const made = maker.make(this.#random.pick(kinds));
    for (const shape of made.shapes) this.#found.add(`inner ${shape.replace('inner ', '')}`);
    const order = made.columns.map(({ name }) => name);
    return { ...made, source: made.query, order, kind: 'subquery' };
  }

  /** FROM, joins and WHERE. */
  #core(
    isSemi = false,
    forced: readonly Readable[] = [],
  ): { select: SelectQuery; scope: ScopeSource[] } {
    const random = this.#random;
    const inner = () => {
      const isInner = this.#depth === 0 && happens(random, 0.06);
      if (!isInner) return random.pick(this.#readables);
      this.#found.add('from-subquery');
      return this.#inner();
    };
    const joins = new JoinMaker(random, this.#expressions, inner);
    const { from, scope, size } = joins.make(forced, this.#depth > 0 ? 1 : 3);
    for (const shape of joins.found) this.#found.add(shape);
    this.#size = Math.max(this.#size, size);
    const where: string[] = [];
    if (happens(random, 0.4)) where.push(this.#expressions.predicate(scope) ?? '1 = 1');
    if (isSemi || (this.#depth === 0 && happens(random, 0.08))) {
      const semi = joins.semiJoin(scope, random.pick(this.#readables));
      if (semi !== undefined) {
        where.push(semi.sql);
        this.#found.add(semi.shape);
      }
    }
    return { select: { ...emptySelect, from, where }, scope };
  }

  #items(scope: readonly ScopeSource[]): NamedValue[] {
    const items: NamedValue[] = [];
    for (let count = this.#random.between(2, 5); count > 0; count -= 1) {
      const value = this.#expressions.value(scope);
      if (value !== undefined) items.push({ name: `c${items.length + 1}`, value });
    }
    return items;
  }

  #groups(scope: readonly ScopeSource[]): Value[] {
    const values = Array.from({ length: this.#random.between(1, 2) }, () => {
      return this.#expressions.value(scope, groupable);
    });
    const unique = new Map(values.flatMap((value) => (value ? [[value.sql, value]] : [])));
    return unique.size > 0 ? [...unique.values()] : columnsOf(scope).slice(0, 1);
  }

  #aggregates(scope: readonly ScopeSource[]): Value[] {
    const count = this.#random.between(1, 3);
    const values = Array.from({ length: count }, () => this.#expressions.aggregate(scope));
    return [...new Map(values.map((value) => [value.sql, value])).values()];
  }

  #partition(scope: readonly ScopeSource[]): string[] {
    if (happens(this.#random, 0.1)) return [];
    return this.#groups(scope).map(({ sql }) => sql);
  }

  #filler(family: Family): Value {
    const constant = this.#expressions.constant(family);
    const sql = family === 'decimal' ? `toDecimal64(${constant}, 2)` : constant;
    return { sql, family, isWide: false };
  }
}

interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

interface Draft {
  readonly query: Query;
  readonly items: readonly NamedValue[];
  readonly key?: readonly string[];
}

const groupable = ['int', 'text', 'date'] as const;
const unionFamilies = ['int', 'text', 'decimal', 'date'] as const;

function renderItems(items: readonly NamedValue[]): SelectItem[] {
  return items.map(({ name, value }) => ({ sql: value.sql, alias: name }));
}

/** `(SELECT ...)`, for conditions. */
export function renderInner(query: Query): string {
  return `(${renderQuery(query).replaceAll('\n', ' ')})`;
}
