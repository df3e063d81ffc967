/** A SELECT as data, so that a failing one can be made smaller part by part. Expressions are text. */
export interface SelectQuery {
  readonly kind: 'select';
  readonly ctes: readonly Cte[];
  readonly isDistinct: boolean;
  readonly items: readonly SelectItem[];
  /** The driving relation first. */
  readonly from: readonly FromSource[];
  readonly where: readonly string[];
  readonly groupBy: readonly string[];
  readonly having: readonly string[];
  readonly qualify: readonly string[];
  readonly orderBy: readonly string[];
  readonly limitBy?: { readonly count: number; readonly by: readonly string[] };
  readonly limit?: number;
}

export interface UnionQuery {
  readonly kind: 'union';
  readonly isAll: boolean;
  readonly branches: readonly SelectQuery[];
}

export type Query = SelectQuery | UnionQuery;

export interface Cte {
  readonly name: string;
  readonly query: Query;
}

export interface SelectItem {
  readonly sql: string;
  /** Absent for a plain column that keeps its name. */
  readonly alias?: string;
}

export interface FromSource {
  /** `shop.t1`, `dwd.m1`, the name of a CTE, or a subquery. */
  readonly source: string | Query;
  readonly alias?: string;
  /** `LEFT JOIN`; absent for the driving relation. */
  readonly join?: string;
  readonly on: readonly string[];
  readonly using?: string;
}

export const emptySelect: SelectQuery = {
  kind: 'select',
  ctes: [],
  isDistinct: false,
  items: [],
  from: [],
  where: [],
  groupBy: [],
  having: [],
  qualify: [],
  orderBy: [],
};

export function renderQuery(query: Query): string {
  if (query.kind === 'select') return renderSelect(query);
  const word = query.isAll ? 'UNION ALL' : 'UNION DISTINCT';
  return query.branches.map(renderSelect).join(`\n${word}\n`);
}

function renderSelect(select: SelectQuery): string {
  const { ctes, items, from, limitBy, limit } = select;
  const named = ctes.map(({ name, query }) => `${name} AS (${renderQuery(query)})`);
  const list = items.map(({ sql, alias }) => (alias === undefined ? sql : `${sql} AS ${alias}`));
  const clause = (word: string, parts: readonly string[], separator = ', ') =>
    parts.length === 0 ? [] : [`${word} ${parts.join(separator)}`];
  return [
    ...clause('WITH', named, ',\n'),
    `SELECT ${select.isDistinct ? 'DISTINCT ' : ''}${list.join(', ')}`,
    `FROM ${from.map(renderSource).join('\n')}`,
    ...clause('WHERE', select.where, ' AND '),
    ...clause('GROUP BY', select.groupBy),
    ...clause('HAVING', select.having, ' AND '),
    ...clause('QUALIFY', select.qualify, ' AND '),
    ...clause('ORDER BY', select.orderBy),
    ...(limitBy === undefined ? [] : [`LIMIT ${limitBy.count} BY ${limitBy.by.join(', ')}`]),
    ...(limit === undefined ? [] : [`LIMIT ${limit}`]),
  ].join('\n');
}

function renderSource({ source, alias, join, on, using }: FromSource): string {
  const text = typeof source === 'string' ? source : `(${renderQuery(source)})`;
  const parts = [join, text, alias === undefined ? undefined : `AS ${alias}`];
  if (using !== undefined) parts.push(`USING (${using})`);
  if (on.length > 0) parts.push(`ON ${on.join(' AND ')}`);
  return parts.filter((part) => part !== undefined).join(' ');
}
