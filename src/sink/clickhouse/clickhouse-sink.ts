import { Readable } from 'node:stream';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import type { Problem } from '../../errors.ts';
import { engineChecksums, engineTexts } from '../checksum.ts';
import type { SinkContext } from '../open-sink.ts';
import type {
  BucketChoice,
  Checksum,
  PrepareOptions,
  Progress,
  QueryBatch,
  QuerySink,
  Sweep,
} from '../sink.ts';
import { incompatibleTable } from '../sink-errors.ts';
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import { type DdlContext, onCluster } from './create-table.ts';
import { planTarget } from './evolve-table.ts';
import { readTable } from './existing-table.ts';
import type { ClickhouseSinkOptions } from './options.ts';
import { type Place, placeOf, quoted } from './place.ts';
import { storeProblems } from './preflight.ts';
import { ProgressTable } from './progress-table.ts';
import { isRejection, siftRows } from './sift-rows.ts';
import { Store } from './store.ts';
import { clickhouseTypes, storedType } from './type-map.ts';

/** Carries its names and types, so that the store refuses bytes that it would take for other values. */
const format = 'RowBinaryWithNamesAndTypes';

/**
 * A ClickHouse server or cluster: a ReplacingMergeTree a table, and a view of its current rows. The warehouse prints rows in the
 * form that the store reads; they pass through as bytes.
 */
export class ClickhouseSink implements QuerySink {
  readonly takes = 'queries';
  readonly types: TypeMap;
  readonly #options: ClickhouseSinkOptions;
  readonly #store: Store;
  readonly #progress: ProgressTable;
  /** Types of the store's columns, by target. */
  readonly #stored = new Map<string, ReadonlyMap<string, string>>();

  constructor(store: Store, options: ClickhouseSinkOptions, project: string) {
    this.types = clickhouseTypes(options);
    this.#options = options;
    this.#store = store;
    this.#progress = new ProgressTable(store, options, `${project}/${options.name}`);
  }

