import type { Random } from '../support/random.ts';
import type { ExpressionMaker } from './expression-maker.ts';
import type { Readable } from './part-maker.ts';
import type { FromSource } from './query.ts';
import {
  type Column,
  columnIn,
  columnsOf,
  type Family,
  happens,
  narrow,
  type ScopeSource,
} from './values.ts';

/** More rows than this a join should not give: many small rounds find more than few large ones. */
const mostRows = 250;
/** About how many rows share a value of a column that is no key. */
const rowsPerValue = 3;

/** Makes random FROM clauses and semi-joins. */
export class JoinMaker {
  readonly found = new Set<string>();
  readonly #random: Random;
  readonly #expressions: ExpressionMaker;
  readonly #pick: () => Readable;

  constructor(random: Random, expressions: ExpressionMaker, pick: () => Readable) {
    this.#random = random;
    this.#expressions = expressions;
    this.#pick = pick;
  }

  /** `forced` relations come first and are joined whatever they are. */
  make(forced: readonly Readable[], mostJoins: number) {
    const random = this.#random;
    const joins = Math.max(forced.length - 1, random.between(0, mostJoins));
    const driving = forced[0] ?? this.#pick();
    const isBare = joins === 0 && typeof driving.source === 'string' && happens(random, 0.5);
    const first = { source: driving.source, on: [], ...(isBare ? {} : { alias: 'a' }) };
    const from: FromSource[] = [first];
    const scope: ScopeSource[] = [{ ...driving, ...(isBare ? {} : { alias: 'a' }) }];
    const read = [driving];
    let size = driving.size;
    this.#note(driving);
    for (let index = 1; index <= joins; index += 1) {
      const next = forced[index] ?? (happens(random, 0.15) ? random.pick(read) : this.#pick());
      const alias = 'abcd'[index] ?? 'z';
      const joined = this.#join(next, alias, scope);
      if (joined === undefined) continue;
      const grown = joined.isByKey ? size : size * Math.min(rowsPerValue, next.size);
      if (grown > mostRows && forced[index] === undefined) continue;
      size = grown;
      if (read.some(({ source }) => source === next.source)) this.found.add('self-join');
      if (joined.hops > 1) this.found.add('hops');
      this.found.add(joined.from.join === 'LEFT JOIN' ? 'left-join' : 'inner-join');
      this.#note(next);
      read.push(next);
      from.push(joined.from);
      scope.push({ ...next, alias });
    }
    return { from, scope, size };
  }

  /** A condition over the scope that asks another relation. */
  semiJoin(
    scope: readonly ScopeSource[],
    other: Readable,
  ): { sql: string; shape: string } | undefined {
    const random = this.#random;
    const [left, right] = this.#pair(scope, { ...other, alias: 'e' }) ?? [];
    if (left === undefined || right === undefined || typeof other.source !== 'string') return;
    this.#note(other);
    const filter = this.#expressions.predicate([{ ...other, alias: 'e' }]);
    const where = filter !== undefined && happens(random, 0.5) ? ` WHERE ${filter}` : '';
    const inner = `(SELECT ${right} FROM ${other.source} AS e${where})`;
    const kind = random.between(1, 5);
    const isScalar = kind === 5 && columnsOf(scope, ['int']).length > 0;
    if (isScalar) {
      const column = narrow(random.pick(columnsOf(scope, ['int']))).sql;
      const least = random.pick(['count()', `max(${right})`]);
      const sql = `${column} <= (SELECT toInt64OrNull(toString(${least})) FROM ${other.source} AS e${where})`;
      return { sql, shape: 'scalar-subquery' };
    }
    if (kind <= 2) return { sql: `${left} IN ${inner}`, shape: 'in-subquery' };
    if (kind === 3) return { sql: `${left} NOT IN ${inner}`, shape: 'not-in-subquery' };
    // A bare column would mean the inner relation's.
    if (scope.some(({ alias }) => alias === undefined)) {
      return { sql: `${left} IN ${inner}`, shape: 'in-subquery' };
    }
    const both = where === '' ? `WHERE ${right} = ${left}` : `${where} AND ${right} = ${left}`;
    const sql = `${random.pick(['', 'NOT '])}EXISTS (SELECT 1 FROM ${other.source} AS e ${both})`;
    return { sql, shape: 'exists' };
  }

  #join(next: Readable, alias: string, scope: readonly ScopeSource[]) {
    const random = this.#random;
    const own: ScopeSource = { ...next, alias };
    const on: string[] = [];
    const isKeyed = next.kind === 'table' && happens(random, 0.65);
    const partner = random.pick(scope);
    if (isKeyed) {
      for (const name of next.order) {
        const column = next.columns.find((each) => each.name === name);
        const other = column && this.#like([partner], column.family);
        if (column !== undefined && other !== undefined) {
          on.push(`${narrow(columnIn(own, column)).sql} = ${other}`);
        }
      }
    }
    const isByKey = isKeyed && on.length === next.order.length;
    const shared =
      scope.length === 1 && happens(random, 0.08) ? this.#sharedName(partner, next) : [];
    const [using] = shared;
    if (using !== undefined) {
      this.found.add('using');
      const join = random.pick(['LEFT JOIN', 'INNER JOIN']);
      const from: FromSource = { source: next.source, alias, join, on: [], using };
      return { from, isByKey: false, hops: 1 };
    }
    const hops = 1 + scope.indexOf(partner);
    if (on.length === 0) {
      const [left, right] = this.#pair([partner], own) ?? [];
      if (left === undefined || right === undefined) return undefined;
      on.push(random.pick([`${left} = ${right}`, `${right} = ${left}`]));
    }
    if (happens(random, 0.2)) on.push(this.#expressions.predicate([own]) ?? '1 = 1');
    const isOther = happens(random, 0.04);
    if (isOther) this.found.add('other-join');
    const join = random.pick(isOther ? otherJoins : ['LEFT JOIN', 'LEFT JOIN', 'INNER JOIN']);
    const from: FromSource = { source: next.source, alias, join, on };
    return { from, isByKey, hops };
  }

  /** Columns of the same name and kind on both sides. */
  #sharedName(partner: ScopeSource, { columns }: Readable): string[] {
    if (partner.alias === undefined) return [];
    return columns.flatMap(({ name, family, isWide }) => {
      const other = partner.columns.find((column) => column.name === name);
      const isLike = other?.family === family && other.isWide === isWide;
      return isLike && joinable.includes(family) ? [name] : [];
    });
  }

