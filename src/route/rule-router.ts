import type { ChangeBatch, RowCondition, RowsSection, Section } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';
import { checkRules } from './check-rules.ts';
import { parseFilter } from './filter/parse-filter.ts';
import { LookupUse } from './lookup-use.ts';
import { mergeSchemas } from './merged-schema.ts';
import type { RouteOptions } from './options.ts';
import { type RouteProblem, routeError } from './route-problem.ts';
import type { Routed, RouteExplanation, Router, RouteState } from './router.ts';
import { RowRouter } from './row-router.ts';
import { routeSchemaChange } from './schema-change.ts';
import { planTable, type TablePlan } from './table-plan.ts';
import { type TableRoute, TableRoutes } from './table-route.ts';
import { Topics } from './topics.ts';

export interface RouterContext {
  /** Begins the names of topics; absent: the log has none. */
  readonly prefix?: string | undefined;
  readonly project: string;
}

export function createRouter(options: RouteOptions, context: RouterContext): Router {
  return new RuleRouter(options, context);
}

/** A table's rows as they are routed now. */
interface RowsRoute {
  readonly plan: TablePlan;
  readonly target: TableSchema;
  readonly rows: RowRouter;
}

/** Follows the rules of a project file; see Router. */
class RuleRouter implements Router {
  readonly lookup: LookupUse | undefined;
  readonly #options: RouteOptions;
  readonly #context: RouterContext;
  readonly #routes: TableRoutes;
  readonly #topics: Topics | undefined;
  readonly #plans = new Map<TableId, TablePlan>();
  readonly #rows = new Map<TableId, RowsRoute>();

  constructor(options: RouteOptions, context: RouterContext) {
    this.#options = options;
    this.#context = context;
    this.#routes = new TableRoutes(options, context.project);
    this.#topics =
      context.prefix === undefined ? undefined : new Topics(options.topic, context.prefix);
    this.lookup = options.lookup && new LookupUse(options.lookup);
  }

  tableOf(source: TableId): TableId {
    return this.#routes.of(source).target;
  }

  onlyOf(source: TableId): RowCondition | undefined {
    return this.#routes.of(source).shard;
  }

  rulesOf(source: TableSchema): string | undefined {
    return this.#plan(source).rules;
  }

  topicOf(source: TableSchema): string | undefined {
    const { route, problems } = this.#plan(source);
    if (problems.length > 0) return undefined;
    const topic = this.#topics?.of(route.target, route.business ?? '');
    return typeof topic === 'string' ? topic : undefined;
  }

  writesTo(source: TableSchema, topic: string): boolean {
    if (this.topicOf(source) === topic) return true;
    const { route } = this.#plan(source);
    return route.isLookedUp && this.#topics?.mayBe(topic, route.target) === true;
  }

  explain(source: TableSchema): RouteExplanation {
    const { route, columns } = this.#plan(source);
    return {
      columns,
      filters: route.filters.map(({ rule }) => parseFilter(rule)),
      dropsUnmatched: route.isLookedUp && this.#options.lookup?.unmatched === 'drop',
    };
  }

