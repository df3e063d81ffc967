import { randomBytes } from 'node:crypto';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { RowEngine } from '../row-engine.ts';
import { filesSql, parquetSettings } from './lake-queries.ts';
import { annotate } from './parquet/footer.ts';
import type { Partition } from './partition.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { DataFile, LakeSchema, TableFormat } from './table-format.ts';

/** Bodies that are read more than once before they are data files. */
const stagingFolder = '_staging/';

export interface NewFiles {
  /** Number of the snapshot they are made for: names of younger files are greater. */
  readonly version: number;
  /** In the names: whose rows these are. */
  readonly label: string;
  readonly isBase: boolean;
  /** Below the folder of data files, with a slash at its end; or empty. */
  readonly partition: string;
}

/** Writes data files: the engine makes them, their schema is put right, and they lie in the store for a snapshot to name them. */
export class DataFiles {
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #format: TableFormat;
  readonly #engine: RowEngine;

  constructor(store: ObjectStore, root: string, format: TableFormat, engine: RowEngine) {
    this.#store = store;
    this.#root = root;
    this.#format = format;
    this.#engine = engine;
  }

  /** The rows of a SELECT, which is read once, from any engine; undefined: it has none. */
  async write(
    select: string,
    table: LakeSchema,
    { version, label, isBase, partition }: NewFiles,
    from: RowEngine = this.#engine,
  ): Promise<DataFile | undefined> {
    const file = annotate(await bytesOf(from, select), this.#format.annotations(table));
    if (file.rows === 0) return undefined;
    const kind = isBase ? 'base' : 'delta';
    const random = randomBytes(4).toString('hex');
    const own = `${String(version).padStart(12, '0')}-${kind}-${label}-${random}.parquet`;
    const name = `${this.#format.dataFolder}${partition}${own}`;
    await this.#store.put(`${this.#root}${name}`, file.bytes);
    return { name, bytes: file.bytes.length, rows: file.rows, deadRows: 0, isBase };
  }

  /** The rows of a SELECT, which is read once, in a file for each partition. */
  async writePartitions(
    select: string,
    table: LakeSchema,
    files: Omit<NewFiles, 'partition'>,
    partition: Partition,
    from: RowEngine,
  ): Promise<DataFile[]> {
    const body = annotate(await bytesOf(from, select), this.#format.annotations(table));
    if (body.rows === 0) return [];
    const staged = {
      name: `${stagingFolder}${files.label}-${randomBytes(4).toString('hex')}.parquet`,
    };
    await this.#store.put(`${this.#root}${staged.name}`, body.bytes);
    try {
      const rows = filesSql(this.#store, this.#root, table, [staged]);
      const folders = await this.#engine.rows<{ folder: string }>(
        `SELECT DISTINCT ${partition.folder} AS folder FROM ${rows} ORDER BY folder`,
      );
      const written: DataFile[] = [];
      const names = table.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
      for (const { folder } of folders) {
        const part = `SELECT ${names}, _version, _deleted FROM ${rows} WHERE ${partition.folder} = '${folder}'`;
        const file = await this.write(part, table, { ...files, partition: folder });
        if (file !== undefined) written.push(file);
      }
      return written;
    } finally {
      await this.#store.delete(`${this.#root}${staged.name}`);
    }
  }
}

async function bytesOf(engine: RowEngine, select: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of engine.query(select, {
    format: 'Parquet',
    settings: parquetSettings,
  })) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
