import { quoteIdentifier } from '../../engine/sql-quote.ts';
import { CdcError, type Problem } from '../../errors.ts';
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
import { deletedColumn, type SinkTable, versionColumn } from '../sink-table.ts';
import { tsvText } from '../tsv-text.ts';
import { compactTable, deltaFiles } from './compaction.ts';
import { evolveTable, partColumns } from './evolve.ts';
import { hiveName, ownColumns, quoteName, quoteText } from './hive-names.ts';
import { type HiveStore, HiveTable } from './hive-table.ts';
import { storeProblems } from './preflight.ts';
import { storeTexts } from './store-texts.ts';
import { partFolder, type TablePart, type TableState } from './table-state.ts';
import { hiveTypes } from './type-map.ts';
import { createView, viewOf } from './view-sql.ts';

/** Digits of a sequence in the names of files. */
const sequenceDigits = 12;
/** State files that are read at the same time. */
const statesAtOnce = 16;
/** More buckets than that are not chosen but all are read. */
const mostBuckets = 2000;

/** What the engine is told so that Hive reads its files; strings and bytes are one type of file there. */
const formatSettings = {
  output_format_parquet_compression_method: 'snappy',
  output_format_parquet_string_as_string: 0,
  output_format_orc_compression_method: 'snappy',
};

/**
 * Tables of Hive over files that the engine writes.
 *
 *     <table>               view: the current rows
 *     <table>__delta_<n>    files of batches, <sequence>-<token>.parquet
 *     <table>__base_<n>     what compaction made of them, partitioned if the project file says so
 *     <table>/_state/       state and progress, after the files (table-state.ts)
 *
 * A batch is one file that is there as a whole, then one state. Hive itself is asked only for tables, views and compaction, so
 * batches are written while it is away.
 */
export class HiveSink implements QuerySink {
  readonly takes = 'queries';
  readonly types = hiveTypes;
  readonly #store: HiveStore;
  readonly #partitionColumn: string;
  readonly #tables = new Map<string, HiveTable>();

  constructor(store: HiveStore, partitionColumn: string) {
    this.#store = store;
    this.#partitionColumn = partitionColumn;
  }

