import { deletedColumn, versionColumn } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { TypedColumn } from '../model/relation.ts';
import { type MaintainedNode, quoteColumns } from '../node/maintained-node.ts';
import type { NodeSource } from '../node/node-sources.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { renderTuple } from '../text/sql-text.ts';
import { identityOf, textOf } from './cell.ts';
import { columnChanges } from './column-changes.ts';
import type { CutWindow } from './delta-reader.ts';
import type { ColumnChange, PlaceOf } from './explanation.ts';
import { type MovedPair, type MovingCause, pairsOf, rowsOf } from './moved-pair.ts';
import { madeOf, meetingPoint, readStored, type StoredRow, valuesFor } from './stored-rows.ts';

export interface TableCausesOptions {
  readonly engine: SqlEngine;
  readonly placeOf: PlaceOf;
  /** Changed rows looked at of each table. */
  readonly mostRows: number;
  readonly signal: AbortSignal;
}

/** All images of one row of a table that the engine still has, the oldest first. */
interface RowImages {
  readonly key: StoredRow;
  /** The last one before the window. */
  readonly before?: StoredRow;
  /** The last one in the window. */
  readonly inside?: StoredRow;
}

/**
 * Which rows of captured tables changed between two cuts, and so moved rows of a model. A table keeps the newest
 * image of a row for certain and older ones until they are merged away, so what a row was before is taken
 * from the model's own old row where the model shows the column as it is.
 */
export class TableCauses {
  readonly #options: TableCausesOptions;

  constructor(options: TableCausesOptions) {
    this.#options = options;
  }

  /** `sources` are the tables that the node reads, in its order. */
  async find(
    node: MaintainedNode,
    sources: readonly NodeSource[],
    pairs: readonly MovedPair[],
    window: CutWindow,
  ): Promise<MovingCause[]> {
    const causes: MovingCause[] = [];
    const explained = new Set<MovedPair>();
    const driving = node.sources?.[0];
    for (const source of sources) {
      const rows = await this.#changedRows(source, pairs, window);
      const own: MovedPair[] = [];
      for (const images of rows) {
        const isWhole = source.equal.length === 0;
        const all = isWhole ? [] : pairsOf(source, images.key, pairs);
        const met = all.filter((pair) => !explained.has(pair));
        const cause = await this.#cause(node, source, images, met);
        if (cause === undefined) continue;
        causes.push(cause);
        own.push(...met);
      }
      if (source.alias !== driving?.alias) continue;
      // A row that came or went did so with its driving row, whatever else changed beside it.
      for (const pair of own) if (!pair.change.before || !pair.change.after) explained.add(pair);
    }
    return causes;
  }

