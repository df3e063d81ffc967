import { versionColumn } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { hiddenPrefix, isNullable, type TypedColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import { quoteColumns } from '../node/maintained-node.ts';
import type { NodeSource } from '../node/node-sources.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { renderTuple } from '../text/sql-text.ts';
import type { PlaceOf, SourceLevel, SourceRow } from './explanation.ts';
import { foundBy, type GraphSource, type NodeGraph } from './node-graph.ts';
import {
  identityExpressions,
  keyValues,
  madeOf,
  meetingColumns,
  meetingPoint,
  readStored,
  type StoredRow,
  valuesFor,
} from './stored-rows.ts';

export interface WalkOptions {
  readonly engine: SqlEngine;
  readonly graph: NodeGraph;
  readonly placeOf: PlaceOf;
  /** Rows shown of each level. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** From rows of a model down to the rows of tables that they are made of. */
export class RowWalk {
  readonly #options: WalkOptions;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** Levels below these rows of a node, each directly followed by those below it. */
  async below(node: MaintainedNode, rows: readonly StoredRow[]): Promise<SourceLevel[]> {
    const levels: SourceLevel[] = [];
    for (const source of this.#options.graph.shownSourcesOf(node)) {
      const found = await this.#level(node, rows, source);
      levels.push(found.level);
      const inner = this.#options.graph.node(source.relation.name);
      if (inner !== undefined && found.rows.length > 0) {
        levels.push(...(await this.below(inner, found.rows)));
      }
    }
    return levels;
  }

  async #level(
    node: MaintainedNode,
    readers: readonly StoredRow[],
    source: GraphSource,
  ): Promise<{ level: SourceLevel; rows: StoredRow[] }> {
    const { graph, limit } = this.#options;
    const { relation, alias } = source;
    const kind = graph.kindOf(relation.name);
    const by = foundBy(source);
    const about = { reader: node.relation.name, name: relation.name, alias, kind, by };
    if (by === 'all') {
      const total = await this.#count(fromSource(source));
      return { level: { ...about, total, rows: [] }, rows: [] };
    }
    const from = fromSource(source, indexed(source, madeOf(source, readers)));
    const inner = graph.node(relation.name);
    const own = inner?.columns ?? [...relation.key, ...source.columns];
    const meeting = meetingColumns(source.equal).map((each) => {
      return { ...each, name: meetingName(each.name) };
    });
    const version = kind === 'table' ? [{ name: placeColumn(source), type: 'UInt64' }] : [];
    const expressions = source.equal.map(({ expression }) => expression).join(', ');
    const each = Math.max(1, Math.floor(limit / readers.length));
    const limitBy = expressions === '' ? '' : ` LIMIT ${each} BY ${expressions}`;
    const order = identityExpressions(relation.key).join(', ');
    const rows = await readStored(
      this.#options.engine,
      [...unique(own), ...meeting, ...version],
      `${from} ORDER BY ${order}${limitBy} LIMIT ${limit}`,
      this.#options.signal,
    );
    const total = rows.length < each ? rows.length : await this.#count(from);
    const shown = await Promise.all(rows.map((row) => this.#row(source, row, readers)));
    return { level: { ...about, total, rows: shown }, rows };
  }

  async #row(
    source: NodeSource,
    row: StoredRow,
    readers: readonly StoredRow[],
  ): Promise<SourceRow> {
    const { graph, placeOf } = this.#options;
    const { relation, equal } = source;
    const met = new Map(
      equal.map(({ stored }) => [stored.name, row.get(meetingName(stored.name)) ?? null]),
    );
    const point = meetingPoint(equal, met);
    const into = readers.flatMap((reader, at) => {
      return meetingPoint(equal, reader) === point ? [at] : [];
    });
    const node = graph.node(relation.name);
    const key = node === undefined ? valuesFor(row, relation.key) : keyValues(node, row);
    const values = valuesFor(row, readColumns(source));
    const version = node === undefined ? row.get(placeColumn(source)) : undefined;
    const place = version ? { place: await placeOf(relation.name, BigInt(version)) } : {};
    return { key, values, into, ...place };
  }

  async #count(from: string): Promise<number> {
    const { engine, signal } = this.#options;
    const [row] = await engine.rows<{ total: string | number }>(`SELECT count() AS total ${from}`, {
      signal,
    });
    return Number(row?.total ?? 0);
  }
}

/** Columns of a source that are worth showing: those its reader can mean, without what is hidden. */
function readColumns({ columns }: NodeSource): TypedColumn[] {
  return columns.filter(({ name }) => !name.startsWith(hiddenPrefix));
}

function fromSource({ relation, alias }: NodeSource, where?: string): string {
  const condition = where === undefined ? '' : ` WHERE ${where}`;
  return `FROM ${relation.physical} AS ${quoteIdentifier(alias)} FINAL${condition}`;
}

/** Under FINAL only conditions on the key are checked before all columns are read. */
function indexed({ relation, alias }: NodeSource, condition: string): string {
  const names = quoteColumns(relation.key.filter(({ type }) => !isNullable(type)));
  if (names.length === 0) return condition;
  const source = `${relation.physical} AS ${quoteIdentifier(alias)}`;
  const keys = `SELECT ${names.join(', ')} FROM ${source} WHERE ${condition}`;
  return `${renderTuple(names)} IN (${keys}) AND ${condition}`;
}

function placeColumn({ relation }: NodeSource): string {
  return relation.changeColumn ?? versionColumn;
}

/** A source's expression has the name of the reader's column, which may be another column of its own. */
function meetingName(stored: string): string {
  return `into ${stored}`;
}

function unique(columns: readonly TypedColumn[]): TypedColumn[] {
  return [...new Map(columns.map((column) => [column.name, column])).values()];
}
