import { incompatibleTable, sinkError } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { hiveName, isColumnName, isTableName } from './hive-names.ts';
import type { HiveTableSettings } from './options.ts';
import type { Partition, StateColumn, TablePart, TableState } from './table-state.ts';
import { fileType, hiveTypes, isHiveWidening } from './type-map.ts';
import { isSamePartition } from './view-sql.ts';

/** What has to become of a table so that rows of this shape fit. */
export interface Evolution {
  /** With the columns it then has; parts as they are. */
  readonly state: TableState;
  /** Files of the new shape need a part of their own. */
  readonly needsDelta: boolean;
  /** The view is another one. */
  readonly isChanged: boolean;
}

export interface EvolveOptions {
  readonly drop: boolean;
  readonly partitionColumn: string;
}

const noState = { parts: [], nextPart: 1, begun: [], retired: [] };

/** Pure. Throws CDC_SINK_INCOMPATIBLE where stored rows cannot be carried over, CDC_SINK_FOREIGN. */
export function evolveTable(
  table: SinkTable,
  before: TableState | undefined,
  options: EvolveOptions,
): Evolution {
  assertNames(table);
  const partition = partitionOf(table, options.partitionColumn);
  const key = table.key.map(hiveName);
  const wanted = table.columns.map((column): StateColumn => {
    const { comment } = column;
    const type = hiveTypes.stored(column).type;
    return { name: hiveName(column.name), type, ...(comment !== undefined && { comment }) };
  });
  if (before !== undefined) assertCarriesOver(table, before, wanted, key);
  const names = new Set(wanted.map(({ name }) => name));
  const gone = (before?.columns ?? []).filter(({ name }) => !names.has(name));
  const kept = options.drop ? [] : gone;
  const columns = [...wanted, ...kept];
  const present = new Set(columns.map(({ name }) => name));
  const state: TableState = {
    ...(before ?? noState),
    source: table.source,
    key,
    columns,
    parts: (before?.parts ?? []).map((part) => withoutColumns(part, present)),
  };
  const { partition: _, comment: __, ...rest } = state;
  const { comment } = table;
  const next = {
    ...rest,
    ...(partition !== undefined && { partition }),
    ...(comment !== undefined && { comment }),
  };
  return {
    state: next,
    needsDelta: !fits(next.parts.at(-1), wanted),
    isChanged: before === undefined || !isSameView(before, next),
  };
}

/** Columns of a new part's table. */
export function partColumns(columns: readonly StateColumn[]): StateColumn[] {
  return columns.map(({ name, type }) => ({ name, type: fileType(type) }));
}

function assertNames({ source, target, columns }: SinkTable): void {
  if (!isTableName(hiveName(target))) {
    throw incompatibleTable(source, `Hive has no tables with the name ${target}.`, {
      remedy: 'Give it another one of letters, digits and _: `naming`, or `to` in the overrides.',
    });
  }
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (!isColumnName(hiveName(name)) || seen.has(hiveName(name))) {
      const why = `Hive has no place for its column ${name}, by its name.`;
      throw incompatibleTable(source, why, {
        remedy: 'Give it another name: `columns` in the overrides of the sink.',
      });
    }
    seen.add(hiveName(name));
  }
}

function partitionOf(table: SinkTable, name: string): Partition | undefined {
  const { partitionBy } = table.settings as Partial<HiveTableSettings>;
  if (partitionBy === undefined) return undefined;
  const { column, by } = partitionBy;
  const names = table.columns.map((each) => hiveName(each.name));
  if (names.includes(name)) {
    throw incompatibleTable(table.source, `it has a column ${name}, like its partitions.`, {
      remedy: 'Set `partitionColumn` of the sink to another name.',
    });
  }
  if (column === undefined) return { name, by };
  if (!names.includes(hiveName(column))) {
    throw incompatibleTable(table.source, `it has no column ${column} to be partitioned by.`, {
      remedy: 'Correct `partitionBy` in the overrides of the sink.',
    });
  }
  return { name, column: hiveName(column), by };
}

function assertCarriesOver(
  table: SinkTable,
  before: TableState,
  wanted: readonly StateColumn[],
  key: readonly string[],
): void {
  if (before.source !== table.source) {
    const why = `its folder holds ${before.source}.`;
    throw sinkError('CDC_SINK_FOREIGN', `Table ${table.source}`, why, { table: table.source });
  }
  if (before.key.join() !== key.join()) {
    throw incompatibleTable(table.source, `its key was (${before.key.join(', ')}).`);
  }
  const types = new Map(before.columns.map(({ name, type }) => [name, type]));
  for (const { name, type } of wanted) {
    const was = types.get(name);
    if (was === undefined || isHiveWidening(was, type)) continue;
    throw incompatibleTable(table.source, `column ${name} is ${was} and cannot become ${type}.`);
  }
}

function withoutColumns(part: TablePart, present: ReadonlySet<string>): TablePart {
  return { ...part, columns: part.columns.filter(({ name }) => present.has(name)) };
}

function fits(part: TablePart | undefined, wanted: readonly StateColumn[]): boolean {
  if (part === undefined || part.kind === 'base') return false;
  const types = new Map(part.columns.map(({ name, type }) => [name, type]));
  return wanted.every(({ name, type }) => types.get(name) === fileType(type));
}

function isSameView(a: TableState, b: TableState): boolean {
  const of = ({ columns }: TableState) =>
    JSON.stringify(columns.map((each) => [each.name, each.type]));
  return of(a) === of(b) && isSamePartition(a.partition, b.partition);
}
