import type { Random } from '../support/random.ts';
import { ExpressionMaker } from './expression-maker.ts';
import { groupable, type NamedValue, PartMaker, type Readable } from './part-maker.ts';
import { emptySelect, type Query, type SelectItem, type SelectQuery } from './query.ts';
import {
  type Column,
  columnsOf,
  type Family,
  happens,
  narrow,
  pickSome,
  totalOrder,
} from './values.ts';

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
  readonly #depth: number;
  readonly #parts: PartMaker;

  /** `depth` is how many queries it lies in. */
  constructor(random: Random, readables: readonly Readable[], depth = 0) {
    this.#random = random;
    this.#expressions = new ExpressionMaker(random);
    this.#readables = readables;
    this.#depth = depth;
    const makeInner = () => this.#inner();
    this.#parts = new PartMaker(random, { readables, depth, makeInner });
  }

  make(shape: Shape): MadeQuery {
    this.#parts.found.add(shape);
    const { query, items, key } = this.#query(shape);
    const columns = items.map(({ name, value }) => {
      return { name, family: value.family, isWide: value.isWide };
    });
    const found = [...this.#parts.found];
    return { query, columns, shapes: found, size: this.#parts.size, ...(key && { key }) };
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
    const { select, scope } = this.#parts.core(shape === 'in-subquery');
    const items = this.#parts.items(scope);
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
    const { select, scope } = this.#parts.core();
    const groups = this.#parts.groups(scope);
    const shown = groups.filter(() => happens(this.#random, 0.85));
    const outputs = [...shown, ...this.#parts.aggregates(scope)];
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
    this.#parts.size = Math.min(this.#parts.size, 25);
    const query = { ...select, items: renderItems(items), groupBy, having };
    const isKeyed = shown.length === groups.length;
    const key = items.slice(0, shown.length).map(({ name }) => name);
    return { query, items, ...(isKeyed && { key }) };
  }

  /** Groups in an order without ties, with their place in it, or only the first of them. */
  #rankedGroups(shape: 'group-window' | 'group-top-n'): Draft {
    const { select, scope } = this.#parts.core();
    const groups = this.#parts.groups(scope);
    const measure = this.#expressions.aggregate(scope);
    const isMeasured = !['list', 'float'].includes(measure.family);
    const lead = isMeasured ? [`${measure.sql} DESC`] : [];
    const order = [...lead, ...groups.map(({ sql }) => sql)];
    const outputs = [...groups, measure].map((value, index) => ({ name: `c${index + 1}`, value }));
    const groupBy = groups.map(({ sql }) => sql);
    this.#parts.size = Math.min(this.#parts.size, 25);
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
    this.#parts.size = source.size;
    const where = happens(this.#random, 0.6) ? this.#expressions.predicate([source]) : undefined;
    const items = source.columns.map(({ name, family, isWide }) => {
      return { name, value: { sql: name, family, isWide } };
    });
    const from = [{ source: source.source, on: [] }];
    const query = { ...emptySelect, items: [{ sql: '*' }], from, where: where ? [where] : [] };
    return { query, items };
  }

  #global(): Draft {
    const { select, scope } = this.#parts.core();
    const items = this.#parts
      .aggregates(scope)
      .map((value, index) => ({ name: `c${index + 1}`, value }));
    this.#parts.size = 1;
    return { query: { ...select, items: renderItems(items) }, items };
  }

  #window(shape: 'window' | 'qualify'): Draft {
    const { select, scope } = this.#parts.core();
    const partition = this.#parts.partition(scope);
    const windows = Array.from({ length: this.#random.between(1, 2) }, (_, index) => {
      return { name: `w${index + 1}`, value: this.#expressions.window(scope, partition) };
    });
    const plain = this.#parts.items(scope);
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
    const { select, scope } = this.#parts.core();
    const inner = this.#parts.items(scope);
    const by = this.#parts.partition(scope);
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
      const { select, scope } = this.#parts.core();
      const given: readonly Family[] =
        families ?? Array.from({ length: width }, () => this.#random.pick(unionFamilies));
      const items = given.map((family, index) => {
        const value = this.#expressions.value(scope, [family]) ?? this.#parts.filler(family);
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
    const { select, scope } = this.#parts.core(false, forced);
    if (happens(this.#random, 0.6)) {
      const items = this.#parts.items(scope);
      return { query: { ...select, ctes, items: renderItems(items) }, items };
    }
    this.#parts.found.add('group');
    const groups = this.#parts.groups(scope);
    const outputs = [...groups, ...this.#parts.aggregates(scope)];
    const items = outputs.map((value, index) => ({ name: `c${index + 1}`, value }));
    const groupBy = groups.map(({ sql }) => sql);
    return { query: { ...select, ctes, items: renderItems(items), groupBy }, items };
  }

  /** A query inside of another. */
  #inner(): Readable {
    const maker = new QueryMaker(this.#random, this.#readables, this.#depth + 1);
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
    for (const shape of made.shapes) this.#parts.found.add(`inner ${shape.replace('inner ', '')}`);
    const order = made.columns.map(({ name }) => name);
    return { ...made, source: made.query, order, kind: 'subquery' };
  }
}

interface Draft {
  readonly query: Query;
  readonly items: readonly NamedValue[];
  readonly key?: readonly string[];
}

const unionFamilies = ['int', 'text', 'decimal', 'date'] as const;

function renderItems(items: readonly NamedValue[]): SelectItem[] {
  return items.map(({ name, value }) => ({ sql: value.sql, alias: name }));
}
