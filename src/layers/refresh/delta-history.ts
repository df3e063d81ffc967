import type { Catalog } from '../../catalog/catalog.ts';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { layersDatabase } from '../layer-names.ts';
import { buildColumn } from '../model/relation.ts';
import type { MaintainedNode } from '../node/maintained-node.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { buildsPerPartition } from './node-storage.ts';
import { forgetPastCuts } from './past-cuts.ts';

/** The newest build at a moment. */
interface BuildMark {
  readonly build: number;
  readonly atMs: number;
}

/** How old builds are, and which cuts are forgotten. */
interface HistoryState {
  readonly marks: readonly BuildMark[];
  readonly forgottenTo: number;
}

const stateKey = 'layers/history';
/** Marks over the whole time that is kept. */
const marksKept = 200;
const hourMs = 3_600_000;
const deltaEnd = '#delta';
const pastEnd = '#past';

export interface DeltaHistoryOptions {
  readonly engine: SqlEngine;
  readonly catalog: Catalog;
  /** 0 keeps none. */
  readonly hours: number;
}

/**
 * Keeps the old and new rows of past refreshes, so that people can ask why a number has changed. Deltas
 * on disk are the history of their node themselves; those in memory are moved beside them into `#past`
 * before they are emptied.
 *
 * - `keep` and `prune` are for the one that refreshes, between two refreshes; what they do can be repeated.
 * - Readers may come at any time: a row that is being moved is seen once.
 */
export class DeltaHistory {
  readonly #options: DeltaHistoryOptions;

  constructor(options: DeltaHistoryOptions) {
    this.#options = options;
  }

  /** Empties the deltas in memory, whose builds must all be published. */
  async keep(signal: AbortSignal): Promise<void> {
    const { engine, hours } = this.#options;
    const filled = await engine.rows<{ name: string }>(
      `SELECT name FROM system.tables WHERE database = ${quoteString(layersDatabase)}
AND engine = 'Memory' AND endsWith(name, '${deltaEnd}') AND total_rows > 0`,
      { signal },
    );
    const known = filled.length > 0 && hours > 0 ? await pastTables(engine, signal) : new Set();
    for (const { name } of filled) {
      const delta = tableName(name);
      const past = tableName(pastOf(name));
      if (hours > 0) {
        if (!known.has(past)) await engine.command(createPast(past, delta), { signal });
        await engine.command(moveRows(past, delta), { signal });
      }
      await engine.command(`TRUNCATE TABLE ${delta}`, { signal });
    }
  }

  /** Drops what is too old, but no build above `needed`, from which a model may still be refreshed. */
  async prune(current: { build: number; needed: number }, nowMs: number, signal: AbortSignal) {
    const { engine } = this.#options;
    const oldest = Math.min(await this.#oldestWanted(current.build, nowMs), current.needed);
    const parts = await engine.rows<{ name: string; partition: string }>(
      `SELECT DISTINCT table AS name, partition FROM system.parts WHERE database = ${quoteString(layersDatabase)}
AND active AND (endsWith(table, '${deltaEnd}') OR endsWith(table, '${pastEnd}'))`,
      { signal },
    );
    for (const { name, partition } of parts) {
      if ((Number(partition) + 1) * buildsPerPartition > oldest) continue;
      await engine.command(`ALTER TABLE ${tableName(name)} DROP PARTITION ${Number(partition)}`, {
        signal,
      });
    }
  }

  /** Builds above it are wanted; notes how old they are, and forgets the cuts before them. */
  async #oldestWanted(build: number, nowMs: number): Promise<number> {
    const { catalog, hours } = this.#options;
    const periodMs = hours * hourMs;
    const { marks, forgottenTo } = catalog.get<HistoryState>(stateKey) ?? beginning;
    const last = marks.at(-1);
    const isDue = last === undefined || nowMs - last.atMs >= periodMs / marksKept;
    const noted = isDue ? [...marks, { build, atMs: nowMs }] : marks;
    const oldest = noted.findLast(({ atMs }) => atMs <= nowMs - periodMs)?.build ?? 0;
    const kept = noted.filter((mark) => mark.build >= oldest);
    const forgotten = await forgetPastCuts(catalog, forgottenTo, oldest);
    if (isDue || forgotten !== forgottenTo) {
      await catalog.put(stateKey, { marks: kept, forgottenTo: forgotten });
    }
    return oldest;
  }
}

const beginning: HistoryState = { marks: [], forgottenTo: 0 };

/** Quoted names of the tables with history outside of deltas. */
export async function pastTables(
  engine: SqlEngine,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const rows = await engine.rows<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = ${quoteString(layersDatabase)} AND endsWith(name, '${pastEnd}')`,
    { signal },
  );
  return new Set(rows.map(({ name }) => tableName(name)));
}

/** All old and new rows of a node that are kept; follows FROM. */
export function deltaSource({ tables }: MaintainedNode, past: ReadonlySet<string>): string {
  if (!past.has(tables.past)) return tables.delta;
  return `(SELECT * FROM ${tables.past} UNION ALL SELECT * FROM ${tables.delta} WHERE ${notIn(tables.past)})`;
}

function createPast(past: string, delta: string): string {
  return `CREATE TABLE IF NOT EXISTS ${past} AS ${delta}
ENGINE = MergeTree PARTITION BY intDiv(${buildColumn}, ${buildsPerPartition}) ORDER BY ${buildColumn}`;
}

/** Rows of a move that broke off before the delta was emptied are not moved again. */
function moveRows(past: string, delta: string): string {
  return `INSERT INTO ${past} SELECT * FROM ${delta} WHERE ${notIn(past)}`;
}

function notIn(past: string): string {
  return `${buildColumn} > (SELECT max(${buildColumn}) FROM ${past})`;
}

function pastOf(delta: string): string {
  return delta.slice(0, -deltaEnd.length) + pastEnd;
}

function tableName(name: string): string {
  return `${layersDatabase}.${quoteIdentifier(name)}`;
}
