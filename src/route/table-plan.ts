import { createHash } from 'node:crypto';
import type { TableSchema } from '../change/table-schema.ts';
import { type PlannedColumn, planColumns, rulesFor } from './column-plan.ts';
import { compileFilter, type Predicate } from './filter/compile-filter.ts';
import { FilterSyntaxError } from './filter/filter-error.ts';
import { parseFilter } from './filter/parse-filter.ts';
import { mergeSchemas } from './merged-schema.ts';
import type { LookupOptions } from './options.ts';
import type { RouteProblem } from './route-problem.ts';
import { schemaVersion } from './schema-version.ts';
import type { TableRoute } from './table-route.ts';

/** What becomes of the rows of one schema of a table. */
export interface TablePlan {
  readonly route: TableRoute;
  readonly source: TableSchema;
  readonly columns: readonly PlannedColumn[];
  /** What the table is after the rules; of a shard, what it brings to the merged table. */
  readonly schema: TableSchema;
  /** Changes with everything that decides what rows become; undefined: they stay as they are. */
  readonly rules: string | undefined;
  /** Rows to keep; undefined: all. */
  readonly filter: Predicate | undefined;
  /** The column that is looked up. */
  readonly eventColumn: number | undefined;
  readonly problems: readonly RouteProblem[];
}

/** Applies the rules of a table to its columns. Never throws for what a rule says: see `problems`. */
export function planTable(
  route: TableRoute,
  source: TableSchema,
  lookup: LookupOptions | undefined,
): TablePlan {
  const problems: RouteProblem[] = [];
  const planned = planColumns(source, rulesFor(source, route.columns));
  problems.push(...planned.problems);
  const filter = planFilter(route, source, problems);
  const eventColumn = planLookup(route, source, lookup, problems);
  if (route.business === undefined) problems.push(noBusiness(source));
  if (route.isTaken) problems.push(isTaken(source));
  const rules = rulesOf(route, source, lookup);
  const schema = schemaOf(route, source, planned, rules);
  if (route.shard !== undefined) problems.push(...mergeSchemas(route, schema, [schema]).problems);
  return {
    route,
    source,
    columns: planned.columns,
    schema,
    rules,
    filter,
    eventColumn,
    problems,
  };
}

function schemaOf(
  route: TableRoute,
  source: TableSchema,
  planned: { columns: readonly PlannedColumn[]; key: readonly string[] },
  rules: string | undefined,
): TableSchema {
  if (rules === undefined) return source;
  const columns = planned.columns.map(({ column }) => column);
  const version = schemaVersion(columns, planned.key, [source.version, rules]);
  return { ...source, table: route.target, version, columns, key: planned.key };
}

function planFilter(
  { filters }: TableRoute,
  source: TableSchema,
  problems: RouteProblem[],
): Predicate | undefined {
  const predicates: Predicate[] = [];
  for (const { index, rule } of filters) {
    try {
      predicates.push(compileFilter(parseFilter(rule), source));
    } catch (error) {
      if (!(error instanceof FilterSyntaxError)) throw error;
      problems.push({
        path: ['filter', index, 'where'],
        table: source.table,
        code: 'CDC_ROUTE_INVALID',
        message: `filter "${rule}": ${error.message}`,
        remedy: 'Correct the expression; docs/routing.md has the language.',
      });
    }
  }
  if (predicates.length === 0) return undefined;
  return (row) => predicates.every((predicate) => predicate(row) === true);
}

function planLookup(
  route: TableRoute,
  source: TableSchema,
  lookup: LookupOptions | undefined,
  problems: RouteProblem[],
): number | undefined {
  if (lookup === undefined || !route.isLookedUp) return undefined;
  const name = lookup.event.column;
  const index = source.columns.findIndex((column) => column.name === name);
  if (index >= 0) return index;
  problems.push({
    path: ['lookup', 'event', 'column'],
    table: source.table,
    code: 'CDC_ROUTE_INVALID',
    message: `it has no column ${name} to be looked up`,
    remedy: 'Correct route.lookup.event, or leave the table out of its pattern.',
  });
  return undefined;
}

function noBusiness({ table }: TableSchema): RouteProblem {
  return {
    path: ['unmatchedTables'],
    table,
    code: 'CDC_ROUTE_UNMATCHED',
    message: 'it is in no business, and route.unmatchedTables says stop',
    remedy: `Add ${table} to a business under route.businesses, or leave it out: '!${table}' in source.tables.`,
  };
}

function isTaken({ table }: TableSchema): RouteProblem {
  return {
    path: ['businesses'],
    table,
    code: 'CDC_ROUTE_INVALID',
    message: 'other tables are merged into one of its name, and it is not among them',
    remedy: 'Choose another name under route.businesses: merge.into, or merge the table too.',
  };
}

function rulesOf(
  route: TableRoute,
  source: TableSchema,
  lookup: LookupOptions | undefined,
): string | undefined {
  const columns = rulesFor(source, route.columns).map(({ rule }) => ({
    ...rule,
    hash: rule.hash?.salt.reveal(),
    tables: undefined,
  }));
  const filters = route.filters.map(({ rule }) => rule);
  // What a lookup does to rows, and not only to topics.
  const leavesOut = route.isLookedUp && lookup?.unmatched === 'drop';
  if (columns.length + filters.length === 0 && !leavesOut && route.shard === undefined) {
    return undefined;
  }
  const facts = [route.target, route.shard, columns, filters, leavesOut && lookup];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 12);
}
