import { createHash } from 'node:crypto';
import { halfDigits, nullText, separator } from '../checksum.ts';
import type { BucketChoice, Checksum } from '../sink.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { tsvText } from '../tsv-text.ts';
import type { TypeMap } from '../type-map.ts';
import type { Session } from './sessions.ts';
import { quoteName, quoteText, tableName } from './sql-text.ts';
import type { WriteOptions } from './statements.ts';

const nullLiteral = "_utf8mb4 X'1E'";
const separatorLiteral = "_utf8mb4 X'1F'";

/** Rows of one table as canonical texts, read from the store. */
export class StoredRows {
  readonly #table: SinkTable;
  readonly #options: WriteOptions;
  readonly #texts: ReadonlyMap<string, string>;

  constructor(table: SinkTable, types: TypeMap, options: WriteOptions) {
    this.#table = table;
    this.#options = options;
    this.#texts = new Map(
      table.columns.map((column) => {
        const name = quoteName(column.name);
        return [column.name, types.stored(column).canonical?.store?.(name) ?? name];
      }),
    );
  }

  /** Computed by the server, which has to have MD5. */
  async checksums(session: Session, digits: number): Promise<Checksum[]> {
    const half = (from: number) =>
      `SUM(CAST(CONV(SUBSTRING(hash, ${from}, ${halfDigits}), 16, 10) AS UNSIGNED))`;
    const row = this.#joined(this.#table.columns.map(({ name }) => name));
    const hashes = `SELECT ${this.#bucket(digits)} AS bucket, MD5(${row}) AS hash ${this.#from()}`;
    const rows = await session.rows<Record<'bucket' | 'met' | 'sum1' | 'sum2', string | number>>(
      `SELECT bucket, COUNT(*) AS met, ${half(1)} AS sum1, ${half(1 + halfDigits)} AS sum2 FROM (${hashes}) AS hashes GROUP BY bucket`,
    );
    return rows.map(({ bucket, met, sum1, sum2 }) => ({
      bucket: String(bucket),
      rows: Number(met),
      sum1: BigInt(sum1),
      sum2: BigInt(sum2),
    }));
  }

  /** The same, computed here: MySQL has no MD5 from 9.6 on, unless a component of it is installed. */
  async computeChecksums(session: Session, digits: number): Promise<Checksum[]> {
    const { columns, key } = this.#table;
    const places = key.map((name) => columns.findIndex((column) => column.name === name));
    const sums = new Map<string, { rows: number; sum1: bigint; sum2: bigint }>();
    for await (const values of session.stream(this.#select())) {
      const texts = columns.map((_, place) => values[place]?.toString() ?? nullText);
      const keyHash = md5(places.map((place) => texts[place]).join(separator));
      const rowHash = md5(texts.join(separator));
      const bucket = keyHash.slice(0, digits);
      const sum = sums.get(bucket) ?? { rows: 0, sum1: 0n, sum2: 0n };
      sum.rows += 1;
      sum.sum1 += BigInt(`0x${rowHash.slice(0, halfDigits)}`);
      sum.sum2 += BigInt(`0x${rowHash.slice(halfDigits, 2 * halfDigits)}`);
      sums.set(bucket, sum);
    }
    return [...sums].map(([bucket, sum]) => ({ bucket, ...sum }));
  }

  /** Lines of TabSeparated: the canonical texts, then the version. `buckets`: only those, for a server that has MD5. */
  async *lines(session: Session, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    let lines: string[] = [];
    for await (const values of session.stream(this.#select(buckets))) {
      lines.push(`${values.map((value) => tsvText(value?.toString() ?? null)).join('\t')}\n`);
      if (lines.length < 1000) continue;
      yield Buffer.from(lines.join(''));
      lines = [];
    }
    if (lines.length > 0) yield Buffer.from(lines.join(''));
  }

  #select(buckets?: BucketChoice): string {
    const texts = this.#table.columns.map(({ name }) => this.#texts.get(name));
    const select = `SELECT ${[...texts, quoteName(versionColumn)].join(', ')} ${this.#from()}`;
    if (buckets === undefined) return select;
    const names = [...buckets.names, ''].map(quoteText).join(', ');
    const isSoft = this.#options.deletes === 'soft';
    return `${select} ${isSoft ? 'AND' : 'WHERE'} ${this.#bucket(buckets.digits)} IN (${names})`;
  }

  #from(): string {
    const from = `FROM ${tableName(this.#options, this.#table.target)}`;
    const isSoft = this.#options.deletes === 'soft';
    return isSoft ? `${from} WHERE NOT ${quoteName(deletedColumn)}` : from;
  }

  #bucket(digits: number): string {
    return `SUBSTRING(MD5(${this.#joined(this.#table.key)}), 1, ${digits})`;
  }

  #joined(names: readonly string[]): string {
    const parts = names.map((name) => `IFNULL(${this.#texts.get(name)}, ${nullLiteral})`);
    return `CONCAT(${parts.join(`, ${separatorLiteral}, `)})`;
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