  preflight(): Promise<Problem[]> {
    return storeProblems(this.#store, this.#options);
  }

  progress(): Promise<ReadonlyMap<string, Progress>> {
    return this.#progress.all();
  }

  async plan(table: SinkTable, { drop }: PrepareOptions): Promise<readonly string[]> {
    const context = this.#context(table);
    const existing = await readTable(this.#store, context.place, table.source);
    return planTarget(existing, table, { ...context, drop });
  }

  async prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    const { source } = table;
    this.#stored.delete(table.target);
    const statements = await this.plan(table, options);
    if (statements.length > 0 && !options.mayAlter) {
      throw incompatibleTable(source, `it does not fit, and may not be altered: ${statements[0]}.`);
    }
    const about = { doing: `Preparing ${source}`, table: source };
    await this.#progress.create();
    await this.#progress.assertOurs(table, this.#place(table));
    for (const sql of statements) {
      const settings = sql.includes('Time64(') ? { enable_time_time64_type: 1 } : {};
      await this.#store.command(sql, { ...about, settings });
    }
  }

  async write(batch: QueryBatch): Promise<void> {
    const { table, step } = batch;
    await this.#progress.assertFollows(table, this.#place(table), step);
    try {
      await this.#writeRows(batch, batch.isRepair ? undefined : batch.token);
    } catch (error) {
      if (!isRejection(error)) throw error;
      await siftRows(batch, (part) => this.#writeRows(part));
    }
    await this.#progress.put(table, this.#place(table), step.next);
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const place = this.#place(table);
    await this.#progress.assertFollows(table, place, step);
    const whole = quoted(place.whole);
    const replaced = `toUInt64(${below}) AS ${versionColumn}, 1 AS ${deletedColumn}`;
    await this.#store.command(
      `INSERT INTO ${whole} SELECT * REPLACE (${replaced}) ` +
        `FROM (SELECT * FROM ${whole} FINAL WHERE ${versionColumn} < ${below})`,
      {
        doing: `Sweeping ${table.source}`,
        table: table.source,
        settings: { insert_deduplicate: 0 },
      },
    );
    await this.#progress.put(table, place, step.next);
  }

  async drop(table: SinkTable): Promise<void> {
    this.#stored.delete(table.target);
    const { view, whole, local } = this.#place(table);
    const about = { doing: `Dropping ${table.source}`, table: table.source };
    // A view that is not ours stays.
    await readTable(this.#store, this.#place(table), table.source);
    const end = onCluster(this.#options.cluster);
    await this.#store.command(`DROP VIEW IF EXISTS ${quoted(view)}${end}`, about);
    for (const name of new Set([quoted(whole), quoted(local)])) {
      const settings = { max_table_size_to_drop: 0, max_partition_size_to_drop: 0 };
      await this.#store.command(`DROP TABLE IF EXISTS ${name}${end} SYNC`, { ...about, settings });
    }
    await this.#progress.remove(table, this.#place(table));
  }

  async checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    const { key, row } = engineTexts(table, this.types, quoteIdentifier);
    const rows = `SELECT ${key} AS key, ${row} AS row FROM ${quoted(this.#place(table).whole)} FINAL`;
    const found = await this.#store.rows<Record<keyof Checksum, string>>(
      engineChecksums(rows, digits),
      { doing: `Computing checksums of ${table.source}`, table: table.source },
    );
    return found.map(({ bucket, rows, sum1, sum2 }) => ({
      bucket,
      rows: Number(rows),
      sum1: BigInt(sum1),
      sum2: BigInt(sum2),
    }));
  }

  async *readBack(table: SinkTable, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    const texts = table.columns.map((column) => {
      const value = quoteIdentifier(column.name);
      return this.types.stored(column).canonical?.engine?.(value) ?? `toString(${value})`;
    });
    const where = buckets === undefined ? '' : ` WHERE ${this.#isIn(table, buckets)}`;
    const whole = quoted(this.#place(table).whole);
    yield* this.#store.query(
      `SELECT ${[...texts, versionColumn].join(', ')} FROM ${whole} FINAL${where}`,
      'TabSeparated',
      { doing: `Reading ${table.source} back`, table: table.source },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  /**
   * Read again under the same token, a batch has no rows that the first time had not, but newer ones that come with a later batch
   * anyway: it may be dropped. None written may mean dropped or lost, and a second copy changes nothing.
   */
  async #writeRows(batch: QueryBatch, token?: string): Promise<void> {
    const written = await this.#insert(batch, token);
    if (written === 0 && token !== undefined) await this.#insert(batch);
  }

  /** Streams the rows of a batch into the store; says how many it wrote. */
  async #insert({ table, select, engine }: QueryBatch, token?: string): Promise<number> {
    const body = new Passage(engine.query(await this.#fitted(table, select), { format }));
    try {
      return await this.#store.insert(
        {
          table: quoted(this.#place(table).whole),
          columns: [...table.columns.map(({ name }) => name), versionColumn, deletedColumn],
          format,
          body: Readable.from(body),
          ...(token !== undefined && { token }),
        },
        { doing: `Writing ${table.source}`, table: table.source },
      );
    } catch (error) {
      this.#stored.delete(table.target);
      throw body.error ?? error;
    }
  }

  /** The rows with the store's types: a column may be wider there than its values are. */
  async #fitted(table: SinkTable, select: string): Promise<string> {
    const stored = await this.#storedTypes(table);
    const casts = table.columns.flatMap((column) => {
      const type = stored.get(column.name);
      if (type === undefined) {
        throw incompatibleTable(table.source, `its column ${column.name} is missing in the store.`);
      }
      if (type === storedType(column, this.types)) return [];
      const name = quoteIdentifier(column.name);
      return [`CAST(${name}, ${quoteString(type)}) AS ${name}`];
    });
    return casts.length === 0 ? select : `SELECT * REPLACE (${casts.join(', ')}) FROM (${select})`;
  }

  async #storedTypes(table: SinkTable): Promise<ReadonlyMap<string, string>> {
    const known = this.#stored.get(table.target);
    if (known !== undefined) return known;
    const existing = await readTable(this.#store, this.#place(table), table.source);
    if (existing === undefined)
      throw incompatibleTable(table.source, 'it is missing in the store.');
    const types = new Map(existing.columns.map(({ name, type }) => [name, type]));
    this.#stored.set(table.target, types);
    return types;
  }

  #place({ target }: SinkTable): Place {
    return placeOf(target, this.#options);
  }

  #context(table: SinkTable): DdlContext {
    return { place: this.#place(table), types: this.types, cluster: this.#options.cluster };
  }

  #isIn(table: SinkTable, { digits, names }: BucketChoice): string {
    const { key } = engineTexts(table, this.types, quoteIdentifier);
    const list = [...names].map(quoteString).join(', ');
    return `substring(lower(hex(MD5(${key}))), 1, ${digits}) IN (${list})`;
  }
}

/** Bytes on their way from one server to another; keeps apart which of the two broke off. */
class Passage implements AsyncIterable<Buffer> {
  readonly #chunks: AsyncIterable<Buffer>;
  /** Why the rows did not come. */
  error: unknown;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      yield* this.#chunks;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }
}

/** The server is contacted by the first call. */
export async function openClickhouseSink(
  options: ClickhouseSinkOptions,
  { project }: SinkContext,
): Promise<ClickhouseSink> {
  return new ClickhouseSink(await Store.open(options), options, project);
}
