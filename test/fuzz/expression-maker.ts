import type { Random } from '../support/random.ts';
import {
  columnsOf,
  type Family,
  happens,
  narrow,
  type ScopeSource,
  totalOrder,
  type Value,
} from './values.ts';

export const textValues = ['a', 'b', 'c', ''];
export const dateValues = ['2026-01-30', '2026-01-31', '2026-02-01', '2026-02-02'];

/** Random expressions over a scope, all of them the same for the same rows. */
export class ExpressionMaker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A column, or sometimes something computed from columns. */
  value(scope: readonly ScopeSource[], families?: readonly Family[]): Value | undefined {
    const columns = columnsOf(scope, families);
    const random = this.#random;
    if (columns.length === 0) return undefined;
    const column = random.pick(columns);
    return happens(random, 0.35) ? this.#computed(column, scope) : column;
  }

  predicate(scope: readonly ScopeSource[]): string | undefined {
    const random = this.#random;
    const first = this.#comparison(scope);
    if (first === undefined || happens(random, 0.75)) return first;
    const second = this.#comparison(scope) ?? first;
    return random.pick([`(${first} OR ${second})`, `(${first} AND NOT ${second})`, `NOT ${first}`]);
  }

  /** An aggregate over rows of the scope. */
  aggregate(scope: readonly ScopeSource[]): Value {
    const random = this.#random;
    const count = { sql: 'count()', family: 'int', isWide: true } as const;
    const number = this.value(scope, ['int', 'decimal']);
    const sortable = this.value(scope, ['int', 'decimal', 'text', 'date']);
    const condition = this.predicate(scope);
    const kind = random.between(1, 16);
    if (kind === 1 || sortable === undefined || condition === undefined) return count;
    const { sql, family, isWide } = sortable;
    const counted = (text: string) => ({ sql: text, family: 'int', isWide: true }) as const;
    const same = (text: string) => ({ sql: text, family, isWide });
    const list = (text: string) => ({ sql: text, family: 'list', isWide: false }) as const;
    if (kind === 2) return counted(`countIf(${condition})`);
    if (kind === 3) return counted(`count(${sql})`);
    if (kind === 4) return counted(random.pick([`count(DISTINCT ${sql})`, `uniqExact(${sql})`]));
    if (kind === 5) return counted(`uniqExactIf(${sql}, ${condition})`);
    if (kind === 6) return same(`min(${sql})`);
    if (kind === 7) return same(`max(${sql})`);
    if (kind === 8) return same(`${random.pick(['minIf', 'maxIf'])}(${sql}, ${condition})`);
    if (kind === 9) return list(`arraySort(groupArray(${sql}))`);
    if (kind === 10) return list(`arraySort(groupUniqArray(${sql}))`);
    if (kind === 11) return this.#argMax(scope) ?? count;
    if (number === undefined) return count;
    const other = (text: string) => ({ ...number, sql: text });
    if (kind === 12) return other(`quantileExact(${number.sql})`);
    if (kind === 13) return other(`quantileExactIf(0.9)(${number.sql}, ${condition})`);
    if (kind === 14) return other(`sumIf(${number.sql}, ${condition})`);
    if (kind === 15) return { sql: `avg(${number.sql})`, family: 'float', isWide: false };
    return other(`sum(${number.sql})`);
  }

  /** A window function; `partition` and the total order of the scope make it repeatable. */
  window(scope: readonly ScopeSource[], partition: readonly string[]): Value {
    const random = this.#random;
    const by = partition.length === 0 ? '' : `PARTITION BY ${partition.join(', ')}`;
    const lead = this.value(scope, ['int', 'decimal', 'date', 'text']);
    const order = [
      ...(lead ? [`${lead.sql}${random.pick(['', ' DESC'])}`] : []),
      ...totalOrder(scope),
    ];
    const ordered = `(${by} ORDER BY ${order.join(', ')})`;
    const number = this.value(scope, ['int', 'decimal']);
    const kind = number === undefined ? 1 : random.between(1, 7);
    const counted = (text: string) => ({ sql: text, family: 'int', isWide: true }) as const;
    if (kind <= 2 || number === undefined) return counted(`row_number() OVER ${ordered}`);
    if (kind === 3) {
      return counted(
        `${random.pick(['rank', 'dense_rank'])}() OVER (${by} ORDER BY ${number.sql})`,
      );
    }
    const frame = 'ROWS BETWEEN 1 PRECEDING AND CURRENT ROW';
    const previous = `lagInFrame(${number.sql}) OVER (${by} ORDER BY ${order.join(', ')} ${frame})`;
    if (kind === 4) return { ...number, sql: previous };
    if (kind === 5) return { ...number, sql: `sum(${number.sql}) OVER ${ordered}` };
    if (kind === 6) return { ...number, sql: `max(${number.sql}) OVER (${by})` };
    return { ...number, sql: `sum(${number.sql}) OVER (${by})` };
  }

  constant(family: Family): string {
    const random = this.#random;
    if (family === 'text') return `'${random.pick(textValues)}'`;
    if (family === 'date') return `toDate32('${random.pick(dateValues)}')`;
    if (family === 'decimal') return `${random.between(0, 6)}`;
    return String(random.between(0, 5));
  }

  /** The row of one relation decides which value it is, and the tie-breaker is unique in it. */
  #argMax(scope: readonly ScopeSource[]): Value | undefined {
    const source = this.#random.pick(scope);
    const value = this.value([source]);
    if (value === undefined || value.family === 'list') return undefined;
    const order = totalOrder([source]);
    const ranked = this.value([source], ['int', 'decimal', 'date']);
    const parts = ranked === undefined ? order : [ranked.sql, ...order];
    const by = parts.length === 1 ? parts[0] : `tuple(${parts.join(', ')})`;
    return { ...value, sql: `${this.#random.pick(['argMax', 'argMin'])}(${value.sql}, ${by})` };
  }

  #computed(column: Value, scope: readonly ScopeSource[]): Value {
    const random = this.#random;
    const { sql, family } = narrow(column);
    const same = (text: string) => ({ sql: text, family, isWide: false });
    const other = narrow(random.pick(columnsOf(scope, [family])));
    const condition = this.#comparison(scope) ?? '1 = 1';
    const choice = `if(${condition}, ${sql}, ${other.sql})`;
    const cases = `CASE WHEN ${condition} THEN ${sql} ELSE ${this.constant(family)} END`;
    if (family === 'int') {
      const sums = [`${sql} + ${random.between(1, 3)}`, `${sql} % ${random.between(2, 3)}`];
      const others = [`ifNull(${sql}, 0)`, `intDiv(${sql}, 2)`, `coalesce(${sql}, ${other.sql})`];
      return same(random.pick([...sums, ...others, choice, cases]));
    }
    if (family === 'text') {
      const text = [`upper(${sql})`, `concat(${sql}, '-')`, `concat(${sql}, ${other.sql})`];
      return same(random.pick([...text, `ifNull(${sql}, 'none')`, `lower(${sql})`, choice, cases]));
    }
    if (family === 'date') {
      return same(random.pick([`toStartOfMonth(${sql})`, `addDays(${sql}, 1)`, choice]));
    }
    if (family === 'decimal') return same(random.pick([`${sql} * 2`, `ifNull(${sql}, 0)`, choice]));
    return column;
  }

  #comparison(scope: readonly ScopeSource[]): string | undefined {
    const random = this.#random;
    const columns = columnsOf(scope, ['int', 'text', 'decimal', 'date']);
    if (columns.length === 0) return undefined;
    const { sql, family } = random.pick(columns);
    const kind = random.between(1, 8);
    if (kind === 1) return `${sql} IS ${random.pick(['', 'NOT '])}NULL`;
    if (kind === 2 && family === 'int') return `${sql} IN (0, 1, 2, 3)`;
    if (kind === 3 && family === 'text') return `${sql} LIKE '${random.pick(['a%', '%b', ''])}'`;
    if (kind === 4) return `${sql} BETWEEN ${this.constant(family)} AND ${this.constant(family)}`;
    const other = random.pick(columnsOf(scope, [family]));
    const right = happens(random, 0.3) ? other.sql : this.constant(family);
    return `${sql} ${random.pick(['=', '!=', '<', '>=', '>=', '!='])} ${right}`;
  }
}
