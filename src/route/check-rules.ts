import { parseTablePatterns } from '../change/table-pattern.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { CdcError } from '../errors.ts';
import { namesOf } from './column-plan.ts';
import { lookupColumn } from './lookup-reader.ts';
import { mergeSchemas } from './merged-schema.ts';
import type { RouteOptions } from './options.ts';
import type { RouteProblem } from './route-problem.ts';
import type { TablePlan } from './table-plan.ts';
import type { Topics } from './topics.ts';

/** Everything wrong with the rules for these tables: what each table says, and what is between them. */
export function checkRules(
  options: RouteOptions,
  plans: readonly TablePlan[],
  topics: Topics | undefined,
): RouteProblem[] {
  const problems = plans.flatMap((plan) => plan.problems);
  problems.push(...checkShards(plans.filter((plan) => plan.problems.length === 0)));
  problems.push(...checkUse(options, plans));
  problems.push(...checkLookup(options, plans));
  for (const { route } of plans) {
    const topic = topics?.of(route.target, route.business ?? '');
    if (typeof topic === 'object') problems.push(topic);
  }
  return unique(problems);
}

function checkShards(plans: readonly TablePlan[]): RouteProblem[] {
  const targets = new Map<string, TablePlan[]>();
  for (const plan of plans) {
    if (plan.route.shard === undefined) continue;
    targets.set(plan.route.target, [...(targets.get(plan.route.target) ?? []), plan]);
  }
  return [...targets.values()].flatMap((shards) => {
    const schemas = shards.map(({ schema }) => schema);
    const last = shards.at(-1);
    if (last === undefined) return [];
    const merged = mergeSchemas(last.route, last.schema, schemas).problems;
    return [...merged, ...sameValues(shards)];
  });
}

function sameValues(shards: readonly TablePlan[]): RouteProblem[] {
  const seen = new Map<string, string>();
  return shards.flatMap(({ route }) => {
    const value = route.shard?.value ?? '';
    const other = seen.get(value);
    seen.set(value, route.source);
    if (other === undefined) return [];
    return [
      {
        path: [...(route.mergePath ?? []), 'shardValue'],
        table: route.source,
        code: 'CDC_ROUTE_INVALID',
        message: `its shard in ${route.target} is '${value}', and so is that of ${other}`,
        remedy: 'Tell the shards apart: use {database} and {table}.',
      },
    ];
  });
}

/** A rule that no table meets is a slip of the pen, and what should have been masked is not. */
function checkUse(options: RouteOptions, plans: readonly TablePlan[]): RouteProblem[] {
  const sources = plans.map(({ source }) => source);
  const problems: RouteProblem[] = [];
  const note = (path: RouteProblem['path'], message: string) =>
    problems.push({
      path,
      code: 'CDC_ROUTE_INVALID',
      message,
      remedy: 'Correct the rule, or remove it.',
    });
  for (const [index, rule] of options.columns.entries()) {
    const matched = matching(sources, rule.tables);
    for (const name of namesOf(rule)) {
      if (matched.some(({ columns }) => columns.some((column) => column.name === name))) continue;
      note(
        ['columns', index],
        `no captured table that ${rule.tables} matches has a column ${name}`,
      );
    }
  }
  for (const [index, { tables }] of options.filter.entries()) {
    if (matching(sources, tables).length > 0) continue;
    note(['filter', index, 'tables'], `${tables} matches no captured table`);
  }
  if (options.lookup !== undefined) {
    const { tables } = options.lookup.event;
    if (matching(sources, tables).length === 0) {
      note(['lookup', 'event', 'tables'], `${tables} matches no captured table`);
    }
  }
  return problems;
}

function checkLookup({ lookup }: RouteOptions, plans: readonly TablePlan[]): RouteProblem[] {
  if (lookup === undefined) return [];
  const table = plans.find(({ source }) => source.table === lookup.table)?.source;
  if (table === undefined) {
    return [
      {
        path: ['lookup', 'table'],
        code: 'CDC_ROUTE_INVALID',
        message: `${lookup.table} is not captured, so its changes cannot be followed`,
        remedy: `Add ${lookup.table} to source.tables.`,
      },
    ];
  }
  return (['key', 'business'] as const).flatMap((option) => {
    try {
      lookupColumn(table, lookup[option], option);
      return [];
    } catch (error) {
      if (!(error instanceof CdcError)) throw error;
      const { message, remedy, code } = error;
      return [{ path: ['lookup', option], code, message: message.replace(/\.$/, ''), remedy }];
    }
  });
}

function matching(sources: readonly TableSchema[], pattern: string): TableSchema[] {
  const matcher = parseTablePatterns([pattern]);
  return sources.filter(({ table }) => matcher.matches(table));
}

function unique(problems: readonly RouteProblem[]): RouteProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, table, message }) => {
    const identity = JSON.stringify([path, table, message]);
    return !seen.has(identity) && seen.add(identity);
  });
}
