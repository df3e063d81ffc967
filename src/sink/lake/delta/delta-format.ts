import { randomUUID } from 'node:crypto';
import { versionColumn } from '../../../change/table-schema.ts';
import type { RowEngine } from '../../row-engine.ts';
import { filesSql, rowPlaceIn } from '../lake-queries.ts';
import type { ColumnAnnotation } from '../parquet/footer.ts';
import type { ObjectStore } from '../store/object-store.ts';
import {
  CommitConflict,
  type DataFile,
  fileName,
  type LakeSchema,
  type LakeSnapshot,
  type TableChange,
  type TableFormat,
} from '../table-format.ts';
import { annotationOf } from '../type-map.ts';
import type { DeltaAction, DeltaAdd } from './actions.ts';
import { DeletionVectors } from './deletion-vectors.ts';
import { DeltaLog } from './delta-log.ts';
import { baseTag, DeltaState, progressDomain, tableDomain } from './delta-state.ts';

const features = ['deletionVectors', 'timestampNtz'];

const protocol = {
  minReaderVersion: 3,
  minWriterVersion: 7,
  readerFeatures: features,
  writerFeatures: [...features, 'domainMetadata'],
} as const;

/**
 * A Delta table: `_delta_log/<number>.json` has what each commit adds and removes, and says of the rows of a file which are dead by a
 * deletion vector. Our own words (columns with ids, key, progress) are `domainMetadata`, which readers leave alone.
 */
export class DeltaFormat implements TableFormat {
  readonly dataFolder = '';
  readonly knowsDeadRows = true;
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #log: DeltaLog;
  readonly #vectors: DeletionVectors;
  #state = new DeltaState();

  constructor(store: ObjectStore, root: string, engine: RowEngine) {
    this.#store = store;
    this.#root = root;
    this.#log = new DeltaLog(store, `${root}_delta_log/`, engine);
    this.#vectors = new DeletionVectors(store, root, engine);
  }

  annotations({ columns }: LakeSchema): ReadonlyMap<string, ColumnAnnotation> {
    return new Map(columns.map((column) => [column.name, annotationOf(column, false)]));
  }

