import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { hiddenPrefix, isNullable, nullSafe, type TypedColumn } from '../model/relation.ts';
import { type MaintainedNode, quoteColumns } from '../node/maintained-node.ts';
import type { NodeSource, SourceEquality } from '../node/node-sources.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { renderTuple } from '../text/sql-text.ts';
import { type Cell, cellOf, literalOf, textOf } from './cell.ts';
import type { Values } from './explanation.ts';

/** A row as it is stored, by column. */
export type StoredRow = ReadonlyMap<string, Cell>;

/** A column, or an expression under a name. */
export interface WantedColumn extends TypedColumn {
  readonly expression?: string;
}

/** Rows of a SELECT of these columns; `tail` is everything from FROM on. */
export async function readStored(
  engine: SqlEngine,
  wanted: readonly WantedColumn[],
  tail: string,
  signal: AbortSignal,
): Promise<StoredRow[]> {
  const items = wanted.map(({ name, type, expression }, index) => {
    return `${cellOf(expression ?? quoteIdentifier(name), type)} AS cell_${index + 1}`;
  });
  const rows = await engine.rows<Record<string, Cell>>(`SELECT ${items.join(', ')} ${tail}`, {
    signal,
  });
  return rows.map((row) => {
    return new Map(wanted.map(({ name }, index) => [name, row[`cell_${index + 1}`] ?? null]));
  });
}

/** The condition that finds the rows of a source which rows of its reader are made of. */
export function madeOf(source: NodeSource, readers: readonly StoredRow[]): string {
  if (source.equal.length === 0) return source.where === undefined ? '1' : `(${source.where})`;
  const reachable = readers.filter((row) => source.equal.every((each) => canEqual(each, row)));
  if (reachable.length === 0) return '0';
  const left = source.equal.flatMap(({ expression, type }) => nullSafe(expression, type));
  const tuples = new Set(reachable.map((row) => renderTuple(valuesOf(source.equal, row))));
  const where = source.where === undefined ? '' : ` AND (${source.where})`;
  return `${renderTuple(left)} IN (${[...tuples].join(', ')})${where}`;
}

/** What rows are told apart by; of a table with a single row it is a constant. */
export function identityExpressions(columns: readonly TypedColumn[]): string[] {
  return columns.length === 0 ? ['toUInt8(1)'] : quoteColumns(columns);
}

/** Text that is equal for a row of a source and those rows of the reader that it went into. */
export function meetingPoint(equal: readonly SourceEquality[], row: StoredRow): string {
  return JSON.stringify(equal.map(({ stored }) => row.get(stored.name) ?? null));
}

/** The columns of a source's row that `meetingPoint` needs. */
export function meetingColumns(equal: readonly SourceEquality[]): WantedColumn[] {
  return equal.map(({ expression, type, stored }) => ({ name: stored.name, type, expression }));
}

/** A joined row that is not there has a NULL key. */
function canEqual({ type, stored }: SourceEquality, row: StoredRow): boolean {
  return isNullable(type) || (row.get(stored.name) ?? null) !== null;
}

function valuesOf(equal: readonly SourceEquality[], row: StoredRow): string[] {
  return equal.flatMap(({ type, stored }) => {
    const cell = row.get(stored.name) ?? null;
    const literal = literalOf(cell, type);
    if (!isNullable(type)) return [literal];
    return nullSafe(literal, type);
  });
}

export function valuesFor(row: StoredRow, columns: readonly TypedColumn[]): Values {
  return Object.fromEntries(
    columns.map(({ name, type }) => [name, textOf(row.get(name) ?? null, type)]),
  );
}

/** The key of a node's row as people know it: hidden columns by what they hold, `o.id`. */
export function keyValues(node: MaintainedNode, row: StoredRow): Values {
  return Object.fromEntries(
    node.relation.key.map(({ name, type }) => {
      return [shownName(node, name), textOf(row.get(name) ?? null, type)];
    }),
  );
}

function shownName(node: MaintainedNode, name: string): string {
  if (!name.startsWith(hiddenPrefix)) return name;
  for (const { equal, alias } of node.sources ?? []) {
    const match = equal.find(({ stored }) => stored.name === name);
    if (match === undefined) continue;
    const text = match.expression.replaceAll('`', '');
    return equal.length > 0 && /^\w+$/.test(text) ? `${alias}.${text}` : text;
  }
  return name.slice(hiddenPrefix.length);
}