  preflight(): Promise<Problem[]> {
    return storeProblems(this.#store);
  }

  async progress(): Promise<ReadonlyMap<string, Progress>> {
    const found = new Map<string, Progress>();
    const targets = await this.#store.states.targets();
    for (let at = 0; at < targets.length; at += statesAtOnce) {
      const some = targets.slice(at, at + statesAtOnce);
      const states = await Promise.all(some.map((target) => this.#store.states.read(target)));
      for (const [index, stored] of states.entries()) {
        if (stored === undefined) continue;
        const { source, progress } = stored.state;
        this.#table({ source, target: some[index] ?? '' }).know(stored);
        if (progress !== undefined) found.set(source, progress);
      }
    }
    return found;
  }

  async plan(table: SinkTable, { drop }: PrepareOptions): Promise<readonly string[]> {
    const known = this.#table(table);
    const before = await known.state();
    const { state, needsDelta, isChanged } = this.#evolve(table, before, drop);
    if (!needsDelta && !isChanged) return [];
    const part = { id: state.nextPart, kind: 'delta' } as const;
    const columns = partColumns(state.columns);
    const parts = needsDelta
      ? [...state.parts, { ...part, columns, files: 0, bytes: 0 }]
      : state.parts;
    return [
      ...(needsDelta ? [known.createPartSql(part, columns)] : []),
      createView(known.place, { ...state, parts }),
    ];
  }

  async prepare(table: SinkTable, { drop, mayAlter }: PrepareOptions): Promise<void> {
    const known = this.#table(table);
    known.forget();
    const before = await known.state();
    const { state, needsDelta, isChanged } = this.#evolve(table, before, drop);
    if (before !== undefined && !needsDelta && !isChanged) return known.showKnown(state);
    if (!mayAlter) {
      throw incompatibleTable(table.source, 'it does not fit, and may not be altered.');
    }
    if (before === undefined) {
      await this.#createDatabase();
      await this.#assertFree(known);
    }
    if (needsDelta) await this.#addDelta(known, before ?? { ...state, columns: [] }, state);
    else await known.replaceParts(state, state.parts);
  }

  async write({ table, token, step, select, engine }: QueryBatch): Promise<void> {
    const known = this.#table(table);
    await this.#attempt(known, async () => {
      const state = await known.following(step.follows);
      const delta = lastPart(state);
      const rows = engine.query(renderRows(table, select, step.next.sequence), {
        format: this.#store.format === 'orc' ? 'ORC' : 'Parquet',
        settings: formatSettings,
      });
      const chunks: Buffer[] = [];
      for await (const chunk of rows) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const sequence = String(step.next.sequence).padStart(sequenceDigits, '0');
      const folder = partFolder(known.place.target, delta);
      await this.#store.files.put(`${folder}${sequence}-${token}.${this.#store.format}`, body);
      const grown = { ...delta, files: delta.files + 1, bytes: delta.bytes + body.length };
      const parts = [...state.parts.slice(0, -1), grown];
      await this.#maintain(known, await known.commit({ ...state, parts, progress: step.next }));
    });
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    const known = this.#table(table);
    await this.#attempt(known, async () => {
      const state = await known.following(step.follows);
      const swept = state.parts.map((part) => sweptPart(part, below));
      const next = { ...state, progress: step.next };
      // What comes later may have smaller versions, and stays.
      if (lastPart(state).files > 0) await this.#addDelta(known, state, { ...next, parts: swept });
      else await known.replaceParts(next, [...swept.slice(0, -1), lastPart(state)]);
    });
  }

  async drop(table: SinkTable): Promise<void> {
    const known = this.#table(table);
    known.forget();
    await this.#attempt(known, () => known.drop());
    this.#tables.delete(known.place.target);
  }

  async checksums(table: SinkTable, digits: number): Promise<readonly Checksum[]> {
    const { key, row } = storeTexts(table);
    const half = (from: number) =>
      `CAST(SUM(CAST(CONV(SUBSTR(h, ${from}, 15), 16, 10) AS DECIMAL(20,0))) AS STRING)`;
    const rows = await this.#store.sessions.all(
      `SELECT b, CAST(COUNT(*) AS STRING), ${half(1)}, ${half(16)} FROM (` +
        `SELECT SUBSTR(MD5(${key}), 1, ${digits}) AS b, MD5(${row}) AS h ` +
        `FROM ${viewOf(this.#table(table).place)}) x GROUP BY b`,
    );
    return rows.map(([bucket, count, sum1, sum2]) => ({
      bucket: bucket ?? '',
      rows: Number(count),
      sum1: BigInt(sum1 ?? 0),
      sum2: BigInt(sum2 ?? 0),
    }));
  }

  async *readBack(table: SinkTable, buckets?: BucketChoice): AsyncGenerator<Buffer, void> {
    const { key, texts } = storeTexts(table);
    const isChosen = buckets !== undefined && buckets.names.size <= mostBuckets;
    const names = isChosen ? [...buckets.names].map(quoteText).join(', ') || "''" : '';
    const where = isChosen ? ` WHERE SUBSTR(MD5(${key}), 1, ${buckets.digits}) IN (${names})` : '';
    const items = [...texts, `CAST(${quoteName(ownColumns.version)} AS STRING)`];
    // Columns of one name would be one.
    const list = items.map((item, index) => `${item} AS c${index}`).join(', ');
    const sql = `SELECT ${list} FROM ${viewOf(this.#table(table).place)}${where}`;
    for await (const page of this.#store.sessions.rows(sql)) {
      yield Buffer.from(page.map((values) => `${values.map(tsvText).join('\t')}\n`).join(''));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.sessions[Symbol.asyncDispose]();
  }

  #table({ source, target }: Pick<SinkTable, 'source' | 'target'>): HiveTable {
    const name = hiveName(target);
    const known = this.#tables.get(name);
    if (known?.source === source) return known;
    const table = new HiveTable(source, name, this.#store);
    this.#tables.set(name, table);
    return table;
  }

  #evolve(table: SinkTable, before: TableState | undefined, drop: boolean) {
    return evolveTable(table, before, { drop, partitionColumn: this.#partitionColumn });
  }

  /** From `before` to `after` with a new part that is written to; an empty one before it goes. */
  async #addDelta(known: HiveTable, before: TableState, after: TableState): Promise<void> {
    const { state, parts } = await known.begin(before, ['delta']);
    const [part] = parts;
    if (part === undefined) return;
    const created = await known.createDelta(part, partColumns(after.columns));
    const last = after.parts.at(-1);
    const isEmpty = last !== undefined && last.kind === 'delta' && last.files === 0;
    const kept = isEmpty ? after.parts.slice(0, -1) : after.parts;
    const { nextPart, begun, retired } = state;
    const next = { ...after, nextPart, begun, retired };
    await known.replaceParts(next, [...kept, created], isEmpty ? [known.retire(last)] : []);
  }

  async #createDatabase(): Promise<void> {
    const { sessions, database } = this.#store;
    // Its users may have no right to create one; and in Hive 4 `_` of a pattern stands for any character.
    const found = await sessions.all('SHOW DATABASES');
    if (found.some(([name]) => name === hiveName(database))) return;
    await sessions.run(`CREATE DATABASE IF NOT EXISTS ${quoteName(database)}`);
  }

  /** What Hive has by our names without our files knowing of it belongs to somebody else. */
  async #assertFree({ source, place }: HiveTable): Promise<void> {
    const { database, sessions, location } = this.#store;
    const isOurs = new RegExp(`^${place.target}(__(delta|base)_[0-9]+)?$`);
    const rows = await sessions.all(`SHOW TABLES IN ${quoteName(database)}`);
    const [found] = rows.flat().filter((name) => name !== null && isOurs.test(name));
    if (found === undefined) return;
    const why = `${database} has ${found} already, and ${location} does not know of it.`;
    throw sinkError('CDC_SINK_FOREIGN', `Creating ${place.target}`, why, {
      table: source,
      remedy: `Drop ${found} in Hive if nobody needs it, or give the sink another database or naming.`,
    });
  }

  /** The batch is in the store already: what fails here is tried again when as many files have come once more. */
  async #maintain(known: HiveTable, state: TableState): Promise<void> {
    const files = deltaFiles(state);
    const isDue = files >= known.failedFiles + this.#store.compactFiles;
    try {
      await known.purge(isDue ? await compactTable(known, state) : state);
      if (isDue) known.failedFiles = 0;
    } catch (error) {
      known.forget();
      known.failedFiles = files;
      if (!(error instanceof CdcError) || error.code === 'CDC_SINK_STALE') throw error;
      this.#store.logger.warn({ table: known.source, error }, 'Compacting a table in Hive failed.');
    }
  }

  async #attempt(known: HiveTable, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      known.forget();
      throw error;
    }
  }
}

/** The batch as it lies in a file. */
function renderRows({ columns }: SinkTable, select: string, sequence: number): string {
  const items = columns.map(
    ({ name }) => `${quoteIdentifier(name)} AS ${quoteIdentifier(hiveName(name))}`,
  );
  const loaded = new Date().toISOString().replace('T', ' ').slice(0, 19);
  return (
    `SELECT ${items.join(', ')}, toInt64(${versionColumn}) AS ${ownColumns.version}, ` +
    `toInt8(${deletedColumn}) AS ${ownColumns.deleted}, toInt64(${sequence}) AS ${ownColumns.batch}, ` +
    `'${loaded}' AS ${ownColumns.loaded} FROM (${select})`
  );
}

function sweptPart(part: TablePart, below: bigint): TablePart {
  const before = BigInt(part.below ?? 0);
  return { ...part, below: String(before > below ? before : below) };
}

function lastPart({ parts }: TableState): TablePart {
  const last = parts.at(-1);
  if (last === undefined) throw new TypeError('a table without parts');
  return last;
}
