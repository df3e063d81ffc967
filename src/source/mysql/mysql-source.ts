import type { RowsSection, SchemaSection } from '../../change/change-batch.ts';
import { type Position, type Version, versionOf } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { SnapshotItem, SnapshotProgress, Source, StreamItem } from '../source.ts';
import { BinlogStream } from './binlog/binlog-stream.ts';
import { MysqlSession } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { checkSource } from './preflight.ts';
import { SchemaReader } from './schema/schema-reader.ts';
import { ServerProbe } from './schema/server-probe.ts';
import { readServerInfo, replicaIdOf, type ServerInfo } from './server-info.ts';
import { positionAt, readBinlogBytes, readBinlogEnd } from './server-position.ts';
import { readKeyRows } from './snapshot/key-rows.ts';
import { TableSnapshot } from './snapshot/table-snapshot.ts';
import { openWatermarks, readSafePosition, type WatermarkContext } from './snapshot/watermark.ts';

export interface MysqlSourceContext {
  /** Names the project on this machine; the replica id is derived from it when none is configured. */
  readonly project: string;
  readonly logger: Logger;
  /** `changes`: the stream has before images and transaction marks too. Default: `rows`. */
  readonly detail?: 'rows' | 'changes';
  /** What the reader has stored, asked again whenever a stream or a snapshot starts. */
  readonly log?: { schemas(): ReadonlyMap<TableId, TableSchema> };
  /** Where the reader will stream from; its epoch is that of positions asked for before the stream runs. */
  readonly position?: () => Position | undefined;
}

/** A session with what is known about the server behind it. */
interface Connected {
  readonly session: MysqlSession;
  readonly server: ServerInfo;
  readonly schemas: SchemaReader;
}

const schemaWaitMs = 5000;

/** MySQL or MariaDB: snapshots through SELECTs, the stream through the binlog. See Source. */
export class MysqlSource implements Source {
  readonly #options: MysqlSourceOptions;
  readonly #replicaId: number;
  readonly #detail: 'rows' | 'changes';
  readonly #log: MysqlSourceContext['log'];
  readonly #storedPosition: () => Position | undefined;
  readonly #logger: Logger;
  readonly #snapshotListeners: ((table: TableId) => void)[] = [];
  #excluded: ReadonlySet<TableId> = new Set();
  /** For single statements, shared by whoever asks. */
  #control: Promise<Connected> | undefined;
  /** Up to here the stream has delivered; see WatermarkContext. */
  #streamPosition: Position | undefined;

  constructor(options: MysqlSourceOptions, context: MysqlSourceContext) {
    this.#options = options;
    this.#replicaId = options.serverId ?? replicaIdOf(context.project);
    this.#detail = context.detail ?? 'rows';
    this.#log = context.log;
    this.#storedPosition = context.position ?? (() => undefined);
    this.#logger = context.logger.child({ component: 'source' });
  }

  async describe(): Promise<{ server: string; version: string; serverId: number }> {
    const { server } = await this.#connected();
    return { server: server.flavour, version: server.version, serverId: server.serverId };
  }

