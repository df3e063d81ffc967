import { splitTableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import { clickhouseType } from '../engine/column-type.ts';
import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import { CdcError } from '../errors.ts';
import type { ColumnMapping, CommonSinkOptions, SinkOverride } from './common-options.ts';
import type { FeedColumn, FeedTable } from './feed.ts';
import { modelType } from './model-types.ts';
import type { RowEngine } from './row-engine.ts';
import { incompatibleTable } from './sink-errors.ts';
import type { SinkColumn, SinkTable } from './sink-table.ts';

/** A table of the feed as one sink wants it, and the expressions that make its rows. */
export interface TablePlan {
  readonly feed: FeedTable;
  readonly table: SinkTable;
  /** ClickHouse expressions over the feed's columns, by target name; their types are `engineType` of the columns. */
  readonly values: ReadonlyMap<string, string>;
  /** Over the feed's columns; rows for which it is not true are deleted. */
  readonly filter?: string;
}

/** Whether the sink wants the table. */
export function wantsTable({ tables }: Pick<CommonSinkOptions, 'tables'>, source: string): boolean {
  return parseTablePatterns(tables).matches(source);
}

/** Throws CDC_SINK_INCOMPATIBLE where the project file and the table do not fit together. */
export async function planTable(
  feed: FeedTable,
  options: CommonSinkOptions,
  engine: Pick<RowEngine, 'rows'>,
): Promise<TablePlan> {
  const rules = overrideFor(feed.source, options.overrides);
  const { database, table: name } = splitTableId(feed.source);
  const target = (rules.to ?? options.naming)
    .replaceAll('{database}', database)
    .replaceAll('{table}', name);
  const mapped = mappedColumns(feed, rules);
  const types = await describeExpressions(feed, mapped, engine);
  const columns = mapped.map(({ to, from, sql }) => {
    const column = from ?? { name: to, engineType: types.get(to) ?? '' };
    return { ...sinkColumn(feed, to, column), sql };
  });
  const key = keyOf(feed, mapped);
  const comment = feed.comment;
  return {
    feed,
    table: {
      source: feed.source,
      target,
      columns: columns.map(({ column }) => ({ ...column, isKey: key.includes(column.name) })),
      key,
      ...(comment !== undefined && comment !== '' && { comment }),
      settings: rules.settings,
    },
    values: new Map(columns.map(({ column, value, sql }) => [column.name, value(sql)])),
    ...(rules.filter !== undefined && { filter: rules.filter }),
  };
}

function overrideFor(source: string, overrides: readonly SinkOverride[]): SinkOverride {
  const matching = overrides.filter(({ tables }) => parseTablePatterns([tables]).matches(source));
  const merged = Object.assign({}, ...matching.map(withoutUndefined)) as SinkOverride;
  const settings = Object.assign({}, ...matching.map((each) => withoutUndefined(each.settings)));
  return { ...merged, settings };
}

function withoutUndefined<T extends object>(value: T): Partial<T> {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}

interface MappedColumn {
  readonly to: string;
  /** The column of the feed that it is, unchanged. */
  readonly from?: FeedColumn;
  readonly sql: string;
}

function mappedColumns(feed: FeedTable, rules: SinkOverride): MappedColumn[] {
  const known = new Map(feed.columns.map((column) => [column.name, column]));
  const column = (name: string) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    throw incompatibleTable(feed.source, `it has no column ${name}, which the sink names.`);
  };
  for (const name of [...(rules.keep ?? []), ...(rules.drop ?? [])]) column(name);
  const renamed = new Map<string, string>();
  const added: MappedColumn[] = [];
  for (const [to, mapping] of Object.entries(rules.columns ?? {})) {
    if (typeof mapping === 'string') renamed.set(column(mapping).name, to);
    else added.push({ to, sql: expressionOf(mapping) });
  }
  const replaced = new Set(added.map(({ to }) => to));
  const own = feed.columns
    .filter(({ name }) => isWanted(feed, rules, name) || renamed.has(name))
    .map((from) => ({
      to: renamed.get(from.name) ?? from.name,
      from,
      sql: quoteIdentifier(from.name),
    }))
    .filter(({ to, from }) => {
      if (!replaced.has(to)) return true;
      if (!feed.key.includes(from.name)) return false;
      throw incompatibleTable(feed.source, `column ${to} is in the key and cannot be replaced.`);
    });
  const all = [...own, ...added];
  const twice = all.find(({ to }, index) => all.findIndex((each) => each.to === to) !== index);
  if (twice !== undefined) {
    throw incompatibleTable(feed.source, `two of its columns would be named ${twice.to}.`);
  }
  return all;
}

