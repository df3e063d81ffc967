import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { buildColumn, nullSafe, signColumn, type TypedColumn } from '../model/relation.ts';
import { type MaintainedNode, quoteColumns } from '../node/maintained-node.ts';
import { deltaSource, pastTables } from '../refresh/delta-history.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { renderTuple } from '../text/sql-text.ts';
import { type Cell, identityOf } from './cell.ts';
import type { CutMark } from './explanation.ts';
import {
  identityExpressions,
  readStored,
  type StoredRow,
  type WantedColumn,
} from './stored-rows.ts';

/** What lies between two published cuts: builds of the layers, versions of the tables. */
export interface CutWindow {
  readonly after: Pick<CutMark, 'build' | 'version'>;
  readonly to: CutMark;
}

/** One row before and after; one of them is absent when it came or went. */
export interface RowChange {
  readonly before?: StoredRow;
  readonly after?: StoredRow;
}

/** A change together with what was asked of both rows. */
export interface FoundChanges {
  readonly changes: readonly RowChange[];
  /** All there are; `changes` may be fewer. */
  readonly total: number;
}

/** Reads old and new rows of past refreshes. */
export class DeltaReader {
  readonly #engine: SqlEngine;
  readonly #signal: AbortSignal;
  #past: Promise<ReadonlySet<string>> | undefined;

  constructor(engine: SqlEngine, signal: AbortSignal) {
    this.#engine = engine;
    this.#signal = signal;
  }

  /** Rows that match, old and new, with `_build` and `_sign`, in order of build. */
  async rows(
    node: MaintainedNode,
    where: string,
    options: { readonly newestFirst?: boolean; readonly limit?: number } = {},
  ): Promise<StoredRow[]> {
    const order = `ORDER BY ${buildColumn}${options.newestFirst ? ' DESC' : ''}, ${signColumn}`;
    const limit = options.limit === undefined ? '' : ` LIMIT ${options.limit}`;
    return readStored(
      this.#engine,
      [...node.columns, ...markColumns],
      `FROM ${await this.#source(node)} WHERE ${where} ${order}${limit}`,
      this.#signal,
    );
  }

  /** Net changes of rows that match before or after, at most `limit`; `asked` are further cells. */
  async changes(
    node: MaintainedNode,
    window: CutWindow,
    match: { readonly alias: string; readonly where: string; readonly asked?: WantedColumn[] },
    limit: number,
  ): Promise<FoundChanges> {
    const alias = quoteIdentifier(match.alias);
    const within = `${buildColumn} > ${window.after.build} AND ${buildColumn} <= ${window.to.build}`;
    const source = await this.#source(node);
    const safe = node.relation.key.flatMap(({ name, type }) => {
      return nullSafe(quoteIdentifier(name), type);
    });
    const identity = renderTuple(safe.length > 0 ? safe : identityExpressions([]));
    const names = quoteColumns(node.columns).join(', ');
    const matching = `FROM (SELECT * FROM ${source} WHERE ${within}) AS ${alias} WHERE ${match.where}`;
    const key = identityExpressions(node.relation.key).join(', ');
    const chosen = `SELECT ${identity} ${matching} GROUP BY ${key} ORDER BY ${key} LIMIT ${limit}`;
    const net = `(SELECT ${names}, toInt8(sign(sum(${signColumn}))) AS ${signColumn} FROM ${source}
WHERE ${within} AND ${identity} IN (${chosen}) GROUP BY ${names} HAVING sum(${signColumn}) != 0)`;
    const rows = await readStored(
      this.#engine,
      [...node.columns, { name: signColumn, type: 'Int8' }, ...(match.asked ?? [])],
      `FROM ${net} AS ${alias}`,
      this.#signal,
    );
    const changes = pairUp(rows, node.relation.key);
    if (changes.length < limit) return { changes, total: changes.length };
    const [count] = await this.#engine.rows<{ total: string | number }>(
      `SELECT uniqExact(${key}) AS total ${matching}`,
      { signal: this.#signal },
    );
    return { changes, total: Number(count?.total ?? changes.length) };
  }

  /** The oldest build that is kept; undefined when nothing is. */
  async oldestBuild(node: MaintainedNode): Promise<number | undefined> {
    const [row] = await this.#engine.rows<{ oldest: string | number; total: string | number }>(
      `SELECT min(${buildColumn}) AS oldest, count() AS total FROM ${await this.#source(node)}`,
      { signal: this.#signal },
    );
    return row === undefined || Number(row.total) === 0 ? undefined : Number(row.oldest);
  }

  async #source(node: MaintainedNode): Promise<string> {
    this.#past ??= pastTables(this.#engine, this.#signal);
    return deltaSource(node, await this.#past);
  }
}

const markColumns: readonly TypedColumn[] = [
  { name: buildColumn, type: 'UInt64' },
  { name: signColumn, type: 'Int8' },
];

function pairUp(rows: readonly StoredRow[], key: readonly TypedColumn[]): RowChange[] {
  const pairs = new Map<string, { before?: StoredRow; after?: StoredRow }>();
  for (const row of rows) {
    const identity = identityOf(row as ReadonlyMap<string, Cell>, key);
    const pair = pairs.get(identity) ?? {};
    pairs.set(identity, pair);
    if (row.get(signColumn) === '-1') pair.before = row;
    else pair.after = row;
  }
  return [...pairs.values()];
}
