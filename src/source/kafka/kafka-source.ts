import { type OffsetVector, sumOffsets } from '../../change/offset-vector.ts';
import type { Position } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError, type Problem } from '../../errors.ts';
import type { Logger } from '../../ops/logger.ts';
import type { SnapshotItem, SnapshotProgress, Source, StreamItem } from '../source.ts';
import { clusterReplaced } from './lost-offsets.ts';
import type { KafkaSourceOptions } from './options.ts';
import { checkTopics } from './preflight.ts';
import { offsetsOf, queuePosition } from './queue-position.ts';
import { SchemaBook } from './schema-book.ts';
import type { TopicCluster } from './topic-cluster.ts';
import { TopicReader } from './topic-reader.ts';
import { sampleTopic } from './topic-sample.ts';
import { endsOf, type FoundTopics, findTopics } from './topic-set.ts';
import { readTopicSnapshot } from './topic-snapshot.ts';
import { TopicStream } from './topic-stream.ts';
import type { TopicTable } from './topic-table.ts';

export interface KafkaSourceContext {
  /** Called once, on first use; the source closes what it gives. */
  readonly openCluster: () => Promise<TopicCluster & AsyncDisposable>;
  readonly logger: Logger;
  /** What the reader has stored. */
  readonly log?: { schemas(): ReadonlyMap<TableId, TableSchema> };
  readonly position?: () => Position | undefined;
}

/** Messages looked at to learn what a topic holds. */
const sampledMessages = 50;
/** Bytes of a message, until there is a better guess. */
const usualBytes = 500;

