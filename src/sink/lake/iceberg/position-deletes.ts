import { randomBytes } from 'node:crypto';
import { quoteString } from '../../../engine/sql-quote.ts';
import type { RowEngine } from '../../row-engine.ts';
import { longStatement, parquetSettings } from '../lake-queries.ts';
import { annotate } from '../parquet/footer.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** Ids of the two columns ("Reserved Field IDs" in Iceberg's specification). */
const annotations = new Map([
  ['file_path', { fieldId: 2147483546 }],
  ['pos', { fieldId: 2147483545 }],
]);
const structure = 'file_path String, pos Int64';

export interface DeleteFile {
  readonly name: string;
  readonly bytes: number;
  readonly rows: number;
}

/** Parquet files with the places of dead rows: path of the data file, number of the row in it, in this order. */
export class PositionDeletes {
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #engine: RowEngine;
  /** Of data files, with a slash at its end. */
  readonly #folder: string;

  constructor(store: ObjectStore, root: string, engine: RowEngine, folder: string) {
    this.#store = store;
    this.#root = root;
    this.#engine = engine;
    this.#folder = folder;
  }

  /** SELECT of `file` (without folder) and `pos` from these files, and of `deletes`, which of them it is. */
  places(files: readonly { readonly name: string }[], columns = 'file, pos'): string {
    const names = files.map(({ name }) => `${this.#root}${name}`);
    const file = `substringUTF8(file_path, ${[...this.#folder].length + 1}) AS file`;
    const rows = `SELECT ${file}, toUInt32(pos) AS pos, _file AS deletes FROM ${this.#store.parquet(names, structure)}`;
    return `SELECT ${columns} FROM (${rows})`;
  }

  /** A file with the places of a SELECT of `file` and `pos`, each once; undefined: there are none. */
  async write(places: string): Promise<DeleteFile | undefined> {
    // Paths begin alike, so their order is that of the names, which are shorter to compare.
    const select =
      `SELECT concat(${quoteString(this.#folder)}, place.file) AS file_path, toInt64(place.pos) AS pos ` +
      `FROM (${places}) AS place ORDER BY place.file, place.pos`;
    const chunks: Buffer[] = [];
    const settings = parquetSettings;
    for await (const chunk of this.#engine.query(select, { format: 'Parquet', settings })) {
      chunks.push(chunk);
    }
    const { bytes, rows } = annotate(Buffer.concat(chunks), annotations);
    if (rows === 0) return undefined;
    const name = `data/deletes-${Date.now()}-${randomBytes(8).toString('hex')}.parquet`;
    await this.#store.put(`${this.#root}${name}`, bytes);
    return { name, bytes: bytes.length, rows };
  }

  /** How many places each of the files has of each data file. */
  async counts(
    files: readonly { readonly name: string }[],
  ): Promise<
    readonly { readonly deletes: string; readonly file: string; readonly rows: number }[]
  > {
    if (files.length === 0) return [];
    const select = this.places(files, 'deletes, file');
    const counts = await this.#engine.rows<{ deletes: string; file: string; rows: string }>(
      `SELECT deletes, file, count() AS rows FROM (${select}) GROUP BY deletes, file`,
      { settings: longStatement },
    );
    return counts.map((count) => ({ ...count, rows: Number(count.rows) }));
  }
}
