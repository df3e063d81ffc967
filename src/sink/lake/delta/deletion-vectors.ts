import { randomUUID } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import type { RowEngine } from '../../row-engine.ts';
import { longStatement } from '../lake-queries.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { DamagedTable } from '../table-format.ts';
import type { DeletionVector } from './actions.ts';
import { deltaBitmap, engineBitmap } from './roaring.ts';
import { decodeZ85, encodeZ85 } from './z85.ts';

/** Vectors up to it lie in the log itself. */
const inlineBytes = 2048;
const fileVersion = Buffer.of(1);

interface BitmapRow {
  readonly file: string;
  readonly bitmap: string;
  readonly rows: string;
}

/**
 * Delta's sets of dead rows: one for each data file that has any, written anew when it grows. Those of a commit lie in
 * one file: version byte 1, then for each its size (big endian), its bytes and their CRC-32.
 */
export class DeletionVectors {
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #engine: RowEngine;

  constructor(store: ObjectStore, root: string, engine: RowEngine) {
    this.#store = store;
    this.#root = root;
    this.#engine = engine;
  }

  /** The vectors of the files in which `dead` (SELECT of `file`, `pos`) finds rows that were not dead. */
  async grown(
    dead: string,
    before: (file: string) => DeletionVector | null | undefined,
  ): Promise<ReadonlyMap<string, DeletionVector>> {
    const found = await this.#bitmaps(
      `SELECT file, groupBitmapState(pos) AS b FROM (${dead}) GROUP BY file`,
    );
    const states = new Map<string, { state: Buffer; rows: number }>();
    for (const { file, bitmap, rows } of found) {
      const old = before(file);
      const state = Buffer.from(bitmap, 'base64');
      if (!old) {
        states.set(file, { state, rows: Number(rows) });
        continue;
      }
      const union = `SELECT 'x' AS file, bitmapOr(${stateSql(state)}, ${stateSql(await this.#read(old))}) AS b`;
      const [merged] = await this.#bitmaps(union);
      if (merged === undefined || Number(merged.rows) === Number(old.cardinality)) continue;
      states.set(file, { state: Buffer.from(merged.bitmap, 'base64'), rows: Number(merged.rows) });
    }
    return this.#write(states);
  }

  /** SELECT of `file` and `pos`; undefined: none of them has a vector. */
  async deadRows(
    files: ReadonlyMap<string, DeletionVector | null | undefined>,
  ): Promise<string | undefined> {
    const parts: string[] = [];
    for (const [file, vector] of files) {
      if (!vector) continue;
      const state = stateSql(await this.#read(vector));
      parts.push(`SELECT '${file}' AS file, arrayJoin(bitmapToArray(${state})) AS pos`);
    }
    return parts.length === 0 ? undefined : parts.join(' UNION ALL ');
  }

  /** The file that holds a vector, relative to the table; undefined: the log does. */
  fileOf({ storageType, pathOrInlineDv }: DeletionVector): string | undefined {
    if (storageType === 'i') return undefined;
    const uuid = decodeZ85(pathOrInlineDv.slice(-20)).toString('hex');
    const parts = [0, 8, 12, 16, 20].map((from, index, all) => uuid.slice(from, all[index + 1]));
    const prefix = pathOrInlineDv.slice(0, -20);
    return `${prefix === '' ? '' : `${prefix}/`}deletion_vector_${parts.join('-')}.bin`;
  }

  async #bitmaps(query: string): Promise<BitmapRow[]> {
    return this.#engine.rows<BitmapRow>(
      `SELECT file, base64Encode(CAST(b, 'String')) AS bitmap, finalizeAggregation(b) AS rows FROM (${query})`,
      { settings: longStatement },
    );
  }

  async #read(vector: DeletionVector): Promise<Buffer> {
    const name = this.fileOf(vector);
    const { sizeInBytes } = vector;
    if (name === undefined) {
      return engineBitmap(decodeZ85(vector.pathOrInlineDv).subarray(0, sizeInBytes));
    }
    const body = await this.#store.get(`${this.#root}${name}`);
    const from = (vector.offset ?? 1) + 4;
    const bytes = body?.subarray(from, from + sizeInBytes);
    if (bytes?.length !== sizeInBytes || body?.readUInt32BE(from + sizeInBytes) !== crc32(bytes)) {
      throw new DamagedTable(
        `the deletion vector in ${this.#store.locate(this.#root + name)} is damaged or missing.`,
      );
    }
    return engineBitmap(bytes);
  }

  async #write(states: ReadonlyMap<string, { state: Buffer; rows: number }>) {
    const vectors = new Map<string, DeletionVector>();
    const uuid = randomUUID();
    const parts: Buffer[] = [fileVersion];
    let offset = fileVersion.length;
    for (const [file, { state, rows }] of states) {
      const bytes = deltaBitmap(state);
      const facts = { sizeInBytes: bytes.length, cardinality: rows };
      if (bytes.length <= inlineBytes) {
        vectors.set(file, { storageType: 'i', pathOrInlineDv: encodeZ85(bytes), ...facts });
        continue;
      }
      const pathOrInlineDv = encodeZ85(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
      vectors.set(file, { storageType: 'u', pathOrInlineDv, offset, ...facts });
      const frame = Buffer.alloc(8);
      frame.writeUInt32BE(bytes.length, 0);
      frame.writeUInt32BE(crc32(bytes), 4);
      parts.push(frame.subarray(0, 4), bytes, frame.subarray(4));
      offset += 8 + bytes.length;
    }
    if (parts.length > 1) {
      await this.#store.put(`${this.#root}deletion_vector_${uuid}.bin`, Buffer.concat(parts));
    }
    return vectors;
  }
}

function stateSql(state: Buffer): string {
  return `CAST(base64Decode('${state.toString('base64')}'), 'AggregateFunction(groupBitmap, UInt32)')`;
}
