import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import { type ColumnChange, type ModelImpact, modelImpacts } from '../layers/lineage/impact.ts';
import type { ColumnNode } from '../layers/lineage/lineage-graph.ts';
import { traceModels } from '../layers/lineage/lineage-models.ts';
import { renderEmptyTable, type TypedColumn } from '../layers/model/relation.ts';
import type { SqlEngine } from '../layers/sql-engine.ts';
import type { Logger } from '../ops/logger.ts';
import type { CommonSinkOptions } from '../sink/common-options.ts';
import { type ProjectLineage, splitName, withLineage } from './lineage.ts';

/** What dropping or changing a column of the source would do. */
export interface ImpactReport {
  readonly table: string;
  readonly column: string;
  readonly change: ColumnChange;
  /** Type before; empty when not known. */
  readonly type: string;
  /** Models that depend on it, in order of dependency. */
  readonly models: readonly ModelImpact[];
  /** Models that do not. */
  readonly untouched: number;
  readonly sinks: readonly SinkImpact[];
  /** What to know beside that, and what to do, in order. */
  readonly notes: readonly string[];
  readonly todo: readonly string[];
}

export interface SinkImpact {
  readonly sink: string;
  readonly type: string;
  readonly table: string;
  readonly what: string;
}

/** Lets the engine judge all models over the changed tables; changes nothing. Throws CDC_USAGE for an unknown column. */
export async function readImpact(
  config: ProjectConfig,
  logger: Logger,
  request: { readonly name: string; readonly change: ColumnChange },
): Promise<ImpactReport> {
  return await withLineage(config, logger, (project, engine) =>
    impactOf(config, project, engine, request),
  );
}

async function impactOf(
  config: ProjectConfig,
  project: ProjectLineage,
  engine: SqlEngine,
  { name, change: wanted }: { readonly name: string; readonly change: ColumnChange },
): Promise<ImpactReport> {
  const { graph, models: before, files, tables } = project;
  const { start, notes } = capturedColumn(project, name);
  const { table, column } = start;
  const change: ColumnChange =
    wanted.kind === 'drop' ? wanted : { kind: 'type', type: await readType(engine, wanted.type) };
  const columns = tables.get(table) ?? [];
  const changed =
    change.kind === 'drop'
      ? columns.filter((each) => each.name !== column)
      : columns.map((each) => (each.name === column ? { ...each, type: change.type } : each));
  const after = await traceModels(files, {
    engine,
    tables: new Map([...tables, [table, changed]]),
  });
  const models = modelImpacts(graph, start, before, after.models);
  return {
    table,
    column,
    change,
    type: columns.find((each) => each.name === column)?.type ?? '',
    models,
    untouched: before.length - models.length,
    sinks: config.sinks.flatMap((sink) => sinkImpacts(sink, start, change, models)),
    notes,
    todo: whatToDo(start, change, models),
  };
}

/** The column in the warehouse that a name of the source or of the warehouse means. */
function capturedColumn(project: ProjectLineage, name: string) {
  const { graph, captured } = project;
  const { table, column } = splitName(graph, name);
  const found = graph.table(table);
  if (column === undefined) {
    throw new CdcError('CDC_USAGE', `${name} is a table; the impact is that of a column.`, {
      remedy: `Name one: ${found?.columns.map((each) => `${table}.${each.name}`).join(', ')}.`,
    });
  }
  if (found?.kind === 'model') {
    throw new CdcError('CDC_USAGE', `${table} is a model, not a table of the source.`, {
      remedy: `\`cdc layers lineage ${name} --down\` shows what is made of it.`,
    });
  }
  const own = captured.find(({ source }) => source === table);
  const kept = own?.columns.find(({ from }) => from === column);
  if (found?.kind === 'source' && kept === undefined) {
    throw new CdcError('CDC_USAGE', `The rules of the project leave ${name} out.`, {
      remedy: 'Nothing depends on it: change it whenever you like.',
    });
  }
  const start: ColumnNode =
    found?.kind === 'source'
      ? { kind: 'table', table: own?.target ?? table, column: kept?.to ?? column }
      : { kind: 'table', table, column };
  const shards = captured.filter(({ target }) => target === start.table);
  const notes =
    shards.length > 1
      ? [
          `${start.table} is made of ${shards.map(({ source }) => source).join(', ')}: this is what happens when all of them change. While one still has the column it stays, with NULL in the rows of the others.`,
        ]
      : [];
  return { start, notes };
}

