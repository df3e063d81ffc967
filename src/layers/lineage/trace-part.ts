import type { MentionLog } from './mention-log.ts';
import { distinctOrigins, type Origin, through, usedAt } from './origin.ts';
import { childrenOf, choosingArguments, columnPattern, nameOfItem } from './part-tree.ts';
import type { QueryTrace, TracedOutput, TraceOptions } from './query-trace.ts';
import type {
  ColumnPart,
  Part,
  QueryNode,
  SourceNode,
  StarPart,
  WindowNode,
} from './query-tree.ts';
import { type FoundColumn, originsOf, Scope, type ScopeSource } from './scope.ts';

/** Who follows the queries inside of expressions. */
export interface QueryWork {
  trace(query: QueryNode, scope: Scope): QueryTrace;
  source(node: SourceNode, scope: Scope): { found: ScopeSource; rows: readonly Origin[] };
  hasCte(name: string, scope: Scope): boolean;
}

/** Follows the columns of expressions. */
export class PartTracer {
  readonly #options: TraceOptions;
  readonly #log: MentionLog;
  readonly #queries: QueryWork;
  readonly #active = new Set<Part>();
  readonly #aliases = new Map<Part, readonly Origin[]>();

  constructor(options: TraceOptions, log: MentionLog, queries: QueryWork) {
    this.#options = options;
    this.#log = log;
    this.#queries = queries;
  }

  /** Outputs of one item: one, or those a star stands for. */
  outputs(part: Part, scope: Scope, at: number): TracedOutput[] {
    if (part.kind === 'star') return this.#starOutputs(part, scope, at);
    const name = nameOfItem(part);
    return [{ name, origins: distinctOrigins(this.value(part, scope)) }];
  }

  #starOutputs(star: StarPart, scope: Scope, at: number): TracedOutput[] {
    const { qualifier, pattern, except, replace, rename, applied } = star;
    const sources = scope.sources.filter(
      ({ names }) => qualifier === undefined || names.includes(qualifier),
    );
    const fits = pattern === undefined ? undefined : columnPattern(pattern);
    return sources.flatMap((source) => {
      const columns = (source.columns ?? []).filter((column) => {
        if (except.includes(column) || fits?.(column) === false) return false;
        return qualifier !== undefined || !source.using.has(column);
      });
      return columns.map((column): TracedOutput => {
        const replacement = replace.get(column);
        if (replacement === undefined) this.#log.note(source, column, at, true);
        const origins =
          replacement === undefined
            ? usedAt(at, source.originsOf(column))
            : this.value(replacement, scope);
        const isAggregated = applied.some((name) => this.#options.isAggregate(name));
        const influence = isAggregated ? 'aggregation' : 'transformation';
        const value = applied.length > 0 ? through(influence, origins) : origins;
        return { name: rename.get(column) ?? column, origins: distinctOrigins(value) };
      });
    });
  }

  values(parts: readonly Part[], scope: Scope): Origin[] {
    return parts.flatMap((part) => this.value(part, scope));
  }

  value(part: Part, scope: Scope): Origin[] {
    switch (part.kind) {
      case 'column':
        return this.#column(part, scope);
      case 'star':
        return this.#starOutputs(part, scope, -1).flatMap(({ origins }) => origins);
      case 'query': {
        const { outputs, rows } = this.#queries.trace(part.query, scope);
        const value = through(
          'transformation',
          outputs.flatMap(({ origins }) => origins),
        );
        return [...value, ...through('condition', rows)];
      }
      case 'set':
        return this.#setOf(part.name, scope);
      case 'alias':
      case 'same':
        return this.value(part.of, scope);
      case 'lambda':
        return this.value(part.body, new Scope(scope, part.parameters));
      case 'window': {
        const deciding = this.#log.as('window', () => this.#windowParts(part.over, scope));
        return [...this.value(part.of, scope), ...through('window', deciding)];
      }
      case 'choice': {
        const conditions = this.#log.as('condition', () => this.values(part.conditions, scope));
        return [
          ...through('transformation', this.values(part.values, scope)),
          ...through('condition', conditions),
        ];
      }
      case 'call':
        return this.#call(part, scope);
      case 'number':
        return [];
    }
  }

  #windowParts({ base, parts }: WindowNode, scope: Scope): Origin[] {
    const own = this.values(parts, scope);
    const named = base === undefined ? undefined : windowOf(base, scope);
    return named === undefined
      ? own
      : [...own, ...this.#log.quietly(() => this.#windowParts(named, scope))];
  }

