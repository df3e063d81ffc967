import { setTimeout as delay } from 'node:timers/promises';
import type { ChangeBatch, Section } from '../../../change/change-batch.ts';
import { type Position, type Version, versionOf } from '../../../change/position.ts';
import type { TableId } from '../../../change/table-id.ts';
import type { TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import type { SnapshotItem, SnapshotProgress } from '../../source.ts';
import type { MysqlSession } from '../connection.ts';
import type { SchemaReader, SourceTable } from '../schema/schema-reader.ts';
import { KeysetQuery, quoteTable } from './keyset-query.ts';
import { readBatches } from './packet-batches.ts';
import { type EncodedRows, RowCollector, snapshotExpression } from './row-collector.ts';
import type { Watermarks } from './watermark.ts';

export interface TableSnapshotContext {
  /** For this snapshot alone. */
  readonly session: MysqlSession;
  readonly schemas: SchemaReader;
  /** The schema that the reader of the items has for a table, if any. */
  readonly knownSchema: (table: TableId) => TableSchema | undefined;
  /** Called once for each reading from the start; see watermark.ts. */
  readonly openWatermarks: (session: MysqlSession) => Promise<Watermarks>;
  /** The end of the binlog now; on another session, for this one may be in the middle of a result. */
  readonly endPosition: () => Promise<Position>;
  readonly chunkRows: number;
  /** How long the stream may take to bring a changed schema before the table is declared anew. */
  readonly schemaWaitMs: number;
  readonly signal: AbortSignal;
}

/** A batch ends here even in the middle of a chunk, so that long rows do not fill the memory. */
const maxBatchBytes = 8 * 1024 * 1024;
const maxRestarts = 10;

/**
 * Reads one table in chunks; see "Snapshot" in docs/ARCHITECTURE.md.
 *
 *   begin (low watermark) ── SELECT ... WHERE key > last ORDER BY key LIMIT n ── end of binlog (high)
 *
 * The rows carry the low watermark as their version. When the table's schema changes on the way, the
 * reading begins again.
 */
export class TableSnapshot {
  readonly #table: TableId;
  readonly #context: TableSnapshotContext;

  constructor(table: TableId, context: TableSnapshotContext) {
    this.#table = table;
    this.#context = context;
  }

  async *items(resume: SnapshotProgress | undefined): AsyncGenerator<SnapshotItem> {
    // Without a last key nothing has been read yet but the declaration.
    let progress = resume?.lastKey === undefined ? undefined : resume;
    for (let attempt = 0; attempt < maxRestarts; attempt++) {
      const table = await this.#readTable();
      if (progress?.schemaVersion !== table.schema.version) {
        progress = undefined;
        yield* this.#declare(table);
      }
      const finished = yield* this.#chunks(table, progress);
      if (finished) return;
      progress = undefined;
    }
    throw new CdcError(
      'CDC_SCHEMA_INCOMPATIBLE',
      `the columns of ${this.#table} changed ${maxRestarts} times while it was read`,
      { details: { table: this.#table } },
    );
  }

  /** False when the schema changed on the way. */
  async *#chunks(
    table: SourceTable,
    resume: SnapshotProgress | undefined,
  ): AsyncGenerator<SnapshotItem, boolean> {
    const query = new KeysetQuery(table, snapshotExpression);
    const rows = new RowCollector(table.schema, query, maxBatchBytes);
    // A reading without chunks cannot go on in the middle.
    let progress = query.isOrdered ? resume : undefined;
    const { session, openWatermarks } = this.#context;
    const watermarks = await openWatermarks(session);
    while (progress?.done !== true) {
      const low = await this.#begin(table, watermarks);
      if (low === undefined) return false;
      const chunk = this.#chunk(table, query, rows, versionOf(low), progress);
      for await (const item of chunk) {
        progress = item.progress;
        yield item;
      }
    }
    return true;
  }

  /**
   * Opens the chunk's transaction; undefined when the table is another one by now. From the first
   * touch on, the server's metadata lock keeps it as it is until the COMMIT.
   */
  async #begin(table: SourceTable, watermarks: Watermarks): Promise<Position | undefined> {
    const { session } = this.#context;
    const low = await watermarks.begin(session);
    await session.command(`SELECT 1 FROM ${quoteTable(this.#table)} LIMIT 0`);
    const now = await this.#readTable();
    if (now.schema.version === table.schema.version) return low;
    await session.command('COMMIT');
    return undefined;
  }

  async *#chunk(
    table: SourceTable,
    query: KeysetQuery,
    rows: RowCollector,
    low: Version,
    resume: SnapshotProgress | undefined,
  ): AsyncGenerator<SnapshotItem> {
    const { session, chunkRows, endPosition } = this.#context;
    const firstVersion = resume === undefined ? low : BigInt(resume.firstVersion);
    // Rows below the first version would fall to the sweep; a later safe watermark is safe too.
    const version = low > firstVersion ? low : firstVersion;
    rows.version = version;
    let progress: SnapshotProgress = resume ?? {
      table: this.#table,
      schemaVersion: table.schema.version,
      firstVersion: String(firstVersion),
      rows: 0,
      chunks: 0,
      done: false,
    };
    let chunkCount = 0;
    const sql = query.isOrdered ? query.chunk(resume?.lastKey, chunkRows) : query.all();
    for await (const part of readBatches(session, sql, rows, `reading ${this.#table}`)) {
      chunkCount += part.batch.rowCount;
      const done = part.last && (!query.isOrdered || chunkCount < chunkRows);
      if (part.last) await session.command('COMMIT');
      progress = advance(progress, part.batch, part.last, done);
      const sections = this.#sections(table, part.batch, done ? firstVersion : undefined);
      yield { batch: snapshotBatch(sections, await endPosition()), progress };
    }
  }

  #sections(table: SourceTable, rows: EncodedRows, sweep: Version | undefined): Section[] {
    const { table: id, version: schemaVersion } = table.schema;
    const sections: Section[] = [];
    if (rows.rowCount > 0) {
      const { bytes, rowCount } = rows;
      sections.push({ kind: 'rows', table: id, schemaVersion, rowCount, bytes });
    }
    if (sweep !== undefined) sections.push({ kind: 'sweep', table: id, version: sweep });
    return sections;
  }

  /**
   * Before the first chunk, an item of its own with the schema, unless the reader knows it. It must be
   * stored before the low watermark is taken: when it empties the table, no change may be lost.
   */
  async *#declare(table: SourceTable): AsyncGenerator<SnapshotItem> {
    const { schema } = table;
    const known = await this.#awaitKnown(schema);
    if (known?.version === schema.version) return;
    const { session, openWatermarks, endPosition } = this.#context;
    // Not the binlog's end: the chunks' watermarks may lie before it, and must not lie before this.
    const version = versionOf(await (await openWatermarks(session)).begin(session));
    await session.command('COMMIT');
    const existingRows = known === undefined ? 'keep' : 'resnapshot';
    const section = { kind: 'schema', table: this.#table, schema, existingRows, version } as const;
    const progress = {
      table: this.#table,
      schemaVersion: schema.version,
      firstVersion: String(version),
      rows: 0,
      chunks: 0,
      done: false,
    };
    yield { batch: snapshotBatch([section], await endPosition()), progress };
  }

  /** A schema that differs is usually on its way in the stream, which knows what it does to old rows. */
  async #awaitKnown(schema: TableSchema): Promise<TableSchema | undefined> {
    const { knownSchema, schemaWaitMs, signal } = this.#context;
    const deadline = Date.now() + schemaWaitMs;
    let known = knownSchema(this.#table);
    while (known !== undefined && known.version !== schema.version && Date.now() < deadline) {
      await delay(20, undefined, { signal });
      known = knownSchema(this.#table);
    }
    return known;
  }

  async #readTable(): Promise<SourceTable> {
    const { schemas, session } = this.#context;
    const description = await schemas.describe(session, this.#table);
    if (description !== undefined) return schemas.toSourceTable(description);
    throw new CdcError('CDC_TABLE_NOT_FOUND', `the source has no table ${this.#table}`, {
      details: { table: this.#table },
    });
  }
}

function advance(
  progress: SnapshotProgress,
  rows: EncodedRows,
  chunkEnded: boolean,
  done: boolean,
): SnapshotProgress {
  return {
    ...progress,
    ...(rows.lastKey && { lastKey: rows.lastKey }),
    rows: progress.rows + rows.rowCount,
    chunks: progress.chunks + (chunkEnded ? 1 : 0),
    done,
  };
}

function snapshotBatch(sections: readonly Section[], position: Position): ChangeBatch {
  const now = Date.now();
  return {
    origin: 'snapshot',
    sections,
    position,
    transactions: 0,
    committedAtMs: now,
    receivedAtMs: now,
  };
}