  tables(sources: readonly TableSchema[]): Map<TableId, TableSchema> {
    const plans = sources
      .map((source) => this.#plan(source))
      .filter(({ problems }) => problems.length === 0);
    const tables = new Map<TableId, TableSchema>();
    for (const { route, schema } of plans) {
      const shards = plans.filter((other) => other.route.target === route.target);
      const schemas = shards.map((shard) => shard.schema);
      const merged = route.shard && mergeSchemas(route, schema, schemas);
      if (merged === undefined || merged.problems.length === 0) {
        tables.set(route.target, merged?.schema ?? schema);
      }
    }
    return tables;
  }

  check(sources: readonly TableSchema[]): RouteProblem[] {
    const plans = sources.map((source) => this.#plan(source));
    const { prefix } = this.#context;
    const topics = prefix === undefined ? undefined : new Topics(this.#options.topic, prefix);
    return checkRules(this.#options, plans, topics);
  }

  route(batch: ChangeBatch, stored: RouteState): Routed {
    const state = new BatchState(stored);
    const lookup = this.lookup?.begin(batch, stored);
    const sections: Section[] = [];
    const reread = new Set<TableId>();
    for (const section of batch.sections) {
      const { target, shard } = this.#routes.of(section.table);
      if (section.kind === 'rows') {
        sections.push(...this.#routeRows(section, batch.origin, state));
      } else if (section.kind === 'schema') {
        const plan = this.#plan(section.schema);
        const before = state.source(section.table);
        const change = routeSchemaChange(section, plan, {
          before: before && this.#plan(before),
          shards: shard === undefined ? [] : this.#otherShards(plan, state),
          routed: state.routed(target),
        });
        state.set(section.schema, change.schema);
        sections.push(...change.sections.map((each) => this.#told(each, section.table)));
        if (change.reread) reread.add(section.table);
      } else if (section.kind === 'messages') {
        this.#assertWithoutRules(section.table, state);
        sections.push(section);
      } else {
        const routed = { ...section, table: target, ...(shard && { only: shard }) };
        sections.push(this.#told(routed, section.table));
      }
    }
    return {
      batch: { ...batch, sections },
      reread,
      unmatched: this.lookup?.takeUnmatched() ?? new Map(),
      ...(lookup && { lookup }),
    };
  }

  #routeRows(
    section: RowsSection,
    origin: ChangeBatch['origin'],
    state: BatchState,
  ): RowsSection[] {
    const { plan, target, rows } = this.#rowsRoute(section, state);
    const destinations = this.lookup?.destinations(plan, origin, this.#topics !== undefined);
    const wanted = destinations ?? filterOnly(plan);
    const parts = rows.isIdentity(wanted)
      ? [{ business: plan.route.business ?? '', rowCount: section.rowCount, bytes: section.bytes }]
      : rows.route(section, origin, wanted);
    return parts.map(({ business, rowCount, bytes }) => {
      const topic = this.#topicFor(plan.route, business);
      return {
        ...section,
        table: target.table,
        schemaVersion: target.version,
        rowCount,
        bytes,
        ...(topic !== undefined && { topic }),
      };
    });
  }

  #rowsRoute({ table, schemaVersion }: RowsSection, state: BatchState): RowsRoute {
    const source = state.source(table);
    if (source?.version !== schemaVersion) {
      throw new CdcError(
        'CDC_INTERNAL',
        `Routing ${table}: its rows are of schema version ${schemaVersion}, and ${source?.version ?? 'none'} is known.`,
      );
    }
    const plan = this.#plan(source);
    if (plan.problems.length > 0) throw routeError(table, plan.problems);
    const target = plan.route.shard === undefined ? plan.schema : state.routed(plan.route.target);
    if (target === undefined) {
      throw new CdcError('CDC_INTERNAL', `Routing ${table}: ${plan.route.target} has no schema.`);
    }
    const known = this.#rows.get(table);
    if (known?.plan === plan && known.target.version === target.version) return known;
    const made = { plan, target, rows: new RowRouter(plan, target) };
    this.#rows.set(table, made);
    return made;
  }

  /**
   * Names the topics that tell of a barrier: all that may have rows of the table. None tells of what empties
   * one shard: others would take it for the whole table.
   */
  #told(section: Section, source: TableId): Section {
    if (this.#topics === undefined) return section;
    if (section.kind !== 'schema' && section.kind !== 'truncate') return section;
    if (section.kind === 'truncate' && section.only !== undefined)
      return { ...section, topics: [] };
    const route = this.#routes.of(source);
    const looked = route.isLookedUp ? this.lookup?.businesses(route.business) : undefined;
    const businesses = looked ?? [route.business ?? ''];
    const topics = businesses.flatMap((business) => this.#topicFor(route, business) ?? []);
    return { ...section, topics };
  }

  /** Messages are taken apart by the warehouse; nobody looks inside on the way. */
  #assertWithoutRules(table: TableId, state: BatchState): void {
    const source = state.source(table);
    const plan = source && this.#plan(source);
    if (plan?.rules === undefined && plan?.eventColumn === undefined) return;
    throw routeError(table, [messagesProblem(table)]);
  }

  #topicFor(route: TableRoute, business: string): string | undefined {
    const topic = this.#topics?.of(route.target, business);
    if (topic === undefined || typeof topic === 'string') return topic;
    throw routeError(route.source, [topic]);
  }

  #otherShards({ route }: TablePlan, state: BatchState): TablePlan[] {
    return [...state.sources()]
      .filter(({ table }) => table !== route.source && this.tableOf(table) === route.target)
      .map((source) => this.#plan(source))
      .filter(({ problems }) => problems.length === 0);
  }

  #plan(source: TableSchema): TablePlan {
    const known = this.#plans.get(source.table);
    if (known?.source.version === source.version) return known;
    const plan = planTable(this.#routes.of(source.table), source, this.#options.lookup);
    this.#plans.set(source.table, plan);
    return plan;
  }
}

/** A rule for a table whose changes are messages of a queue. */
export function messagesProblem(table: TableId): RouteProblem {
  return {
    path: ['columns'],
    table,
    code: 'CDC_ROUTE_INVALID',
    message: 'its changes are messages of a queue, which rules cannot look into',
    remedy: 'Leave the table out of the rules under route, and do the same in a model.',
  };
}

function filterOnly({ filter, route }: TablePlan) {
  if (filter === undefined) return undefined;
  const own = [route.business ?? ''];
  return (row: Parameters<typeof filter>[0]) => (filter(row) === true ? own : []);
}

/** What is stored, and what the sections of the batch so far add to it. */
class BatchState {
  readonly #stored: RouteState;
  readonly #sources = new Map<TableId, TableSchema>();
  readonly #routed = new Map<TableId, TableSchema>();

  constructor(stored: RouteState) {
    this.#stored = stored;
  }

  source(table: TableId): TableSchema | undefined {
    return this.#sources.get(table) ?? this.#stored.source(table);
  }

  routed(table: TableId): TableSchema | undefined {
    return this.#routed.get(table) ?? this.#stored.routed(table);
  }

  *sources(): Iterable<TableSchema> {
    yield* this.#sources.values();
    for (const schema of this.#stored.sources()) {
      if (!this.#sources.has(schema.table)) yield schema;
    }
  }

  set(source: TableSchema, routed: TableSchema): void {
    this.#sources.set(source.table, source);
    this.#routed.set(routed.table, routed);
  }
}
