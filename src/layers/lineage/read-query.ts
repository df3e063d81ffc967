import { codePointOffsets } from '../text/sql-parser.ts';
import { parseDeep } from './deep-parser.ts';
import { aliasOf, type Body, bodyOf, expressionOf, listOf, nameOf } from './library-tree.ts';
import type {
  ClauseNode,
  CteNode,
  NameNode,
  QueryNode,
  RowRole,
  SelectNode,
  SourceNode,
} from './query-tree.ts';
import { PartReader } from './read-part.ts';

/** The parser's answer, and how far it can be trusted. */
export interface ReadQuery {
  readonly query: QueryNode;
  /** SELECTs in it; each must be a SELECT of the text. */
  readonly selects: number;
  /** Places of all names that the tree holds. */
  readonly places: ReadonlySet<number>;
  /** Columns that the tree holds and this reader did not come upon. */
  readonly missed: readonly NameNode[];
}

/** Knows the tree of the parser library. Undefined when the text cannot be parsed as one query. */
export function readQuery(sql: string): ReadQuery | undefined {
  const statement = parseDeep(sql);
  if (statement === undefined) return undefined;
  const reader = new QueryReader(codePointOffsets(sql));
  const query = reader.query(statement);
  if (query === undefined) return undefined;
  const found = reader.parts.namesIn(statement);
  return {
    query,
    selects: reader.selects,
    places: new Set(found.names.map(({ start }) => start)),
    missed: found.columns.filter(({ start }) => !reader.parts.seen.has(start)),
  };
}

const setKinds = ['union', 'intersect', 'except'] as const;

class QueryReader {
  readonly parts: PartReader;
  selects = 0;

  constructor(offsets: (offset: number) => number) {
    this.parts = new PartReader(offsets, (node) => this.query(node));
  }

  query(node: unknown): QueryNode | undefined {
    const [kind, body] = expressionOf(node);
    if (kind === 'select') return this.#selectQuery(body);
    if (kind === 'subquery' || kind === 'paren') {
      const inner = this.query(body['this']);
      if (inner === undefined) return undefined;
      return { ...inner, clauses: [...inner.clauses, ...this.#wholeClauses(body)] };
    }
    for (const operation of setKinds) {
      if (kind !== operation) continue;
      const ctes = this.#ctes(body['with']);
      const left = this.query(body['left']);
      const right = this.query(body['right']);
      if (left === undefined || right === undefined) return undefined;
      // Statements run with union_default_mode = DISTINCT.
      const isDistinct = operation === 'union' && body['all'] !== true;
      const set = { kind: 'set', operation, isDistinct, left, right } as const;
      return { ctes, body: set, clauses: this.#wholeClauses(body) };
    }
    return undefined;
  }

  #selectQuery(body: Body): QueryNode {
    const ctes = this.#ctes(body['with']);
    const index = this.selects;
    this.selects += 1;
    const items = this.parts.list(body['expressions']);
    const sources = this.#sources(body);
    const group = bodyOf(body['group_by']);
    const clauses = [
      this.#clause('filter', [body['prewhere'], body['where_clause']]),
      this.#clause('group', group['expressions'], { all: group['all'] === true }),
      this.#clause('filter', body['having']),
      this.#clause('filter', body['qualify']),
      this.#clause('group', body['distinct_on']),
      ...this.#wholeClauses(body),
    ];
    const windows = new Map(
      listOf(body['windows']).map((named) => {
        const { name, spec } = bodyOf(named);
        return [nameOf(name), this.parts.window(spec)];
      }),
    );
    const isDistinct = body['distinct'] === true && body['distinct_on'] == null;
    const select: SelectNode = {
      kind: 'select',
      index,
      isDistinct,
      items,
      sources,
      clauses,
      windows,
    };
    return { ctes, body: select, clauses: [] };
  }

  #wholeClauses(body: Body): ClauseNode[] {
    const order = listOf(bodyOf(body['order_by'])['expressions']);
    const [only] = order.length === 1 ? this.parts.list(order) : [];
    const isAll = only?.kind === 'column' && only.path.join('.').toUpperCase() === 'ALL';
    return [
      this.#clause('order', isAll ? [] : order, { all: isAll }),
      this.#clause('order', body['limit_by']),
    ];
  }

  #clause(role: RowRole, nodes: unknown, { all = false } = {}): ClauseNode {
    const parts = this.parts.list(nodes);
    return { role, parts, hasPlaces: role === 'group' || role === 'order', isAll: all };
  }

  #ctes(node: unknown): CteNode[] {
    return listOf(bodyOf(node)['ctes']).map((each): CteNode => {
      const { alias, columns, this: of } = bodyOf(each);
      const query = this.query(of);
      const names = listOf(columns).map(nameOf);
      if (query !== undefined) return { name: nameOf(alias), columns: names, query };
      return { name: nameOf(alias), columns: names, expression: this.parts.part(of) };
    });
  }

  #sources(body: Body): SourceNode[] {
    const first = listOf(bodyOf(body['from'])['expressions']);
    const sources = first.flatMap((node) => this.#source(node, noJoin));
    const views = listOf(body['lateral_views']).map((view) => this.#function([view]));
    return [...sources, ...views, ...this.#joins(body['joins'])];
  }

  #joins(nodes: unknown): SourceNode[] {
    return listOf(nodes).flatMap((node) => {
      const join = bodyOf(node);
      const kind = String(join['kind']);
      if (/Array/.test(kind)) return [this.#arrayJoin(join['this'])];
      const side = /Full|Outer/.test(kind) ? 'full' : /Right/.test(kind) ? 'right' : 'left';
      return this.#source(join['this'], {
        side,
        on: this.parts.list([join['on'], join['match_condition']]),
        using: listOf(join['using']).map((name) => this.parts.name(name)),
        isNatural: /Natural/.test(kind),
      });
    });
  }

  #arrayJoin(node: unknown): SourceNode {
    const [kind, body] = expressionOf(node);
    const parts = kind === 'tuple' ? this.parts.list(body['expressions']) : [this.parts.part(node)];
    return { of: { kind: 'array', parts }, columnAliases: [], ...noJoin };
  }

  #source(node: unknown, join: Join): SourceNode[] {
    const [kind, body] = expressionOf(node);
    const alias = aliasOf(body);
    const columnAliases = listOf(body['column_aliases']).map(nameOf);
    const named = { ...(alias ? { alias } : {}), columnAliases, ...join };
    if (kind === 'table') {
      const database = nameOf(body['schema']);
      const of = { kind: 'table', ...(database ? { database } : {}), name: nameOf(body['name']) };
      return [{ of: of as SourceNode['of'], ...named }];
    }
    if (kind === 'joined_table') {
      return [...this.#source(body['left'], join), ...this.#joins(body['joins'])];
    }
    const query = this.query(kind === 'alias' ? body['this'] : node);
    if (query !== undefined) return [{ of: { kind: 'query', query }, ...named }];
    return [{ ...this.#function([kind === 'alias' ? body['this'] : node]), ...named }];
  }

  #function(nodes: unknown): SourceNode {
    return {
      of: { kind: 'function', parts: this.parts.list(nodes) },
      columnAliases: [],
      ...noJoin,
    };
  }
}

type Join = Pick<SourceNode, 'side' | 'on' | 'using' | 'isNatural'>;
const noJoin: Join = { side: 'left', on: [], using: [], isNatural: false };