/** The type in the engine's own spelling. */
async function readType(engine: SqlEngine, type: string): Promise<string> {
  const table = renderEmptyTable([{ name: 'value', type }]);
  const described = await engine.rows<TypedColumn>(`DESCRIBE TABLE ${table}`).catch((error) => {
    if (error instanceof CdcError && error.code === 'CDC_ENGINE_REJECTED') return [];
    throw error;
  });
  const [only] = described;
  if (described.length === 1 && only !== undefined) return only.type;
  throw new CdcError('CDC_USAGE', `${type} is no type of the warehouse.`, {
    remedy: 'Write one of ClickHouse, such as Int64, Decimal(18, 2) or Nullable(String).',
  });
}

function sinkImpacts(
  { name, type, tables, overrides, onSchemaChange }: CommonSinkOptions & { readonly type: string },
  { table, column }: ColumnNode,
  change: ColumnChange,
  models: readonly ModelImpact[],
): SinkImpact[] {
  const wanted = parseTablePatterns(tables);
  const report = (of: string, what: string): SinkImpact[] =>
    wanted.matches(of) ? [{ sink: name, type, table: of, what }] : [];
  const what = change.kind === 'drop' ? 'loses' : 'gets another type for';
  const settings = overrides.filter((each) => parseTablePatterns([each.tables]).matches(table));
  const isNamed = settings.some(({ columns, keep, filter }) => {
    const words: readonly string[] = JSON.stringify([columns, keep, filter]).match(/\w+/gu) ?? [];
    return words.includes(column);
  });
  const named = isNamed ? '; the overrides of the sink name the column: edit them' : '';
  const own = report(table, `${what} ${column} (onSchemaChange: ${onSchemaChange})${named}`);
  return [
    ...own,
    ...models.flatMap(({ name: model, effect, columns }) => {
      if (effect === 'stops' || effect === 'waits') {
        return report(model, 'keeps what it has until the model goes on');
      }
      const other = columns.filter(({ type: before, after }) => before !== after);
      if (other.length === 0) return [];
      const names = other.map((each) => each.name).join(', ');
      return report(model, `columns change: ${names} (onSchemaChange: ${onSchemaChange})`);
    }),
  ];
}

function whatToDo(
  { table, column }: ColumnNode,
  change: ColumnChange,
  models: readonly ModelImpact[],
): string[] {
  const stopped = models.filter(({ effect }) => effect === 'stops');
  const isDrop = change.kind === 'drop';
  const source = isDrop ? 'drop the column in the source' : 'change the type in the source';
  if (stopped.length === 0) {
    const isStored = models.some(({ effect }) => effect === 'changes');
    if (!isStored) return [`No model stops: ${source} whenever you like.`];
    return [
      `No model needs another text: ${source} when you like.`,
      'Those that stop stay at their last good cut, with all that read them, until `cdc layers apply --yes` builds them anew.',
    ];
  }
  const files = stopped.map(({ file }) => file).join(', ');
  return [
    isDrop
      ? `Take ${table}.${column} out of ${files}.`
      : `Make ${files} right for both types, for example with toString(${column}) or a CAST.`,
    '`cdc layers plan` shows what that rebuilds; `cdc layers apply --yes` does it.',
    `Only then ${source}; in the other order these models and their readers stay at their last good cut until they are applied.`,
  ];
}
