import type { RowEngine } from '../row-engine.ts';
import type { ProgressStep, QueryBatch, Sweep } from '../sink.ts';
import { incompatibleTable, sinkError, staleProgress } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { DataFiles } from './data-files.ts';
import {
  batchRows,
  deadAfterSweep,
  deadAfterWrite,
  deletionsBelow,
  fileColumns,
} from './lake-queries.ts';
import { Maintenance, type MaintenanceOptions } from './maintenance.ts';
import { type Partition, partitionOf } from './partition.ts';
import type { SchemaPlan } from './schema-plan.ts';
import type { ObjectStore } from './store/object-store.ts';
import {
  CommitConflict,
  DamagedTable,
  type DataFile,
  type LakeSnapshot,
  type TableChange,
  type TableFormat,
} from './table-format.ts';

/** While it lies in a table's folder, the table is being removed and counts as gone. */
const droppedMark = '_dropped';
/** Others that write the same table, such as a compaction by Spark, cannot be faster for ever. */
const attempts = 5;

export interface LakeTableOptions {
  readonly store: ObjectStore;
  /** Folder of the table, with a slash at its end. */
  readonly root: string;
  readonly format: TableFormat;
  /** Reads the files of the lake. */
  readonly engine: RowEngine;
  readonly maintenance: MaintenanceOptions;
}

/**
 * One table of a lake, written by one call at a time.
 *
 *     rows ─> data file ──────────┐
 *             dead rows, by key ──┴─> commit: snapshot n + 1 with files, dead rows, progress ─> compaction, in commits of its own
 *     a crash before the commit leaves a file that no snapshot names
 */
export class LakeTable {
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #format: TableFormat;
  readonly #engine: RowEngine;
  readonly #files: DataFiles;
  readonly #maintenance: Maintenance;
  /** The newest we know; somebody else may have gone on, which the next commit finds out. */
  #snapshot: LakeSnapshot | undefined;

