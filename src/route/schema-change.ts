import type { SchemaSection, Section } from '../change/change-batch.ts';
import type { TableSchema } from '../change/table-schema.ts';
import { mergeSchemas } from './merged-schema.ts';
import { routeError } from './route-problem.ts';
import type { TablePlan } from './table-plan.ts';

export interface RoutedChange {
  readonly sections: readonly Section[];
  /** The schema after it. */
  readonly schema: TableSchema;
  /** The rows of the table must be read anew. */
  readonly reread: boolean;
}

/** The change of a schema after the rules. Throws CDC_ROUTE_INVALID when they cannot be followed. */
export function routeSchemaChange(
  section: SchemaSection,
  plan: TablePlan,
  known: {
    /** The table's rules as applied to the schema it had before. */
    readonly before: TablePlan | undefined;
    /** What the other shards bring to the merged table. */
    readonly shards: readonly TablePlan[];
    readonly routed: TableSchema | undefined;
  },
): RoutedChange {
  if (plan.problems.length > 0) throw routeError(section.table, plan.problems);
  const isReread =
    section.existingRows === 'resnapshot' || hasOtherValues(section, plan, known.before);
  if (plan.route.shard !== undefined && known.shards.length > 0) {
    return routeShardChange(section, plan, known, isReread);
  }
  const { routed } = known;
  const schema =
    plan.route.shard === undefined
      ? plan.schema
      : mergeSchemas(plan.route, plan.schema, [plan.schema], isReread ? undefined : routed).schema;
  const defaults = isReread ? undefined : renamedDefaults(section, plan);
  const { defaults: _, ...rest } = section;
  return {
    sections: [
      {
        ...rest,
        table: plan.route.target,
        schema,
        existingRows: isReread ? 'resnapshot' : 'keep',
        ...(defaults && { defaults }),
      },
    ],
    schema,
    reread: isReread,
  };
}

/** The rows of other shards stay: what must go of this shard's is emptied by itself. */
function routeShardChange(
  section: SchemaSection,
  plan: TablePlan,
  known: {
    before: TablePlan | undefined;
    shards: readonly TablePlan[];
    routed: TableSchema | undefined;
  },
  isUncertain: boolean,
): RoutedChange {
  const { route } = plan;
  const shards = [...known.shards, plan].sort((left, right) =>
    left.route.source < right.route.source ? -1 : 1,
  );
  const own = known.shards.find((other) => other.route.shard?.value === route.shard?.value);
  if (own !== undefined) throw sameShard(plan, own);
  const schemas = shards.map(({ schema }) => schema);
  const { schema, problems } = mergeSchemas(route, plan.schema, schemas, known.routed);
  if (problems.length > 0) throw routeError(section.table, problems);
  const reread = isUncertain || fillsOrKeeps(section, plan, known.before, schema);
  const { defaults: _, ddl, version } = section;
  const sections: Section[] = [];
  if (schema.version !== known.routed?.version) {
    sections.push({
      kind: 'schema',
      table: route.target,
      schema,
      existingRows: 'keep',
      ...(ddl !== undefined && { ddl }),
      version,
    });
  }
  if (reread && route.shard !== undefined) {
    sections.push({ kind: 'truncate', table: route.target, version, only: route.shard });
  }
  return { sections, schema, reread };
}

/** A masked, hashed or cut column is not what the default says, and its old texts may change with its type. */
function hasOtherValues(
  { defaults }: SchemaSection,
  plan: TablePlan,
  before: TablePlan | undefined,
): boolean {
  if (before === undefined) return false;
  return plan.columns.some(({ action, index, column }) => {
    if (action.kind === 'copy') return false;
    const source = plan.source.columns[index];
    const known = before.source.columns.find(({ name }) => name === source?.name);
    if (source === undefined) return false;
    if (known === undefined) return !column.nullable || !isNull(defaults?.[source.name]);
    return action.kind === 'hash' && known.sourceType !== source.sourceType;
  });
}

/**
 * In a table of several shards a column that one of them gets or loses stays as it is for the others:
 * neither a default nor a drop says what its own rows hold then.
 */
function fillsOrKeeps(
  { defaults }: SchemaSection,
  plan: TablePlan,
  before: TablePlan | undefined,
  merged: TableSchema,
): boolean {
  if (before === undefined) return false;
  const names = new Set(plan.schema.columns.map(({ name }) => name));
  const known = new Set(before.schema.columns.map(({ name }) => name));
  const keeps = [...known].some(
    (name) => !names.has(name) && merged.columns.some((column) => column.name === name),
  );
  const fills = plan.columns.some(({ column, index }) => {
    const source = plan.source.columns[index]?.name ?? '';
    return !known.has(column.name) && (!column.nullable || !isNull(defaults?.[source]));
  });
  return keeps || fills;
}

function renamedDefaults(
  { defaults }: SchemaSection,
  { columns, source }: TablePlan,
): Record<string, string> | undefined {
  if (defaults === undefined) return undefined;
  return Object.fromEntries(
    columns.flatMap(({ index, column }) => {
      const literal = defaults[source.columns[index]?.name ?? ''];
      return literal === undefined ? [] : [[column.name, literal]];
    }),
  );
}

function isNull(literal: string | undefined): boolean {
  return literal === undefined || literal === 'NULL';
}

function sameShard(plan: TablePlan, other: TablePlan) {
  const { route } = plan;
  return routeError(route.source, [
    {
      path: route.mergePath ?? ['businesses'],
      table: route.source,
      code: 'CDC_ROUTE_INVALID',
      message: `its shard in ${route.target} is '${route.shard?.value}', and so is that of ${other.route.source}`,
      remedy:
        'Tell the shards apart in route.businesses: merge.shardValue, with {database} and {table}.',
    },
  ]);
}
