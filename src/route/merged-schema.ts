import type { Column, TableSchema } from '../change/table-schema.ts';
import type { RouteProblem } from './route-problem.ts';
import { schemaVersion } from './schema-version.ts';
import type { TableRoute } from './table-route.ts';

export interface MergedSchema {
  readonly schema: TableSchema;
  readonly problems: readonly RouteProblem[];
}

/**
 * The schema of a table that several shards go into, seen from the shard of `route`: the shard column,
 * then the columns of every shard (`shards`, with its own). A column that one of them lacks, or ever lacked (`before`), can be NULL;
 * so shards may be altered one after another. What cannot be is two types for one column, or two keys.
 */
export function mergeSchemas(
  route: TableRoute,
  own: TableSchema,
  shards: readonly TableSchema[],
  before?: TableSchema,
): MergedSchema {
  const problems: RouteProblem[] = [];
  const note = (message: string, remedy: string) =>
    problems.push({
      path: route.mergePath ?? ['businesses'],
      table: route.source,
      code: 'CDC_ROUTE_INVALID',
      message,
      remedy,
    });
  const shardName = route.shard?.column ?? '';
  const columns = new Map<string, Column>();
  for (const { columns: each } of shards) {
    for (const column of each) {
      const known = columns.get(column.name);
      if (known === undefined) columns.set(column.name, column);
      else if (!isSameType(known, column)) {
        note(
          `column ${column.name} is ${column.sourceType} in one shard of ${route.target} and ${known.sourceType} in another`,
          'Alter the other shards too, then read those that stopped anew: cdc init --tables <table>.',
        );
      }
    }
  }
  if (columns.has(shardName)) {
    note(
      `it has a column ${shardName} itself, and so the column for the shard needs another name`,
      'Choose another name under route.businesses: merge.shard.',
    );
  }
  for (const shard of shards) {
    if (shard.key.join('\0') === own.key.join('\0')) continue;
    note(
      `its key is (${own.key.join(', ')}), that of another shard of ${route.target} is (${shard.key.join(', ')})`,
      'Give the shards the same key (source.overrides), or do not merge them.',
    );
    break;
  }
  const isEverywhere = (name: string) =>
    shards.every((shard) =>
      shard.columns.some((column) => column.name === name && !column.nullable),
    );
  const wasNullable = new Set(
    before?.columns.filter(({ nullable }) => nullable).map(({ name }) => name),
  );
  const merged = [...columns.values()].map((column) => {
    const nullable = wasNullable.has(column.name) || !isEverywhere(column.name);
    return { ...column, nullable: nullable && !own.key.includes(column.name) };
  });
  const all = [shardColumn(shardName), ...merged];
  const key = [shardName, ...own.key];
  const { comment } = own;
  const version = schemaVersion(all, key, [route.target]);
  return {
    schema: { table: route.target, version, columns: all, key, ...(comment && { comment }) },
    problems,
  };
}

function shardColumn(name: string): Column {
  return { name, type: { kind: 'string' }, nullable: false, sourceType: 'varchar(255)' };
}

function isSameType(left: Column, right: Column): boolean {
  return JSON.stringify(left.type) === JSON.stringify(right.type);
}