function isWanted(feed: FeedTable, { keep, drop }: SinkOverride, name: string): boolean {
  if (feed.key.includes(name)) return true;
  return (keep?.includes(name) ?? true) && !drop?.includes(name);
}

function expressionOf(mapping: Exclude<ColumnMapping, string>): string {
  if ('sql' in mapping) return `(${mapping.sql})`;
  const { value } = mapping;
  return typeof value === 'string' ? quoteString(value) : String(value);
}

async function describeExpressions(
  feed: FeedTable,
  mapped: readonly MappedColumn[],
  engine: Pick<RowEngine, 'rows'>,
): Promise<Map<string, string>> {
  const items = mapped.filter(({ from }) => from === undefined);
  if (items.length === 0) return new Map();
  const list = items.map(({ to, sql }) => `${sql} AS ${quoteIdentifier(to)}`).join(', ');
  try {
    const rows = await engine.rows<{ name: string; type: string }>(
      `DESCRIBE (SELECT ${list} FROM ${feed.physical})`,
    );
    return new Map(rows.map(({ name, type }) => [name, type]));
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
    throw incompatibleTable(feed.source, `a column’s expression is refused: ${error.message}`, {
      cause: error,
      remedy: 'Correct `columns` of the sink in the project file.',
    });
  }
}

function sinkColumn(
  feed: FeedTable,
  name: string,
  { engineType, captured }: Pick<FeedColumn, 'engineType' | 'captured'>,
): { column: Omit<SinkColumn, 'isKey'>; value: (sql: string) => string } {
  if (captured !== undefined) {
    const { type, sourceType, comment } = captured;
    const nullable = engineType.startsWith('Nullable(');
    return {
      column: {
        name,
        type,
        nullable,
        engineType,
        sourceType,
        ...(comment !== undefined && { comment }),
      },
      value: (sql) => sql,
    };
  }
  const found = modelType(engineType);
  if (found === undefined) {
    throw incompatibleTable(
      feed.source,
      `column ${name} is ${engineType}, which no sink can hold.`,
    );
  }
  const { type, nullable, value } = found;
  const column = { name, type, nullable, engineType: clickhouseType({ type, nullable }) };
  return { column, value };
}

/** Target names of the key. */
function keyOf(feed: FeedTable, mapped: readonly MappedColumn[]): string[] {
  if (feed.key.length === 0) {
    throw incompatibleTable(feed.source, 'it has no key, so a sink cannot tell its rows apart.', {
      remedy: 'Name its key columns: `overrides` of the source, or `key` in the model’s header.',
    });
  }
  return feed.key.map((name) => {
    const found = mapped.find(({ from }) => from?.name === name);
    if (found === undefined) {
      throw incompatibleTable(feed.source, `its key column ${name} is not among its columns.`, {
        remedy: `Let the model select ${name}.`,
      });
    }
    if (found.from?.engineType.includes('Nullable(')) {
      throw incompatibleTable(feed.source, `its key column ${name} can be NULL.`, {
        remedy: `Write the column so that it cannot, e.g. ifNull(${name}, '') AS ${name}.`,
      });
    }
    return found.to;
  });
}
