import { comparePositions, type Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { LoadStep } from '../load/load-step.ts';
import type { ChangeLog, LogOffset } from '../log/change-log.ts';
import { snapshotPrefix, type TableSnapshot } from './capture.ts';
import { type LoadedPlace, loadedPosition } from './loaded-position.ts';

/**
 * Which ODS tables agree with the source at the loader's position, so that models may read them.
 * A table is settled when its snapshot is complete in the log, the loader has written the last
 * chunk, and the stream loaded has passed the end of its reading. A table being read again is not.
 */
export class SettledTables {
  /** First version of the snapshot whose last chunk is loaded, by table. */
  readonly #loadedSnapshots = new Map<TableId, string>();
  /** Snapshots complete in the log at the start; loaded once the loader has passed that place. */
  #atStart: { offset: LogOffset; snapshots: TableSnapshot[] } | undefined;
  /** Settled tables, with the first version of the snapshot that settled them. */
  #tables: ReadonlyMap<TableId, string> = new Map();

  /**
   * `published`: the snapshots that tables in published cuts came from. Those stay settled while the
   * loader has still to catch up; taking them out would let a cut pass without the models that read them.
   */
  resume(log: ChangeLog, loader: LoadedPlace, published: ReadonlyMap<TableId, string>): void {
    for (const [table, firstVersion] of published) this.#loadedSnapshots.set(table, firstVersion);
    const snapshots = [...log.checkpoints<TableSnapshot>(snapshotPrefix).values()];
    this.#atStart = { offset: log.end(), snapshots: snapshots.filter(({ done }) => done) };
    this.note(log, loader, undefined);
  }

  /** Call after each load step (or without one); returns the settled tables. */
  note(
    log: ChangeLog,
    loader: LoadedPlace,
    step: LoadStep | undefined,
  ): ReadonlyMap<TableId, string> {
    for (const { table, version } of step?.sweeps ?? []) {
      this.#loadedSnapshots.set(table, version.toString());
    }
    if (this.#atStart !== undefined && loader.offset() >= this.#atStart.offset) {
      for (const { table, firstVersion } of this.#atStart.snapshots) {
        if (!this.#loadedSnapshots.has(table)) this.#loadedSnapshots.set(table, firstVersion);
      }
      this.#atStart = undefined;
    }
    const position = loadedPosition(log, loader);
    const snapshots = log.checkpoints<TableSnapshot>(snapshotPrefix).values();
    const settled = [...snapshots].filter((snapshot) => this.#isSettled(snapshot, position));
    this.#tables = new Map(settled.map(({ table, firstVersion }) => [table, firstVersion]));
    return this.#tables;
  }

  schemas(log: ChangeLog): Map<TableId, TableSchema> {
    return new Map([...log.schemas()].filter(([table]) => this.#tables.has(table)));
  }

  /** True when no snapshot known to the log is unsettled. */
  all(log: ChangeLog): boolean {
    const snapshots = log.checkpoints<TableSnapshot>(snapshotPrefix).values();
    return [...snapshots].every(({ table }) => this.#tables.has(table));
  }

  #isSettled(snapshot: TableSnapshot, position: Position | undefined): boolean {
    return (
      snapshot.done &&
      this.#loadedSnapshots.get(snapshot.table) === snapshot.firstVersion &&
      position !== undefined &&
      comparePositions(position, snapshot.highWatermark) >= 0
    );
  }
}