  async read(): Promise<LakeSnapshot | undefined> {
    const state = await this.#log.read();
    if (state === undefined) return undefined;
    this.#state = state;
    return state.snapshot(this.#store.locate(this.#root));
  }

  async commit(before: LakeSnapshot | undefined, change: TableChange): Promise<LakeSnapshot> {
    const state = before === undefined ? new DeltaState() : this.#state;
    const now = Date.now();
    const added = new Map(
      (change.added ?? []).map((file) => [file.name, addOf(file, change, now)]),
    );
    const current = new Map(
      [...state.adds.values(), ...added.values()].map((add) => [
        fileName(decodeURIComponent(add.path)),
        add,
      ]),
    );
    const vectors =
      change.dead === undefined
        ? new Map()
        : await this.#vectors.grown(change.dead, (file) => current.get(file)?.deletionVector);
    const removed = new Set(change.removed?.map(({ name }) => name));
    const actions: DeltaAction[] = [commitInfo(change, now)];
    if (before === undefined) actions.push({ protocol });
    if (change.table !== undefined) {
      actions.push(
        { metaData: this.#metadata(state, change.table, now) },
        { domainMetadata: domain(tableDomain, change.table) },
      );
    }
    if (change.progress !== undefined) {
      actions.push({ domainMetadata: domain(progressDomain, change.progress) });
    }
    for (const add of state.adds.values()) {
      const name = decodeURIComponent(add.path);
      const vector = vectors.get(fileName(name));
      if (removed.has(name)) actions.push({ remove: removeOf(add, change, now) });
      else if (vector !== undefined) {
        actions.push({ remove: removeOf(add, change, now) });
        actions.push({ add: { ...add, dataChange: true, deletionVector: vector } });
      }
    }
    for (const [name, add] of added) {
      const vector = vectors.get(fileName(name));
      actions.push({ add: vector === undefined ? add : { ...add, deletionVector: vector } });
    }
    const version = state.version + 1;
    if (!(await this.#log.append(version, actions))) throw new CommitConflict();
    const next = state.copy();
    next.apply(version, actions);
    this.#state = next;
    await this.#log.checkpointWhenDue(next);
    return next.snapshot(this.#store.locate(this.#root));
  }

  async survivors(
    { table }: LakeSnapshot,
    files: readonly DataFile[],
    columns: string,
    where?: string,
  ): Promise<string> {
    const vectors = new Map(
      files.map(({ name }) => [
        fileName(name),
        this.#state.adds.get(encodeURI(name))?.deletionVector,
      ]),
    );
    const dead = await this.#vectors.deadRows(vectors);
    const conditions = [
      ...(dead === undefined ? [] : [`${rowPlaceIn} NOT IN (${dead})`]),
      ...(where === undefined ? [] : [where]),
    ];
    const from = filesSql(this.#store, this.#root, table, files);
    return `SELECT ${columns} FROM ${from}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`;
  }

  async expire(_snapshot: LakeSnapshot, before: number): Promise<void> {
    await this.#log.expire(before);
  }

  references({ files }: LakeSnapshot): ReadonlySet<string> {
    const names = new Set(files.map(({ name }) => name));
    for (const { deletionVector } of this.#state.adds.values()) {
      const name = deletionVector && this.#vectors.fileOf(deletionVector);
      if (name) names.add(name);
    }
    return names;
  }

  #metadata({ metadata }: DeltaState, table: LakeSchema, now: number) {
    return {
      id: metadata?.id ?? randomUUID(),
      ...(table.comment !== undefined && { description: table.comment }),
      format: { provider: 'parquet', options: {} },
      schemaString: schemaString(table),
      partitionColumns: [],
      configuration: { ...metadata?.configuration, 'delta.enableDeletionVectors': 'true' },
      createdTime: Number(metadata?.createdTime ?? now),
    };
  }
}

function schemaString({ columns, key }: LakeSchema): string {
  const field = (name: string, type: string, nullable: boolean, comment?: string) => ({
    name,
    type,
    nullable,
    metadata: comment === undefined ? {} : { comment },
  });
  const fields = columns.map(({ name, type, comment }) =>
    field(name, type === 'int' ? 'integer' : type, !key.includes(name), comment),
  );
  return JSON.stringify({
    type: 'struct',
    fields: [...fields, field(versionColumn, 'long', true)],
  });
}

function domain(name: string, value: unknown) {
  return { domain: name, configuration: JSON.stringify(value), removed: false };
}

const operations = {
  create: 'CREATE TABLE',
  alter: 'CHANGE COLUMNS',
  write: 'MERGE',
  sweep: 'DELETE',
  compact: 'OPTIMIZE',
} as const;

/** Its id makes the bytes of each attempt at a commit differ from those of others. */
function commitInfo({ operation }: TableChange, now: number): DeltaAction {
  const info = { timestamp: now, operation: operations[operation], operationParameters: {} };
  return { commitInfo: { ...info, engineInfo: 'strata', txnId: randomUUID() } };
}

function addOf(file: DataFile, { operation }: TableChange, now: number): DeltaAdd {
  return {
    path: encodeURI(file.name),
    partitionValues: {},
    size: file.bytes,
    modificationTime: now,
    dataChange: operation !== 'compact',
    stats: JSON.stringify({ numRecords: file.rows, tightBounds: false }),
    ...(file.isBase && { tags: { [baseTag]: '1' } }),
  };
}

function removeOf(add: DeltaAdd, { operation }: TableChange, now: number) {
  return {
    path: add.path,
    deletionTimestamp: now,
    dataChange: operation !== 'compact',
    extendedFileMetadata: true,
    partitionValues: add.partitionValues,
    size: Number(add.size),
    ...(add.deletionVector && { deletionVector: add.deletionVector }),
  };
}
