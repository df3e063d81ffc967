import { randomBytes } from 'node:crypto';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import { engineChecksums } from '../checksum.ts';
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
import { incompatibleTable, sinkError } from '../sink-errors.ts';
import { type SinkTable, versionColumn } from '../sink-table.ts';
import { createFormat, logFolders } from './create-format.ts';
import { type LakeEngine, openLakeEngine } from './lake-engine.ts';
import { longStatement } from './lake-queries.ts';
import { LakeTable } from './lake-table.ts';
import type { LakeSinkOptions } from './options.ts';
import { planSchema } from './schema-plan.ts';
import type { ObjectStore } from './store/object-store.ts';
import { openStore } from './store/open-store.ts';
import { folderName } from './table-folder.ts';
import { DamagedTable, type LakeSnapshot } from './table-format.ts';
import { type LakeTypeMap, lakeTypes } from './type-map.ts';

/** Progress of how many tables is read at a time. */
const parallelReads = 8;

/**
 * Tables as files for other engines. Rows and progress are one commit, so each batch is in the lake once, and what
 * breaks off before the commit is not there at all.
 */
export class LakeSink implements QuerySink {
  readonly takes = 'queries';
  readonly types: LakeTypeMap;
  readonly #options: LakeSinkOptions;
  readonly #store: ObjectStore;
  readonly #context: SinkContext;
  readonly #logger: Logger;
  readonly #tables = new Map<string, Promise<LakeTable>>();
  #engine: Promise<LakeEngine> | undefined;

  constructor(options: LakeSinkOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
    this.#logger = context.logger;
    this.#store = openStore(options);
    this.types = lakeTypes(options.format);
  }

  async preflight(): Promise<Problem[]> {
    const name = `_cdc-check-${randomBytes(8).toString('hex')}`;
    try {
      const first = await this.#store.putIfAbsent(name, Buffer.from('first'));
      const second = await this.#store.putIfAbsent(name, Buffer.from('second'));
      await this.#store.delete(name);
      if (first && !second) return [];
      const message = `${this.#store.address} ignores If-None-Match: two writers could undo one another.`;
      return [{ code: 'CDC_SINK_FAILED', where: this.#options.name, message, severity: 'error' }];
    } catch (error) {
      if (!(error instanceof CdcError)) throw error;
      const { code, message, remedy } = error;
      return [{ code, where: this.#options.name, message, remedy, severity: 'error' }];
    }
  }

  async progress(): Promise<ReadonlyMap<string, Progress>> {
    const found = new Map<string, Progress>();
    const folders = [...(await this.#store.folders(''))];
    const readNext = async (): Promise<void> => {
      for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
        const snapshot = await this.#readOurs(folder);
        if (snapshot?.progress) found.set(snapshot.table.source, snapshot.progress);
      }
    };
    await Promise.all(Array.from({ length: parallelReads }, readNext));
    return found;
  }

  async plan(table: SinkTable, options: PrepareOptions): Promise<readonly string[]> {
    return (await this.#planFor(table, options)).plan.steps;
  }

  async prepare(table: SinkTable, options: PrepareOptions): Promise<void> {
    const { plan } = await this.#planFor(table, options);
    if (plan.steps.length === 0) return;
    if (!options.mayAlter) {
      const why = `it does not fit, and may not be altered: ${plan.steps.join('; ')}.`;
      throw incompatibleTable(table.source, why);
    }
    await this.#with(table, (lakeTable) => lakeTable.apply(plan));
  }

  async write(batch: QueryBatch): Promise<void> {
    await this.#with(batch.table, (table) => table.write(batch));
  }

  async sweep(table: SinkTable, sweep: Sweep): Promise<void> {
    await this.#with(table, (lakeTable) => lakeTable.sweep(table, sweep));
  }

  async drop(table: SinkTable): Promise<void> {
    const lakeTable = await this.#table(table);
    await lakeTable.drop();
  }

  async checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    const texts = this.#texts(table);
    const statements = await this.#current(table);
    if (statements.length === 0) return [];
    const rows = statements
      .map((rowsOf) => `SELECT ${texts.key} AS key, ${texts.row} AS row FROM (${rowsOf})`)
      .join(' UNION ALL ');
    const { rows: engine } = await this.#lakeEngine();
    const found = await this.#with(table, () =>
      engine.rows<Record<'bucket' | 'rows' | 'sum1' | 'sum2', string>>(
        engineChecksums(rows, digits),
        { settings: longStatement },
      ),
    );
    return found.map(({ bucket, rows: count, sum1, sum2 }) => ({
      bucket,
      rows: Number(count),
      sum1: BigInt(sum1),
      sum2: BigInt(sum2),
    }));
  }

  async *readBack(table: SinkTable, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    const texts = this.#texts(table);
    const where = buckets === undefined ? '' : ` WHERE ${bucketCondition(texts.key, buckets)}`;
    const { rows: engine } = await this.#lakeEngine();
    for (const rowsOf of await this.#current(table)) {
      const lines = `SELECT ${texts.columns.join(', ')}, ${versionColumn} FROM (${rowsOf})${where}`;
      try {
        yield* engine.query(lines, { format: 'TabSeparated', settings: longStatement });
      } catch (error) {
        throw ofTable(table, error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.[Symbol.asyncDispose]();
  }

  /** A folder may hold a table of somebody else, which is none of ours until one of our tables is to lie there. */
  async #readOurs(folder: string): Promise<LakeSnapshot | undefined> {
    const table = await this.#inFolder(folder);
    try {
      return await table.read();
    } catch (error) {
      if (error instanceof DamagedTable) return undefined;
      throw error;
    }
  }

  async #planFor(table: SinkTable, options: PrepareOptions) {
    const snapshot = await this.#with(table, (lakeTable) => lakeTable.read());
    if (snapshot === undefined) await this.#refuseOtherFormat(table);
    const plan = planSchema(snapshot?.table, table, this.types, options);
    if (typeof plan === 'string') throw incompatibleTable(table.source, plan);
    return { plan };
  }

  async #refuseOtherFormat({ source, target }: SinkTable): Promise<void> {
    for (const folder of logFolders) {
      const files = await this.#store.list(`${folderName(target)}/${folder}/`);
      if (files.length === 0) continue;
      throw incompatibleTable(source, `its folder holds a table of another format (${folder}).`);
    }
  }

  /** Statements for the current rows, which the store has just been asked for. */
  async #current(table: SinkTable): Promise<string[]> {
    return this.#with(table, async (lakeTable) => {
      const snapshot = await lakeTable.read();
      if (snapshot === undefined) {
        throw incompatibleTable(table.source, 'it is missing in the lake.');
      }
      return lakeTable.currentRows(snapshot);
    });
  }

  /** The canonical texts of values in data files, joined as checksum.ts says. */
  #texts({ columns, key }: SinkTable) {
    const textOf = new Map(
      columns.map((column) => [column.name, this.types.text(column, quoteIdentifier(column.name))]),
    );
    const join = (names: readonly string[]) => {
      const texts = names.map((name) => `ifNull(${textOf.get(name)}, '\\x1E')`);
      return texts.length === 1 ? String(texts[0]) : `concat(${texts.join(", '\\x1F', ")})`;
    };
    return { columns: [...textOf.values()], key: join(key), row: join([...textOf.keys()]) };
  }

