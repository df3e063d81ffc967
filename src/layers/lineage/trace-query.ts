import { MentionLog } from './mention-log.ts';
import { distinctOrigins, type Origin, through, usedAt } from './origin.ts';
import { collectAliases, nameOfItem, placed, readsTable } from './part-tree.ts';
import {
  type QueryTrace,
  renamed,
  sourceOf,
  type TracedOutput,
  type TraceOptions,
} from './query-trace.ts';
import type {
  ClauseNode,
  CteNode,
  Part,
  QueryNode,
  SelectNode,
  SetNode,
  SourceNode,
} from './query-tree.ts';
import { Scope, type ScopeSource } from './scope.ts';
import { PartTracer } from './trace-part.ts';

interface TracedSource {
  readonly found: ScopeSource;
  readonly rows: readonly Origin[];
}

/** Follows every column of a query from the tables to the outputs. */
export class QueryTracer {
  readonly log = new MentionLog();
  readonly #options: TraceOptions;
  readonly #parts: PartTracer;
  readonly #ctes = new Map<CteNode, QueryTrace>();

  constructor(options: TraceOptions) {
    this.#options = options;
    this.#parts = new PartTracer(options, this.log, {
      trace: (query, scope) => this.trace(query, scope),
      source: (node, scope) => this.#source(node, scope),
      hasCte: (name, scope) => this.#cte(name, scope) !== undefined,
    });
  }

  trace(query: QueryNode, parent?: Scope): QueryTrace {
    const scope = new Scope(parent);
    for (const cte of query.ctes) {
      if (cte.query) scope.ctes.set(cte.name, cte);
      else if (cte.expression) scope.named.set(cte.name, cte.expression);
    }
    const { body, clauses } = query;
    const traced = body.kind === 'select' ? this.#select(body, scope) : this.#set(body, scope);
    // One that nobody reads is part of the text all the same.
    for (const name of scope.ctes.keys()) this.#cte(name, scope);
    const whole = new Scope(scope);
    whole.sources.push(sourceOf(traced, [], plainJoin));
    const rows = clauses.flatMap((clause) => this.#clause(clause, whole, []));
    return { ...traced, rows: distinctOrigins([...traced.rows, ...rows]) };
  }

  #set({ operation, isDistinct, left, right }: SetNode, scope: Scope): QueryTrace {
    const first = this.trace(left, scope);
    const second = this.trace(right, scope);
    const isUnion = operation === 'union';
    const outputs = first.outputs.map((output, index): TracedOutput => {
      const other = isUnion ? (second.outputs[index]?.origins ?? []) : [];
      return { ...output, origins: distinctOrigins([...output.origins, ...other]) };
    });
    const isCompared = isDistinct || !isUnion;
    const both = isCompared ? [...first.outputs, ...second.outputs] : [];
    const compared = both.flatMap(({ origins }) => origins);
    const deciding = through(isUnion ? 'group' : 'filter', compared);
    const rows = distinctOrigins([...first.rows, ...second.rows, ...deciding]);
    return { outputs, rows, isOpen: first.isOpen || second.isOpen };
  }

  #select(select: SelectNode, scope: Scope): QueryTrace {
    const rows: Origin[] = [];
    for (const source of select.sources) {
      const { found, rows: own } = this.#source(source, scope);
      scope.sources.push(found);
      rows.push(...own);
    }
    for (const [name, window] of select.windows) scope.windows.set(name, window);
    const parts = [...select.items, ...select.clauses.flatMap((clause) => clause.parts)];
    for (const part of parts) collectAliases(part, scope.aliases);
    for (const source of select.sources) rows.push(...this.#join(source, scope));
    const outputs = select.items.flatMap((part, index) => {
      const item = { select: select.index, index };
      const traced = this.#parts.outputs(part, scope, this.#options.placeOf(item));
      return traced.map((output) => ({ ...output, item }));
    });
    for (const clause of select.clauses) rows.push(...this.#clause(clause, scope, select.items));
    for (const { parts: named } of select.windows.values()) {
      this.log.as('window', () => this.#parts.values(named, scope));
    }
    if (select.isDistinct) {
      const all = outputs.flatMap(({ origins }) => origins);
      rows.push(...through('group', all));
    }
    const isOpen = scope.hasOpenSources && select.items.some(({ kind }) => kind === 'star');
    return { outputs, rows: distinctOrigins(rows), isOpen };
  }

  #source(node: SourceNode, scope: Scope): TracedSource {
    const { of, alias, side } = node;
    if (of.kind === 'table') return this.#table(node, of, scope);
    const names = alias === undefined ? [] : [alias];
    const join = { side, using: new Set(node.using.map(({ name }) => name)), isArray: false };
    if (of.kind === 'query') {
      const traced = renamed(this.trace(of.query, scope), node.columnAliases);
      return { found: sourceOf(traced, names, join), rows: traced.rows };
    }
    if (of.kind === 'function') {
      const origins = this.log.as('join', () => this.#parts.values(of.parts, scope));
      const originsOf = () => origins;
      return { found: { names, columns: undefined, originsOf, ...join }, rows: origins };
    }
    const outputs = of.parts.map((part): TracedOutput => {
      const origins = this.log.as('join', () => this.#parts.value(part, scope));
      return { name: nameOfItem(part), origins: through('transformation', origins) };
    });
    const rows = through(
      'join',
      outputs.flatMap(({ origins }) => origins),
    );
    const traced = { outputs, rows, isOpen: false };
    return { found: sourceOf(traced, [], { ...join, isArray: true }), rows };
  }

  #table(
    { alias, side, using, isNatural, columnAliases }: SourceNode,
    { database, name }: { database?: string; name: string },
    scope: Scope,
  ): TracedSource {
    const isSame = (column: string) =>
      using.some((each) => each.name === column) || (isNatural && scope.find([column]).length > 0);
    const join = (columns: readonly string[]) => {
      const merged = [...using.map((each) => each.name), ...columns.filter(isSame)];
      return { side, using: new Set(merged), isArray: false };
    };
    const cte = database === undefined ? this.#cte(name, scope) : undefined;
    if (cte !== undefined) {
      const traced = renamed(cte, columnAliases);
      const columns = traced.outputs.map((output) => output.name);
      return { found: sourceOf(traced, [alias ?? name], join(columns)), rows: cte.rows };
    }
    const table = database === undefined ? name : `${database}.${name}`;
    const columns = this.#options.lookup(table)?.columns;
    const found: ScopeSource = {
      names: alias === undefined ? [name, table] : [alias],
      columns,
      table,
      originsOf: (column) => [{ table, column, influence: 'identity', at: -1 }],
      ...join(columns ?? []),
    };
    return { found, rows: [] };
  }

  /** The CTE of that name in this scope or one around it. */
  #cte(name: string, scope: Scope | undefined): QueryTrace | undefined {
    if (scope === undefined) return undefined;
    const cte = scope.ctes.get(name);
    if (cte?.query === undefined) return this.#cte(name, scope.parent);
    const known = this.#ctes.get(cte);
    if (known !== undefined) return known;
    const { query, columns } = cte;
    const trace = (of: QueryNode) =>
      this.log.loudly('identity', () => renamed(this.trace(of, scope), columns));
    // What a CTE reads of itself is at first what the query before UNION gives.
    if (query.body.kind === 'set' && readsTable(query, name)) {
      this.#ctes.set(cte, trace(query.body.left));
      // Each time around, columns may change places.
      for (let size = -1, grown = 0; grown > size; ) {
        size = grown;
        const traced = trace(query);
        this.#ctes.set(cte, traced);
        grown = traced.outputs.flatMap(({ origins }) => origins).length;
      }
    } else {
      this.#ctes.set(cte, trace(query));
    }
    return this.#ctes.get(cte);
  }

  /** What the columns of a clause are for the query around it. */
  #clause({ role, parts, hasPlaces, isAll }: ClauseNode, scope: Scope, items: readonly Part[]) {
    const all = () =>
      items.filter((item) => role !== 'group' || !this.#parts.aggregates(item, scope));
    const written = parts.map((part) => (hasPlaces ? placed(part, items) : part));
    const origins = (isAll ? all() : written).flatMap((part) => {
      const value = () => this.#parts.value(part, scope);
      return parts.includes(part) ? this.log.as(role, value) : this.log.quietly(value);
    });
    return through(role, origins);
  }

  #join({ on, using }: SourceNode, scope: Scope): Origin[] {
    const conditions = this.log.as('join', () => this.#parts.values(on, scope));
    const sides = using.flatMap(({ name, start }) =>
      scope.sources.flatMap((source) => {
        if (source.columns !== undefined && !source.columns.includes(name)) return [];
        this.log.as('join', () => this.log.note(source, name, start));
        return usedAt(start, source.originsOf(name));
      }),
    );
    return through('join', [...conditions, ...sides]);
  }
}

const plainJoin = { side: 'left', using: new Set<string>(), isArray: false } as const;
