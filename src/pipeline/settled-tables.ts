import { scopeOf } from '../change/change-batch.ts';
import { hasReached, type Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { ChangeLog, LogOffset } from '../log/change-log.ts';
import { snapshotPrefix, type TableSnapshot } from './capture-state.ts';
import { type LoadedPlace, loadedPosition } from './loaded-position.ts';
import { type RoutedTable, readingOf, routedTables, scopeOfSource } from './routed-tables.ts';

/**
 * Which ODS tables agree with the source at the loader's position, so that models may read them.
 * A table is settled when its snapshot is complete in the log, the loader has written the last
 * chunk, and the stream loaded has passed the end of its reading. A table being read again is not.
 * One that several tables of the source go into is settled when all of them are.
 */
export class SettledTables {
  /** First version of the snapshot whose last chunk is loaded, by `scopeOf` the rows it was of. */
  readonly #loadedSnapshots = new Map<string, string>();
  /** Snapshots complete in the log at the start; loaded once the loader has passed that place. */
  #atStart: { offset: LogOffset; snapshots: TableSnapshot[] } | undefined;
  /** Settled tables, with a mark of the snapshots that settled them. */
  #tables: ReadonlyMap<TableId, string> = new Map();

  /**
   * `published`: the marks of tables in published cuts. Those stay settled while the loader has still to
   * catch up; taking them out would let a cut pass without the models that read them.
   */
  resume(log: ChangeLog, loader: LoadedPlace, published: ReadonlyMap<TableId, string>): void {
    const routed = routedTables(log);
    for (const [table, mark] of published) {
      for (const [source, reading] of parseMark(table, mark)) {
        const [firstVersion = ''] = reading.split('#');
        if (reading !== readingOf(log, source, firstVersion)) continue;
        this.#loadedSnapshots.set(scopeOfSource(source, routed.get(source)), firstVersion);
      }
    }
    const snapshots = [...log.checkpoints<TableSnapshot>(snapshotPrefix).values()];
    this.#atStart = { offset: log.end(), snapshots: snapshots.filter(({ done }) => done) };
    this.note(log, loader, undefined);
  }

  /** Call after each load step (or without one); returns the settled tables, each with its mark. */
  note(
    log: ChangeLog,
    loader: LoadedPlace,
    step: LoadStep | undefined,
  ): ReadonlyMap<TableId, string> {
    const routed = routedTables(log);
    for (const sweep of step?.sweeps ?? []) {
      this.#loadedSnapshots.set(scopeOf(sweep), sweep.version.toString());
    }
    if (this.#atStart !== undefined && loader.offset() >= this.#atStart.offset) {
      for (const { table, firstVersion } of this.#atStart.snapshots) {
        const scope = scopeOfSource(table, routed.get(table));
        if (!this.#loadedSnapshots.has(scope)) this.#loadedSnapshots.set(scope, firstVersion);
      }
      this.#atStart = undefined;
    }
    const position = loadedPosition(log, loader);
    const settled = new Map<TableId, string>();
    for (const [target, sources] of sourcesByTarget(log, routed)) {
      const snapshots = sources.flatMap(
        (source) => log.checkpoint<TableSnapshot>(snapshotPrefix + source) ?? [],
      );
      const isWhole = snapshots.length === sources.length;
      if (isWhole && snapshots.every((each) => this.#isSettled(each, routed, position))) {
        settled.set(target, markOf(log, target, snapshots));
      }
    }
    this.#tables = settled;
    return settled;
  }

  schemas(log: ChangeLog): Map<TableId, TableSchema> {
    return new Map([...log.schemas()].filter(([table]) => this.#tables.has(table)));
  }

  /** True when no snapshot known to the log is unsettled; `paused` tables wait for somebody to act. */
  all(log: ChangeLog, paused: ReadonlySet<TableId>): boolean {
    const routed = routedTables(log);
    const snapshots = log.checkpoints<TableSnapshot>(snapshotPrefix).values();
    return [...snapshots].every(({ table }) => {
      const target = routed.get(table)?.target ?? table;
      return this.#tables.has(target) || paused.has(target);
    });
  }

  #isSettled(
    snapshot: TableSnapshot,
    routed: ReadonlyMap<TableId, RoutedTable>,
    position: Position | undefined,
  ): boolean {
    const scope = scopeOfSource(snapshot.table, routed.get(snapshot.table));
    return (
      snapshot.done &&
      this.#loadedSnapshots.get(scope) === snapshot.firstVersion &&
      position !== undefined &&
      hasReached(position, snapshot.highWatermark)
    );
  }
}

/** The readings that tables are complete from in the log, as marks; loaded or not. */
export function completeReadings(log: ChangeLog): Map<TableId, string> {
  const marks = new Map<TableId, string>();
  for (const [target, sources] of sourcesByTarget(log, routedTables(log))) {
    const snapshots = sources.flatMap(
      (source) => log.checkpoint<TableSnapshot>(snapshotPrefix + source) ?? [],
    );
    const isWhole = snapshots.length === sources.length && snapshots.every(({ done }) => done);
    if (isWhole) marks.set(target, markOf(log, target, snapshots));
  }
  return marks;
}

/** The tables of the source that go into each table: those with a snapshot, and shards without one. */
function sourcesByTarget(
  log: ChangeLog,
  routed: ReadonlyMap<TableId, RoutedTable>,
): Map<TableId, TableId[]> {
  const read = [...log.checkpoints<TableSnapshot>(snapshotPrefix).values()];
  const sources = new Set([...read.map(({ table }) => table), ...routed.keys()]);
  const targets = new Map<TableId, TableId[]>();
  for (const source of [...sources].sort()) {
    const target = routed.get(source)?.target ?? source;
    targets.set(target, [...(targets.get(target) ?? []), source]);
  }
  return targets;
}

/** The reading of a table; of several that go into one, JSON with that of each. */
function markOf(log: ChangeLog, target: TableId, snapshots: readonly TableSnapshot[]): string {
  const readings = snapshots.map(({ table, firstVersion }) => [
    table,
    readingOf(log, table, firstVersion),
  ]);
  const [only] = readings;
  return readings.length === 1 && only?.[0] === target ? (only[1] ?? '') : JSON.stringify(readings);
}

/** The readings in a mark, by table of the source. */
export function parseMark(target: TableId, mark: string): [TableId, string][] {
  return mark.startsWith('[') ? (JSON.parse(mark) as [TableId, string][]) : [[target, mark]];
}