/**
 * Topics that other tools write, as tables: the stream takes every message from every partition, and a
 * snapshot has something to read only when a table is read anew. See Source.
 *
 * Messages are not parsed here but for a few bytes (TopicReader); the sink takes them apart. A message
 * that belongs nowhere goes to the sink as well, as a line that says so.
 */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #context: KafkaSourceContext;
  readonly #logger: Logger;
  readonly #snapshotListeners: ((table: TableId) => void)[] = [];
  #cluster: Promise<TopicCluster & AsyncDisposable> | undefined;
  #book: SchemaBook | undefined;
  #excluded: ReadonlySet<TableId> = new Set();
  /** Tables that the log knew when the stream began, where it began, and how far it is. */
  #begin: { known: ReadonlySet<TableId>; offsets: OffsetVector } | undefined;
  #position: Position | undefined;
  #messageBytes = usualBytes;

  constructor(options: KafkaSourceOptions, context: KafkaSourceContext) {
    this.#options = options;
    this.#context = context;
    this.#logger = context.logger.child({ component: 'source' });
  }

  async describe(): Promise<{ server: string; version: string }> {
    const { clusterId } = await (await this.#open()).describe();
    return { server: 'kafka', version: clusterId };
  }

  preflight(): Promise<Problem[]> {
    return checkTopics(this.#options, () => this.#open());
  }

  async tables(): Promise<TableSchema[]> {
    const cluster = await this.#open();
    const schemas = new Map<TableId, TableSchema>();
    for (const [topic, { tables }] of await findTopics(cluster, this.#options.tables)) {
      for (const table of tables) {
        const schema = await this.#schemaOf(cluster, topic, tables, table);
        if (schema !== undefined) schemas.set(table.table, schema);
      }
    }
    return [...schemas.values()].sort((left, right) => (left.table < right.table ? -1 : 1));
  }

  async currentPosition(): Promise<Position> {
    const cluster = await this.#open();
    const topics = await findTopics(cluster, this.#options.tables);
    const end = this.#options.from === 'earliest' ? 'low' : 'high';
    return this.#positionAt(cluster, await endsOf(cluster, topics.keys(), end));
  }

  async endPosition(from?: Position): Promise<{ position: Position; bytes: number }> {
    const cluster = await this.#open();
    const topics = await findTopics(cluster, this.#options.tables);
    const ends = new Map(await endsOf(cluster, topics.keys(), 'high'));
    const last = from ?? this.#lastPosition();
    // Partitions that nobody reads any more count on both sides.
    for (const [key, offset] of last ? offsetsOf(last) : []) {
      if (!ends.has(key)) ends.set(key, offset);
    }
    const position = await this.#positionAt(cluster, ends);
    const messages = from === undefined ? -1 : sumOffsets(ends) - sumOffsets(offsetsOf(from));
    return { position, bytes: from === undefined ? -1 : Math.round(messages * this.#messageBytes) };
  }

  async *stream(from: Position, signal: AbortSignal): AsyncGenerator<StreamItem> {
    const cluster = await this.#open();
    const { clusterId } = await cluster.describe();
    if (from.serverId !== clusterId) throw clusterReplaced(from.serverId, clusterId);
    const known = this.#context.log?.schemas() ?? new Map();
    this.#begin = { known: new Set(known.keys()), offsets: offsetsOf(from) };
    this.#position = from;
    const stream = new TopicStream({
      source: this.#options,
      cluster,
      book: this.#schemas(),
      known,
      excluded: this.#excluded,
      onNewTable: (table) => {
        for (const listener of this.#snapshotListeners) listener(table);
      },
      logger: this.#logger,
    });
    const schemas = (await this.tables()).filter(({ table }) => !this.#excluded.has(table));
    for await (const item of stream.items(from, schemas, signal)) {
      this.#position = item.batch.position;
      this.#measure(item);
      yield item;
    }
  }

  async *snapshot(
    table: TableId,
    resume: SnapshotProgress | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<SnapshotItem> {
    const cluster = await this.#open();
    const found = await findTopics(cluster, this.#options.tables);
    const own = new Map(
      [...found].filter(([, { tables }]) => tables.some((each) => each.table === table)),
    );
    const schema = (await this.tables()).find((each) => each.table === table);
    if (schema === undefined || signal.aborted) return;
    const known = this.#begin?.known ?? new Set(this.#context.log?.schemas().keys());
    const replaces = known.has(table);
    const isFromNow = this.#options.from === 'latest';
    const low = isFromNow ? new Map<string, number>() : await endsOf(cluster, own.keys(), 'low');
    const last = () => this.#lastPosition();
    const streamed = () => offsetsOf(last() ?? end);
    const end = (await this.endPosition()).position;
    yield* readTopicSnapshot(
      {
        cluster,
        book: this.#schemas(),
        schema,
        readers: this.#readersOf(own, end.epoch),
        replaces,
        low,
        // What the stream began behind, of a table that is new; all it has brought, of one read anew.
        until: () => only(replaces ? streamed() : (this.#begin?.offsets ?? streamed()), low),
        end,
        logger: this.#logger,
      },
      resume,
      signal,
    );
  }

  onSnapshotNeeded(listener: (table: TableId) => void): void {
    this.#snapshotListeners.push(listener);
  }

  exclude(tables: ReadonlySet<TableId>): void {
    this.#excluded = tables;
  }

  async estimateRows(table: TableId): Promise<number> {
    const cluster = await this.#open();
    let messages = 0;
    for (const [topic, { tables }] of await findTopics(cluster, this.#options.tables)) {
      if (!tables.some((each) => each.table === table)) continue;
      for (const { low, high } of await cluster.bounds(topic)) messages += high - low;
    }
    return messages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const cluster = await this.#cluster?.catch(() => undefined);
    this.#cluster = undefined;
    await cluster?.[Symbol.asyncDispose]();
  }

  #open(): Promise<TopicCluster & AsyncDisposable> {
    this.#cluster ??= this.#context.openCluster().catch((error: unknown) => {
      this.#cluster = undefined;
      throw error;
    });
    return this.#cluster;
  }

  #schemas(): SchemaBook {
    this.#book ??= new SchemaBook(this.#context.log?.schemas());
    return this.#book;
  }

  /** Declared, known, or learnt from messages; undefined while there are none to learn from. */
  async #schemaOf(
    cluster: TopicCluster,
    topic: string,
    tables: readonly TopicTable[],
    table: TopicTable,
  ): Promise<TableSchema | undefined> {
    const book = this.#schemas();
    try {
      if (table.declared !== undefined) return book.admit(table, table.declared);
      const known = book.get(table.table);
      if (known !== undefined) return known;
      const excluded = new Set(tables.filter((each) => each !== table).map((each) => each.table));
      const reader = new TopicReader({
        topic,
        tables,
        book,
        unmatched: 'ignore',
        excluded,
        epoch: 0,
      });
      for (const record of await sampleTopic(cluster, topic, sampledMessages)) {
        const placement = reader.place(record);
        if (placement.kind === 'line') return placement.target.schema;
      }
    } catch (error) {
      if (!(error instanceof CdcError) || error.kind !== 'operator') throw error;
      // `preflight` names it, and so does the stream; here the others must not suffer for it.
      this.#logger.warn({ table: table.table, error }, 'Table cannot be captured.');
    }
    return undefined;
  }

  #readersOf(topics: FoundTopics, epoch: number): Map<string, TopicReader> {
    const shared = { book: this.#schemas(), unmatched: this.#options.unmatched, epoch };
    const excluded = new Set<TableId>();
    return new Map(
      [...topics].map(([topic, { tables }]) => [
        topic,
        new TopicReader({ topic, tables, excluded, ...shared }),
      ]),
    );
  }

  #lastPosition(): Position | undefined {
    return this.#position ?? this.#context.position?.();
  }

  /** In the epoch of the last position; another cluster counts its offsets anew. */
  async #positionAt(cluster: TopicCluster, offsets: OffsetVector): Promise<Position> {
    const { clusterId } = await cluster.describe();
    const last = this.#lastPosition();
    const isOther = last !== undefined && last.serverId !== clusterId;
    return queuePosition((last?.epoch ?? 0) + (isOther ? 1 : 0), clusterId, offsets);
  }

  #measure({ batch }: StreamItem): void {
    if (batch.transactions === 0) return;
    const bytes = batch.sections.reduce(
      (sum, section) => sum + ('bytes' in section ? section.bytes.length : 0),
      0,
    );
    this.#messageBytes += (bytes / batch.transactions - this.#messageBytes) / 10;
  }
}

/** The offsets of some partitions; 0 for one that has none. */
function only(offsets: OffsetVector, partitions: OffsetVector): OffsetVector {
  return new Map([...partitions.keys()].map((key) => [key, offsets.get(key) ?? 0]));
}
