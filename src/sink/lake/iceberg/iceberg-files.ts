import type { ObjectStore } from '../store/object-store.ts';
import { DamagedTable } from '../table-format.ts';
import { decodeAvro, encodeAvro } from './avro-file.ts';
import {
  entryStatus,
  fileContent,
  type ManifestEntry,
  type ManifestFile,
  manifestEntrySchema,
  manifestListSchema,
} from './manifest-schemas.ts';
import { currentSnapshot, type IcebergSnapshot, type TableMetadata } from './table-metadata.ts';

/** A file of the current snapshot: rows, or places of dead ones. */
export interface IcebergFile {
  /** Relative to the table. */
  readonly name: string;
  readonly content: number;
  readonly bytes: number;
  readonly rows: number;
  readonly snapshotId: number;
  readonly sequence: number;
}

export interface FileChanges {
  readonly kept: readonly IcebergFile[];
  readonly added: readonly IcebergFile[];
  readonly removed: readonly IcebergFile[];
}

/** Manifests: which files a snapshot has. Each of ours has one manifest of data files and one of deletes, both whole. */
export class IcebergFiles {
  readonly #store: ObjectStore;
  readonly #root: string;

  constructor(store: ObjectStore, root: string) {
    this.#store = store;
    this.#root = root;
  }

  /** The table's place as metadata names it. */
  get location(): string {
    return this.#store.locate(this.#root).replace(/\/$/, '');
  }

  async read(metadata: TableMetadata): Promise<IcebergFile[]> {
    const snapshot = currentSnapshot(metadata);
    if (snapshot === undefined) return [];
    const files: IcebergFile[] = [];
    const list = await this.#avro<ManifestFile>(snapshot['manifest-list']);
    for (const manifest of list) {
      for (const entry of await this.#avro<ManifestEntry>(manifest.manifest_path)) {
        if (entry.status === entryStatus.deleted) continue;
        const { data_file: file } = entry;
        files.push({
          name: this.#nameOf(file.file_path),
          content: file.content,
          bytes: Number(file.file_size_in_bytes),
          rows: Number(file.record_count),
          snapshotId: Number(entry.snapshot_id ?? manifest.added_snapshot_id),
          sequence: Number(entry.sequence_number ?? manifest.sequence_number),
        });
      }
    }
    return files;
  }

  /** Writes the manifests of a new snapshot and their list; says where the list is. */
  async write(
    metadata: TableMetadata,
    { snapshotId, sequence }: { snapshotId: number; sequence: number },
    changes: FileChanges,
  ): Promise<string> {
    const manifests: ManifestFile[] = [];
    for (const content of [fileContent.data, fileContent.positionDeletes]) {
      const manifest = await this.#writeManifest(metadata, snapshotId, sequence, content, changes);
      if (manifest !== undefined) manifests.push(manifest);
    }
    const body = await encodeAvro(manifestListSchema, manifests, {
      'snapshot-id': String(snapshotId),
      'sequence-number': String(sequence),
      'format-version': '2',
    });
    const name = `metadata/snap-${snapshotId}.avro`;
    await this.#store.put(`${this.#root}${name}`, body);
    return `${this.location}/${name}`;
  }

  /** Manifests of snapshots that the metadata does not have any more. */
  async expire(snapshots: readonly IcebergSnapshot[], before: number): Promise<void> {
    const kept = new Set(snapshots.map((each) => String(each['snapshot-id'])));
    for (const { name, writtenAt } of await this.#store.list(`${this.#root}metadata/`)) {
      const id = /\/(?:snap|data|deletes)-(\d+)\.avro$/.exec(name)?.[1];
      if (id !== undefined && !kept.has(id) && writtenAt <= before) await this.#store.delete(name);
    }
  }

  async #writeManifest(
    metadata: TableMetadata,
    snapshotId: number,
    sequence: number,
    content: number,
    changes: FileChanges,
  ): Promise<ManifestFile | undefined> {
    const chosen = (files: readonly IcebergFile[]) =>
      files.filter((file) => file.content === content);
    const added = chosen(changes.added);
    const kept = chosen(changes.kept);
    const removed = chosen(changes.removed);
    if (added.length + kept.length + removed.length === 0) return undefined;
    const entries = [
      ...added.map((file) => this.#entry(file, entryStatus.added)),
      ...kept.map((file) => this.#entry(file, entryStatus.existing)),
      // Of a removed file the snapshot is the one that removed it.
      ...removed.map((file) => this.#entry({ ...file, snapshotId }, entryStatus.deleted)),
    ];
    const schema = metadata.schemas.find(
      (each) => each['schema-id'] === metadata['current-schema-id'],
    );
    const word = content === fileContent.data ? 'data' : 'deletes';
    const body = await encodeAvro(manifestEntrySchema, entries, {
      schema: JSON.stringify(schema),
      'schema-id': String(metadata['current-schema-id']),
      'partition-spec': '[]',
      'partition-spec-id': '0',
      'format-version': '2',
      content: word,
    });
    const name = `metadata/${word}-${snapshotId}.avro`;
    await this.#store.put(`${this.#root}${name}`, body);
    const rowsOf = (files: readonly IcebergFile[]) =>
      files.reduce((sum, { rows }) => sum + rows, 0);
    return {
      manifest_path: `${this.location}/${name}`,
      manifest_length: body.length,
      partition_spec_id: 0,
      content: content === fileContent.data ? 0 : 1,
      sequence_number: sequence,
      min_sequence_number: Math.min(sequence, ...kept.map((file) => file.sequence)),
      added_snapshot_id: snapshotId,
      added_files_count: added.length,
      existing_files_count: kept.length,
      deleted_files_count: removed.length,
      added_rows_count: rowsOf(added),
      existing_rows_count: rowsOf(kept),
      deleted_rows_count: rowsOf(removed),
    };
  }

  #entry(file: IcebergFile, status: number): ManifestEntry {
    return {
      status,
      snapshot_id: file.snapshotId,
      sequence_number: file.sequence,
      file_sequence_number: file.sequence,
      data_file: {
        content: file.content,
        file_path: `${this.location}/${file.name}`,
        file_format: 'PARQUET',
        partition: {},
        record_count: file.rows,
        file_size_in_bytes: file.bytes,
        sort_order_id: file.content === fileContent.data ? 0 : null,
      },
    };
  }

  async #avro<T>(path: string): Promise<T[]> {
    const body = await this.#store.get(`${this.#root}${this.#nameOf(path)}`);
    if (body === undefined) throw new DamagedTable(`${path} is missing.`);
    return decodeAvro<T>(body);
  }

  #nameOf(path: string): string {
    const prefix = `${this.location}/`;
    if (!path.startsWith(prefix))
      throw new DamagedTable(`${path} does not lie in ${this.location}.`);
    return path.slice(prefix.length);
  }
}