  /** Rows of the table that have changed since the window began and that these pairs are or were made of. */
  async #changedRows(
    source: NodeSource,
    pairs: readonly MovedPair[],
    window: CutWindow,
  ): Promise<RowImages[]> {
    const { engine, mostRows, signal } = this.#options;
    const { relation, alias } = source;
    const place = relation.changeColumn ?? versionColumn;
    const condition = madeOf(source, rowsOf(pairs));
    const keys = quoteColumns(relation.key).join(', ');
    const from = `FROM ${relation.physical} AS ${quoteIdentifier(alias)}`;
    const changed = `SELECT ${keys} ${from} WHERE ${condition} AND ${place} > ${window.after.version}
GROUP BY ${keys} ORDER BY ${keys} LIMIT ${mostRows}`;
    const rows = await readStored(
      engine,
      imageColumns(source),
      `${from} WHERE ${renderTuple(quoteColumns(relation.key))} IN (${changed}) ORDER BY ${place}`,
      signal,
    );
    const byKey = new Map<string, { key: StoredRow; before?: StoredRow; inside?: StoredRow }>();
    for (const row of rows) {
      const identity = identityOf(row, relation.key);
      const images = byKey.get(identity) ?? { key: row };
      byKey.set(identity, images);
      const at = BigInt(row.get(place) ?? 0);
      if (at <= window.after.version) images.before = row;
      else if (at <= window.to.version) images.inside = row;
    }
    return [...byKey.values()];
  }

  async #cause(
    node: MaintainedNode,
    source: NodeSource,
    { key, before, inside }: RowImages,
    pairs: readonly MovedPair[],
  ): Promise<MovingCause | undefined> {
    const { relation, alias } = source;
    if (pairs.length === 0 && source.equal.length > 0) return undefined;
    const isKnown = before?.get(deletedColumn) === '0' && agrees(source, before, pairs);
    const known = isKnown ? before : undefined;
    const isGone = inside?.get(deletedColumn) === '1';
    const shown = shownChanges(source, pairs);
    const seen = inside && known && !isGone ? columnChanges(known, inside, meant(source)) : [];
    const columns = seen.length > 0 ? seen : shown;
    if (columns.length === 0 && !isGone) {
      // Changed again since, or only in what the model does not read.
      if (inside === undefined || known !== undefined) return undefined;
      if (isFullyShown(source, pairs)) return undefined;
    }
    const place = inside?.get(relation.changeColumn ?? versionColumn);
    return {
      table: relation.name,
      alias,
      key: valuesFor(key, relation.key),
      kind: isGone ? 'deleted' : columns.length > 0 ? 'changed' : 'written',
      columns: columns.length > 0 || isGone || !inside ? columns : written(source, inside),
      ...(place && { place: await this.#options.placeOf(relation.name, BigInt(place)) }),
      level: node.relation.name,
      pairs,
    };
  }
}

function imageColumns({ relation, columns }: NodeSource): TypedColumn[] {
  const hidden = [
    { name: versionColumn, type: 'UInt64' },
    { name: deletedColumn, type: 'UInt8' },
    { name: relation.changeColumn ?? versionColumn, type: 'UInt64' },
  ];
  const all = [...relation.key, ...columns, ...hidden];
  return [...new Map(all.map((column) => [column.name, column])).values()];
}

/** Columns of the table that the model can mean, without its key. */
function meant({ relation, columns }: NodeSource): TypedColumn[] {
  return columns.filter(({ name }) => !relation.key.some((key) => key.name === name));
}

/** What the model's own rows show of the table's row before and after. */
function shownChanges(source: NodeSource, pairs: readonly MovedPair[]): ColumnChange[] {
  const found = new Map<string, ColumnChange>();
  for (const { before, after } of samePlace(source, pairs)) {
    for (const { stored, column, isPlain } of source.reads) {
      const type = source.relation.columns.find(({ name }) => name === column)?.type ?? '';
      const from = before.get(stored) ?? null;
      const to = after.get(stored) ?? null;
      if (!isPlain || from === to || found.has(column)) continue;
      found.set(column, { column, from: textOf(from, type), to: textOf(to, type) });
    }
  }
  return [...found.values()];
}

/**
 * Whether the model's old rows were made of this image. Merges may have taken the last one before the window and
 * left an older one.
 */
function agrees(source: NodeSource, image: StoredRow, pairs: readonly MovedPair[]): boolean {
  const point = meetingPoint(source.equal, byStoredName(source, image));
  return pairs.every(({ change: { before } }) => {
    if (before === undefined || meetingPoint(source.equal, before) !== point) return true;
    return source.reads.every(({ stored, column, isPlain }) => {
      return !isPlain || before.get(stored) === image.get(column);
    });
  });
}

function byStoredName({ equal, relation }: NodeSource, image: StoredRow): StoredRow {
  const names = new Map(relation.key.map(({ name }) => [quoteIdentifier(name), name]));
  return new Map(
    equal.map(({ expression, stored }) => {
      return [stored.name, image.get(names.get(expression) ?? '') ?? null];
    }),
  );
}

/** Whether a change of any column that the model can mean would show in these pairs. */
function isFullyShown(source: NodeSource, pairs: readonly MovedPair[]): boolean {
  const plain = new Set(source.reads.filter(({ isPlain }) => isPlain).map(({ column }) => column));
  const isWhole = samePlace(source, pairs).length === pairs.length;
  return isWhole && meant(source).every(({ name }) => plain.has(name));
}

/** Pairs that were made of the same row of the source before and after. */
function samePlace({ equal }: NodeSource, pairs: readonly MovedPair[]) {
  return pairs.flatMap(({ change: { before, after } }) => {
    if (before === undefined || after === undefined) return [];
    return meetingPoint(equal, before) === meetingPoint(equal, after) ? [{ before, after }] : [];
  });
}

/** All that is known of a row that came, or whose former state is not kept. */
function written(source: NodeSource, inside: StoredRow): ColumnChange[] {
  return meant(source).map(({ name, type }) => {
    return { column: name, from: null, to: textOf(inside.get(name) ?? null, type) };
  });
}