  constructor({ store, root, format, engine, maintenance }: LakeTableOptions) {
    this.#store = store;
    this.#root = root;
    this.#format = format;
    this.#engine = engine;
    this.#files = new DataFiles(store, root, format, engine);
    this.#maintenance = new Maintenance({
      store,
      root,
      format,
      files: this.#files,
      ...maintenance,
    });
  }

  /** The newest snapshot in the store. */
  async read(): Promise<LakeSnapshot | undefined> {
    if ((await this.#store.get(`${this.#root}${droppedMark}`)) !== undefined) await this.drop();
    this.#snapshot = await this.#format.read();
    return this.#snapshot;
  }

  async write({ table, select, engine, token, step }: QueryBatch): Promise<void> {
    const before = await this.#following(table, step);
    const rows = batchRows(table.columns, select);
    const partition = partitionOf(table);
    const added = await this.#added(before, rows, token, partition, engine);
    await this.#commit(table, step, (snapshot) => ({
      operation: 'write',
      progress: step.next,
      added,
      ...(added.length > 0 && {
        dead: deadAfterWrite(this.#store, this.#root, snapshot.table, {
          files: snapshot.files,
          added,
        }),
      }),
    }));
    await this.#maintain();
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const before = await this.#following(table, step);
    const deletions = this.#format.knowsDeadRows ? [] : await this.#deletions(table, before, below);
    await this.#commit(table, step, ({ table: schema, files }) => ({
      operation: 'sweep',
      progress: step.next,
      added: deletions,
      ...(this.#format.knowsDeadRows &&
        files.length > 0 && {
          dead: deadAfterSweep(this.#store, this.#root, schema, files, below),
        }),
    }));
    await this.#maintain();
  }

  /** Makes the table what the plan for its newest snapshot says. */
  async apply(plan: SchemaPlan): Promise<void> {
    const before = this.#snapshot;
    const operation = before === undefined ? 'create' : 'alter';
    const rewritten =
      before !== undefined && plan.rewrites ? await this.#rewritten(before, plan) : undefined;
    const change: TableChange = {
      operation,
      table: plan.schema,
      ...(rewritten !== undefined && { added: rewritten, removed: before?.files ?? [] }),
    };
    try {
      this.#snapshot = await this.#format.commit(before, change);
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
      const why = 'somebody else has altered the table at the same time.';
      throw sinkError('CDC_SINK_BUSY', `Altering ${plan.schema.source}`, why);
    }
  }

  /**
   * Statements for the current rows as data files have them. More than one: each for its own rows.
   */
  async currentRows(snapshot: LakeSnapshot): Promise<string[]> {
    const { files, table } = snapshot;
    if (files.length === 0) return [];
    const groups = this.#format.knowsDeadRows ? this.#maintenance.groups(files) : [files];
    return Promise.all(
      groups.map((group) => this.#format.survivors(snapshot, group, fileColumns(table))),
    );
  }

  /** The mark makes the rest of it certain, whatever happens on the way. */
  async drop(): Promise<void> {
    this.#snapshot = undefined;
    const mark = `${this.#root}${droppedMark}`;
    const files = await this.#store.list(this.#root);
    if (files.length === 0) return;
    await this.#store.put(mark, Buffer.from('cdc is removing this table\n'));
    // Data files first and the oldest of them first: of plain ones readers may see any part then.
    const isLog = (name: string) => /^(_delta_log|_manifest|metadata)\//.test(name);
    const names = files.map(({ name }) => name).filter((name) => name !== mark);
    const inRoot = (name: string) => name.slice(this.#root.length);
    const order = [
      ...names.filter((name) => !isLog(inRoot(name))),
      ...names.filter((name) => isLog(inRoot(name))),
    ];
    for (const name of order) await this.#store.delete(name);
    await this.#store.delete(mark);
  }

  async #following(table: SinkTable, step: ProgressStep): Promise<LakeSnapshot> {
    return follow(table, step, this.#snapshot ?? (await this.read()));
  }

  /** Commits; after somebody else's commit once more, as long as the table is where the step follows. */
  async #commit(
    table: SinkTable,
    step: ProgressStep,
    change: (snapshot: LakeSnapshot) => TableChange,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.#following(table, step);
      try {
        this.#snapshot = await this.#format.commit(before, change(before));
        return;
      } catch (error) {
        // Whatever else went wrong, the commit may have arrived.
        this.#snapshot = undefined;
        const isConflict =
          error instanceof CommitConflict || (await this.#hasGoneOn(before, error));
        if (!isConflict) throw error;
        if (attempt === attempts) {
          const why = `somebody else has committed ${attempts} times at the same moment.`;
          throw sinkError('CDC_SINK_BUSY', `Writing ${table.source}`, why, { cause: error });
        }
      }
    }
  }

  /** Files of an old snapshot are perhaps no longer there because a younger one does not need them. */
  async #hasGoneOn(before: LakeSnapshot, error: unknown): Promise<boolean> {
    if (!(error instanceof DamagedTable)) return false;
    return (await this.read())?.version !== before.version;
  }

  async #added(
    { version, table }: LakeSnapshot,
    rows: string,
    label: string,
    partition: Partition | undefined,
    engine: RowEngine,
  ): Promise<DataFile[]> {
    const files = { version: version + 1, label, isBase: false };
    if (partition !== undefined && !this.#format.knowsDeadRows) {
      return this.#files.writePartitions(rows, table, files, partition, engine);
    }
    const file = await this.#files.write(rows, table, { ...files, partition: '' }, engine);
    return file === undefined ? [] : [file];
  }

  /** Deletions of what a sweep takes away, as rows: each in the folder of the row it deletes, as far as a date decides. */
  async #deletions(table: SinkTable, snapshot: LakeSnapshot, below: bigint): Promise<DataFile[]> {
    if (snapshot.files.length === 0) return [];
    const columns = fileColumns(snapshot.table);
    const current = await this.#format.survivors(snapshot, snapshot.files, columns);
    const rows = deletionsBelow(snapshot.table, current, below);
    return this.#added(snapshot, rows, 'sweep', partitionOf(table), this.#engine);
  }

  async #rewritten(before: LakeSnapshot, { schema, renewed }: SchemaPlan): Promise<DataFile[]> {
    const added: DataFile[] = [];
    // The files are read as what they are to be.
    const target = { ...before, table: schema };
    for (const file of before.files) {
      const { isBase } = file;
      const rows = await this.#format.survivors(target, [file], fileColumns(schema, renewed));
      const facts = {
        version: before.version + 1,
        label: 'schema',
        isBase,
        partition: this.#folderOf(file),
      };
      const written = await this.#files.write(rows, schema, facts);
      if (written !== undefined) added.push(written);
    }
    return added;
  }

  #folderOf({ name }: DataFile): string {
    return name.slice(this.#format.dataFolder.length, name.lastIndexOf('/') + 1);
  }

  async #maintain(): Promise<void> {
    if (this.#snapshot !== undefined) {
      this.#snapshot = await this.#maintenance.run(this.#snapshot);
    }
  }
}

function follow(
  { source }: SinkTable,
  { follows }: ProgressStep,
  snapshot: LakeSnapshot | undefined,
): LakeSnapshot {
  if (snapshot === undefined) throw incompatibleTable(source, 'it is missing in the lake.');
  const found = snapshot.progress?.sequence ?? 0;
  if (found !== follows) throw staleProgress(source, found, follows);
  return snapshot;
}
