import { randomBytes } from 'node:crypto';
import { deletedColumn, versionColumn } from '../../../change/table-schema.ts';
import type { RowEngine } from '../../row-engine.ts';
import type { Progress } from '../../sink.ts';
import { filesSql, rowPlaceIn } from '../lake-queries.ts';
import { logFiles } from '../log-files.ts';
import type { ColumnAnnotation } from '../parquet/footer.ts';
import { deletedId, versionId } from '../schema-plan.ts';
import type { ObjectStore } from '../store/object-store.ts';
import {
  CommitConflict,
  DamagedTable,
  type DataFile,
  fileName,
  type LakeSchema,
  type LakeSnapshot,
  type TableChange,
  type TableFormat,
} from '../table-format.ts';
import { annotationOf } from '../type-map.ts';
import { type IcebergFile, IcebergFiles } from './iceberg-files.ts';
import { fileContent } from './manifest-schemas.ts';
import { PositionDeletes } from './position-deletes.ts';
import {
  currentSnapshot,
  newMetadata,
  type TableMetadata,
  tableProperty,
  withSchema,
  withSnapshot,
} from './table-metadata.ts';

/** In the summary of each snapshot. */
const progressProperty = 'strata.progress';
/** From so many files of dead rows on they become one. */
const mostDeleteFiles = 10;
/** Metadata files that stay whatever their age. */
const keptMetadata = 5;

const hintName = 'metadata/version-hint.text';

interface IcebergState {
  readonly version: number;
  readonly metadata: TableMetadata;
  readonly files: readonly IcebergFile[];
  /** For each file of dead rows how many it has of each data file, by names without folder. */
  readonly dead: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/**
 * An Iceberg table of version 2 without a catalog: `metadata/v<number>.metadata.json`, made where none of its name is, and
 * `version-hint.text` with the number for readers. Dead rows are position deletes.
 */
export class IcebergFormat implements TableFormat {
  readonly dataFolder = 'data/';
  readonly knowsDeadRows = true;
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #keepMs: number;
  readonly #files: IcebergFiles;
  readonly #deletes: PositionDeletes;
  #state: IcebergState | undefined;

  constructor(store: ObjectStore, root: string, engine: RowEngine, keepMs: number) {
    this.#store = store;
    this.#root = root;
    this.#keepMs = keepMs;
    this.#files = new IcebergFiles(store, root);
    this.#deletes = new PositionDeletes(store, root, engine, `${this.#files.location}/data/`);
  }

  annotations({ columns }: LakeSchema): ReadonlyMap<string, ColumnAnnotation> {
    const own = columns.map((column) => [column.name, annotationOf(column, true)] as const);
    // Files of which some columns have no id are taken for files without ids.
    return new Map([
      ...own,
      [versionColumn, { fieldId: versionId }] as const,
      [deletedColumn, { fieldId: deletedId }] as const,
    ]);
  }