  /** A damaged table stops alone. */
  async #with<T>(table: SinkTable, action: (lakeTable: LakeTable) => Promise<T>): Promise<T> {
    const lakeTable = await this.#table(table);
    try {
      return await action(lakeTable);
    } catch (error) {
      throw ofTable(table, error);
    }
  }

  #table({ target }: SinkTable): Promise<LakeTable> {
    return this.#inFolder(folderName(target));
  }

  #inFolder(folder: string): Promise<LakeTable> {
    let table = this.#tables.get(folder);
    if (table === undefined) {
      table = this.#openTable(folder);
      this.#tables.set(folder, table);
      table.catch(() => this.#tables.delete(folder));
    }
    return table;
  }

  async #openTable(folder: string): Promise<LakeTable> {
    const { format, fileBytes, compactFiles, keepHours } = this.#options;
    const { rows: engine } = await this.#lakeEngine();
    const store = this.#store;
    const root = `${folder}/`;
    return new LakeTable({
      store,
      root,
      engine,
      format: createFormat(format, { store, root, engine, keepHours }),
      maintenance: { fileBytes, compactFiles, keepHours, logger: this.#logger },
    });
  }

  #lakeEngine(): Promise<LakeEngine> {
    this.#engine ??= openLakeEngine(this.#context).catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }
}

export async function openLakeSink(
  options: LakeSinkOptions,
  context: SinkContext,
): Promise<LakeSink> {
  if (options.path.includes("'")) {
    throw sinkError(
      'CDC_SINK_FAILED',
      `Opening sink ${options.name}`,
      'its path has a quote in it.',
    );
  }
  return new LakeSink(options, context);
}

function ofTable({ source }: SinkTable, error: unknown): unknown {
  if (!(error instanceof DamagedTable)) return error;
  return incompatibleTable(source, error.message, { cause: error });
}

function bucketCondition(key: string, { digits, names }: BucketChoice): string {
  const list = [...names].map(quoteString).join(', ');
  return `substring(lower(hex(MD5(${key}))), 1, ${digits}) IN (${list})`;
}