  preflight(): Promise<Problem[]> {
    return checkSource(this.#options, this.#replicaId);
  }

  async tables(): Promise<TableSchema[]> {
    const { session, schemas } = await this.#connected();
    const descriptions = await schemas.describeAll(session);
    return descriptions.flatMap((description) => {
      try {
        return [schemas.toSourceTable(description).schema];
      } catch (error) {
        if (!(error instanceof CdcError) || error.kind !== 'operator') throw error;
        // `preflight` lists them; here the others must not suffer for it.
        this.#logger.warn({ table: description.table, error }, 'Table cannot be captured.');
        return [];
      }
    });
  }

  async currentPosition(): Promise<Position> {
    const connected = await this.#connect();
    await using session = connected.session;
    return await readSafePosition(session, this.#watermarkContext(connected.server));
  }

  async endPosition(from?: Position): Promise<{ position: Position; bytes: number }> {
    const { session, server } = await this.#connected();
    const end = await readBinlogEnd(session, server);
    const position = positionAt(end, server, this.#epoch(server));
    return { position, bytes: from ? await readBinlogBytes(session, from, end) : -1 };
  }

  stream(from: Position, signal: AbortSignal): AsyncGenerator<StreamItem> {
    // At once, not when the first item is asked for: snapshots that start now build on it.
    this.#streamPosition = from;
    return this.#stream(from, signal);
  }

  async *snapshot(
    table: TableId,
    resume: SnapshotProgress | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<SnapshotItem> {
    if (signal.aborted) return;
    const { session, server, schemas } = await this.#connect();
    const end = () => session.destroy();
    signal.addEventListener('abort', end, { once: true });
    const snapshot = new TableSnapshot(table, {
      session,
      schemas,
      knownSchema: (id) => this.#log?.schemas().get(id),
      openWatermarks: (reader) => openWatermarks(reader, this.#watermarkContext(server)),
      endPosition: async () => (await this.endPosition()).position,
      chunkRows: this.#options.snapshot.chunkRows,
      schemaWaitMs,
      signal,
    });
    try {
      for await (const item of snapshot.items(resume)) {
        if (signal.aborted) return;
        yield item;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', end);
      await session[Symbol.asyncDispose]();
    }
  }

  async readRows(
    schema: TableSchema,
    keys: readonly (readonly string[])[],
    version: Version,
    signal: AbortSignal,
  ): Promise<RowsSection> {
    const { session, server, schemas } = await this.#connect();
    const end = () => session.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      return await readKeyRows(keys, version, {
        ...{ session, schemas, schema },
        openWatermarks: (reader) => openWatermarks(reader, this.#watermarkContext(server)),
      });
    } finally {
      signal.removeEventListener('abort', end);
      await session[Symbol.asyncDispose]();
    }
  }

  onSnapshotNeeded(listener: (table: TableId) => void): void {
    this.#snapshotListeners.push(listener);
  }

  exclude(tables: ReadonlySet<TableId>): void {
    this.#excluded = tables;
  }

  async estimateRows(table: TableId): Promise<number> {
    const { session, schemas } = await this.#connected();
    return (await schemas.describe(session, table))?.estimatedRows ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const control = await this.#control?.catch(() => undefined);
    this.#control = undefined;
    await control?.session[Symbol.asyncDispose]();
  }

  async *#stream(from: Position, signal: AbortSignal): AsyncGenerator<StreamItem> {
    const { server } = await this.#connected();
    const start = this.#startOn(server, from);
    const known = new Map(this.#log?.schemas());
    const declaration = await this.#declareUnknown(known, start);
    if (declaration !== undefined) yield declaration;
    const stream = new BinlogStream({
      source: {
        ...this.#options,
        tables: [...this.#options.tables, ...[...this.#excluded].map((table) => `!${table}`)],
      },
      serverId: this.#replicaId,
      detail: this.#detail,
      probe: new ServerProbe({
        connected: () => this.#connected(),
        endPosition: async () => (await this.endPosition()).position,
      }),
      onSnapshotNeeded: (table) => {
        for (const listener of this.#snapshotListeners) listener(table);
      },
    });
    for await (const item of stream.stream(start, known, signal)) {
      if (!item.open) this.#streamPosition = item.batch.position;
      yield item;
    }
  }

  /** Another server names the same place by its GTID only, and its files count from anew. */
  #startOn(server: ServerInfo, from: Position): Position {
    if (from.serverId === server.identity || from.gtid === undefined) return from;
    this.#logger.warn({ was: from.serverId, is: server.identity }, 'The source is another server.');
    const serverId = server.identity;
    return { epoch: this.#epoch(server), file: '', offset: 0, gtid: from.gtid, serverId };
  }

  /**
   * The first item: schemas of captured tables that the reader does not know yet, so that their first
   * rows need no new reading of the table. A schema that is newer than the rows shows at these rows.
   */
  async #declareUnknown(
    known: Map<TableId, TableSchema>,
    position: Position,
  ): Promise<StreamItem | undefined> {
    const tables = await this.tables();
    const unknown = tables.filter(({ table }) => !known.has(table) && !this.#excluded.has(table));
    if (unknown.length === 0) return undefined;
    const version = versionOf(position);
    const sections = unknown.map((schema): SchemaSection => {
      const { table } = schema;
      known.set(table, schema);
      return { kind: 'schema', table, schema, existingRows: 'keep', version };
    });
    const now = Date.now();
    const times = { committedAtMs: now, receivedAtMs: now };
    return {
      batch: { origin: 'stream', sections, position, transactions: 0, ...times },
      open: false,
    };
  }

  /**
   * The epoch of positions on this server: that of the position last stored, or one more when another
   * server stands behind the address since then.
   */
  #epoch(server: ServerInfo): number {
    const last = this.#streamPosition ?? this.#storedPosition();
    if (last === undefined) return 0;
    return last.serverId === server.identity ? last.epoch : last.epoch + 1;
  }

  #watermarkContext(server: ServerInfo): WatermarkContext {
    return { server, epoch: this.#epoch(server), streamPosition: () => this.#streamPosition };
  }

  async #connect(): Promise<Connected> {
    const session = await MysqlSession.open(this.#options);
    try {
      const server = await readServerInfo(session);
      return { session, server, schemas: new SchemaReader(this.#options, server.flavour) };
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** The shared session, opened anew when it broke. */
  #connected(): Promise<Connected> {
    const open = () => this.#connect();
    this.#control =
      this.#control?.then((current) => (current.session.usable ? current : open()), open) ?? open();
    return this.#control;
  }
}