  async read(): Promise<LakeSnapshot | undefined> {
    const newest = (await this.#metadataFiles()).at(-1);
    const body = newest && (await this.#store.get(newest.name));
    if (newest === undefined || body === undefined) return undefined;
    const metadata = JSON.parse(body.toString('utf8')) as TableMetadata;
    const files = await this.#files.read(metadata);
    const dead = new Map<string, Map<string, number>>();
    for (const { deletes, file, rows } of await this.#deletes.counts(files.filter(isDelete))) {
      dead.set(deletes, (dead.get(deletes) ?? new Map()).set(file, rows));
    }
    this.#state = { version: newest.version, metadata, files, dead };
    const hint = await this.#store.get(`${this.#root}${hintName}`);
    // A crash after a commit leaves readers at the snapshot before it.
    if (Number(hint ?? 0) < newest.version) await this.#writeHint(newest.version);
    return this.#snapshot(this.#state);
  }

  async commit(before: LakeSnapshot | undefined, change: TableChange): Promise<LakeSnapshot> {
    const now = Date.now();
    const old = before === undefined ? undefined : this.#state;
    const after = await this.#changed(old, change, now);
    const name = `${this.#root}metadata/v${after.version}.metadata.json`;
    const body = Buffer.from(JSON.stringify(after.metadata));
    if (!(await this.#store.putIfAbsent(name, body))) throw new CommitConflict();
    this.#state = after;
    await this.#writeHint(after.version);
    return this.#snapshot(after);
  }

  async survivors(
    { table }: LakeSnapshot,
    files: readonly DataFile[],
    columns: string,
    where?: string,
  ): Promise<string> {
    const names = new Set(files.map(({ name }) => fileName(name)));
    const deletes = (this.#state?.files ?? []).filter(
      (file) => isDelete(file) && this.#concerns(file, names),
    );
    const conditions = [
      ...(deletes.length === 0 ? [] : [`${rowPlaceIn} NOT IN (${this.#deletes.places(deletes)})`]),
      ...(where === undefined ? [] : [where]),
    ];
    const from = filesSql(this.#store, this.#root, table, files);
    return `SELECT ${columns} FROM ${from}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`;
  }

  async expire(_snapshot: LakeSnapshot, before: number): Promise<void> {
    for (const { name, writtenAt } of (await this.#metadataFiles()).slice(0, -keptMetadata)) {
      if (writtenAt <= before) await this.#store.delete(name);
    }
    await this.#files.expire(this.#state?.metadata.snapshots ?? [], before);
  }

  references(): ReadonlySet<string> {
    return new Set(this.#state?.files.map(({ name }) => name));
  }

  #concerns({ name }: IcebergFile, files: ReadonlySet<string>): boolean {
    const counts = this.#state?.dead.get(fileName(name));
    return counts !== undefined && [...counts.keys()].some((file) => files.has(file));
  }

  async #changed(
    old: IcebergState | undefined,
    change: TableChange,
    now: number,
  ): Promise<IcebergState> {
    const version = (old?.version ?? 0) + 1;
    let metadata = old?.metadata;
    if (metadata === undefined) {
      if (change.table === undefined) throw new TypeError('the first commit names the table');
      metadata = newMetadata(this.#files.location, change.table, now);
    } else if (change.table !== undefined) {
      metadata = withSchema(metadata, change.table);
    }
    const files = old?.files ?? [];
    const dead = old?.dead ?? new Map();
    const isOfSchema = change.added === undefined && change.progress === undefined;
    if (isOfSchema && change.removed === undefined) return { version, metadata, files, dead };
    const snapshotId = Number(BigInt(`0x${randomBytes(6).toString('hex')}`)) + 1;
    const sequence = metadata['last-sequence-number'] + 1;
    const facts = { snapshotId, sequence };
    const places = await this.#placesAfter({ files, dead }, change, facts);
    const list = await this.#files.write(metadata, facts, places);
    const parent = currentSnapshot(metadata);
    const progress = change.progress ?? progressOf(metadata);
    const snapshot = {
      'snapshot-id': snapshotId,
      ...(parent !== undefined && { 'parent-snapshot-id': parent['snapshot-id'] }),
      'sequence-number': sequence,
      'timestamp-ms': Math.max(now, metadata['last-updated-ms']),
      'manifest-list': list,
      summary: {
        operation: change.operation === 'compact' ? 'replace' : 'overwrite',
        ...(progress !== undefined && { [progressProperty]: JSON.stringify(progress) }),
      },
      'schema-id': metadata['current-schema-id'],
    };
    return {
      version,
      metadata: withSnapshot(metadata, snapshot, now - this.#keepMs),
      files: [...places.kept, ...places.added],
      dead: places.dead,
    };
  }

  /** Which files there are after a change, and what is in the files of dead rows. */
  async #placesAfter(
    { files, dead }: Pick<IcebergState, 'files' | 'dead'>,
    change: TableChange,
    facts: { snapshotId: number; sequence: number },
  ) {
    const gone = new Set(change.removed?.map(({ name }) => name));
    const added: IcebergFile[] = (change.added ?? []).map(({ name, bytes, rows }) => ({
      ...{ name, bytes, rows, content: fileContent.data },
      ...facts,
    }));
    const data = files.filter((file) => !isDelete(file) && !gone.has(file.name));
    const live = new Set([...data, ...added].map(({ name }) => fileName(name)));
    const isUsed = (file: IcebergFile) =>
      [...(dead.get(fileName(file.name))?.keys() ?? [])].some((name) => live.has(name));
    let deletes = files.filter((file) => isDelete(file) && isUsed(file));
    if (change.dead !== undefined) {
      const merges = deletes.length >= mostDeleteFiles;
      const known = deletes.length === 0 ? undefined : this.#deletes.places(deletes);
      const grown = await this.#deletes.write(placesToWrite(change.dead, known, merges));
      if (grown !== undefined) {
        added.push({ ...grown, content: fileContent.positionDeletes, ...facts });
        if (merges) deletes = [];
      }
    }
    const kept = [...data, ...deletes];
    const current = [...kept, ...added].filter(isDelete);
    const fresh = current.filter(({ name }) => !dead.has(fileName(name)));
    const counts = new Map(
      current.map(({ name }) => [
        fileName(name),
        dead.get(fileName(name)) ?? new Map<string, number>(),
      ]),
    );
    for (const { deletes: own, file, rows } of await this.#deletes.counts(fresh)) {
      counts.set(own, new Map([...(counts.get(own) ?? []), [file, rows]]));
    }
    const keptNames = new Set(kept.map(({ name }) => name));
    const removed = files.filter(({ name }) => !keptNames.has(name));
    return { kept, added, removed, dead: counts };
  }

  #snapshot({ version, metadata, files, dead }: IcebergState): LakeSnapshot {
    const text = metadata.properties[tableProperty];
    const { location } = this.#files;
    if (text === undefined) {
      throw new DamagedTable(`the Iceberg table ${location} was not made by cdc.`);
    }
    const table = JSON.parse(text) as LakeSchema;
    if (files.some(({ content }) => content === fileContent.equalityDeletes)) {
      const why = 'somebody else has written equality deletes into the Iceberg table.';
      throw new DamagedTable(why);
    }
    const deadRows = (name: string) =>
      [...dead.values()].reduce((sum, counts) => sum + (counts.get(fileName(name)) ?? 0), 0);
    const data = files.filter((file) => !isDelete(file));
    return {
      version,
      table,
      progress: progressOf(metadata),
      files: data.map(({ name, bytes, rows }) => ({
        ...{ name, bytes, rows },
        deadRows: deadRows(name),
        isBase: false,
      })),
    };
  }

  #writeHint(version: number): Promise<void> {
    return this.#store.put(`${this.#root}${hintName}`, Buffer.from(String(version)));
  }

  #metadataFiles() {
    return logFiles(this.#store, `${this.#root}metadata/`, /^v(\d+)\.metadata\.json$/);
  }
}

/** Only places that are not known yet, or all of them. */
function placesToWrite(dead: string, known: string | undefined, merges: boolean): string {
  if (known === undefined) return dead;
  if (merges) return `${dead} UNION DISTINCT ${known}`;
  return `SELECT file, pos FROM (${dead}) WHERE (file, pos) NOT IN (${known})`;
}

function isDelete({ content }: IcebergFile): boolean {
  return content !== fileContent.data;
}

function progressOf(metadata: TableMetadata): Progress | undefined {
  const text = currentSnapshot(metadata)?.summary[progressProperty];
  return text === undefined ? undefined : (JSON.parse(text) as Progress);
}