  #call({ name, parts }: Extract<Part, { kind: 'call' }>, scope: Scope): Origin[] {
    const isAggregate = this.#options.isAggregate(name);
    const influence = isAggregate ? 'aggregation' : 'transformation';
    const isCondition = choosingArguments(name, parts.length, isAggregate);
    return parts.flatMap((part, index) => {
      const value = () => this.value(part, scope);
      if (isCondition(index)) return through('condition', this.#log.as('condition', value));
      return through(influence, value());
    });
  }

  /** Whether an item puts rows together, which GROUP BY ALL leaves out. */
  aggregates(part: Part, scope: Scope, seen = new Set<Part>()): boolean {
    // What has been looked at has said yes already, or has nothing to say.
    if (seen.has(part)) return false;
    seen.add(part);
    if (part.kind === 'call' && this.#options.isAggregate(part.name)) return true;
    const alias = part.kind === 'column' ? scope.aliasOf(part.path) : undefined;
    const children = alias === undefined ? childrenOf(part) : [alias];
    return children.some((child) => this.aggregates(child, scope, seen));
  }

  #column(part: ColumnPart, scope: Scope): Origin[] {
    const { path, start } = part;
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      if (at.parameters.has(path[0] ?? '')) return [];
      const found = at.find(path);
      const alias = found.length === 0 ? this.#alias(path, at, scope) : undefined;
      if (alias !== undefined) return distinctOrigins(usedAt(start, alias));
      const meant = found.length > 0 ? found : at.findOpen(path);
      for (const { source, column } of meant) {
        this.#log.note(source, column, start);
      }
      if (meant.length > 0) return meant.flatMap((each) => wholeOrPart(each, part));
    }
    return this.#unknown(part, scope);
  }

  /** What an alias stands for. Its columns are noted where it is written; those of a WITH where it is used. */
  #alias([name = '']: readonly string[], at: Scope, user: Scope): readonly Origin[] | undefined {
    const written = at.aliases.get(name);
    const part = written ?? at.named.get(name);
    if (part === undefined || this.#active.has(part)) return undefined;
    const scope = placeOfAlias(at, user);
    const known = scope === at ? this.#aliases.get(part) : undefined;
    if (known !== undefined) return known;
    this.#active.add(part);
    const value = () => distinctOrigins(this.value(part, scope));
    const origins = written ? this.#log.quietly(value) : value();
    this.#active.delete(part);
    if (written && scope === at) this.#aliases.set(part, origins);
    return origins;
  }

  /** A name that means nothing we know: it may be any column here. */
  #unknown(part: ColumnPart, scope: Scope): Origin[] {
    this.#log.noteUnresolved(part);
    const sources = scope.sources.length > 0 ? scope.sources : (scope.parent?.sources ?? []);
    return sources.flatMap((source) =>
      (source.columns ?? []).flatMap((column) => {
        this.#log.note(source, column, part.start, true);
        return originsOf({ source, column, isUncertain: true }, part.start);
      }),
    );
  }

  /** `x IN name`: a column when there is one, else all of a table or CTE. */
  #setOf(name: ColumnPart, scope: Scope): Origin[] {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      if (at.find(name.path).length > 0 || at.hasAlias(name.path)) {
        return this.#column(name, scope);
      }
    }
    const [first = '', second] = name.path;
    const isTable = this.#options.lookup(name.path.join('.')) !== undefined;
    if (!isTable && !this.#queries.hasCte(first, scope)) return this.#column(name, scope);
    const table = { kind: 'table', name: second ?? first, ...(second ? { database: first } : {}) };
    const node = {
      of: table,
      columnAliases: [],
      on: [],
      using: [],
      isNatural: false,
      side: 'left',
    };
    const { found, rows } = this.#queries.source(node as SourceNode, scope);
    const origins = (found.columns ?? []).flatMap((column) => {
      this.#log.note(found, column, name.start, true);
      return usedAt(name.start, found.originsOf(column));
    });
    return [...through('transformation', origins), ...through('condition', rows)];
  }
}

/** The scope an alias is read in: that of its SELECT, with the arguments of lambdas around its use. */
function placeOfAlias(at: Scope, user: Scope): Scope {
  if (at.sources.length === 0) return user;
  for (let scope = user; scope !== at && scope.parent !== undefined; scope = scope.parent) {
    if (scope.sources.length > 0) return at;
  }
  return user;
}

/** `tuple.part` is not the value of the column. */
function wholeOrPart(found: FoundColumn, { path, start }: ColumnPart): Origin[] {
  const origins = originsOf(found, start);
  return path.join('.').endsWith(found.column) ? origins : through('transformation', origins);
}

function windowOf(name: string, scope: Scope | undefined): WindowNode | undefined {
  return scope && (scope.windows.get(name) ?? windowOf(name, scope.parent));
}