  /** Two expressions that can be equal, one of each side. */
  #pair(scope: readonly ScopeSource[], own: ScopeSource): [string, string] | undefined {
    const columns = own.columns.filter(({ family }) => joinable.includes(family));
    const shared = columns.filter(({ family }) => columnsOf(scope, [family]).length > 0);
    if (shared.length === 0) return undefined;
    const column: Column = this.#random.pick(shared);
    const left = this.#like(scope, column.family);
    if (left === undefined) return undefined;
    const right = narrow(columnIn(own, column)).sql;
    const isComputed = column.family === 'int' && happens(this.#random, 0.15);
    return [left, isComputed ? `${right} + 1` : right];
  }

  #like(scope: readonly ScopeSource[], family: Family): string | undefined {
    const columns = columnsOf(scope, [family]);
    if (columns.length === 0) return undefined;
    const value = happens(this.#random, 0.15)
      ? this.#expressions.value(scope, [family])
      : this.#random.pick(columns);
    return value && narrow(value).sql;
  }

  #note({ kind }: Readable): void {
    if (kind === 'model') this.found.add('reads-model');
  }
}

const otherJoins = ['RIGHT JOIN', 'FULL JOIN', 'LEFT ANTI JOIN'];
const joinable: readonly Family[] = ['int', 'text', 'date'];
