import type { Section } from '../../change/change-batch.ts';
import { partitionKey, splitPartitionKey } from '../../change/offset-vector.ts';
import { type Position, versionOf } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { Logger } from '../../ops/logger.ts';
import type { StreamItem } from '../source.ts';
import { topicDeleted } from './lost-offsets.ts';
import { MessageReading } from './message-reading.ts';
import type { KafkaSourceOptions } from './options.ts';
import { offsetsOf, queuePosition } from './queue-position.ts';
import type { SchemaBook } from './schema-book.ts';
import { SectionBuilder } from './section-builder.ts';
import type { TopicCluster } from './topic-cluster.ts';
import { TopicReader } from './topic-reader.ts';
import { endsOf, type FoundTopics, findTopics } from './topic-set.ts';
import { matchesTopic } from './topic-table.ts';

export interface TopicStreamOptions {
  readonly source: Pick<KafkaSourceOptions, 'tables' | 'unmatched' | 'discoverySeconds'>;
  readonly cluster: TopicCluster;
  readonly book: SchemaBook;
  /** What the log knows when the stream begins. */
  readonly known: ReadonlyMap<TableId, TableSchema>;
  readonly excluded: ReadonlySet<TableId>;
  /** A table that was not there when the stream began has its first messages. */
  readonly onNewTable: (table: TableId) => void;
  readonly logger: Logger;
}

/** Follows all topics from a position on, those too that appear meanwhile. */
export class TopicStream {
  readonly #options: TopicStreamOptions;
  readonly #readers = new Map<string, TopicReader>();
  readonly #builder: SectionBuilder;
  readonly #seen: Set<TableId>;

  constructor(options: TopicStreamOptions) {
    this.#options = options;
    this.#builder = new SectionBuilder(options.book, options.known);
    this.#seen = new Set(options.known.keys());
  }

  /** `schemas`: declared in the first item unless the log knows them. */
  async *items(
    from: Position,
    schemas: readonly TableSchema[],
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem> {
    const { cluster, logger, source } = this.#options;
    const { epoch, serverId } = from;
    const reading = new MessageReading({
      cluster,
      builder: this.#builder,
      readers: this.#readers,
      from: offsetsOf(from),
      logger,
    });
    for (const schema of schemas) {
      this.#builder.declare(schema, versionOf(from));
      this.#seen.add(schema.table);
    }
    const first = this.#builder.take().sections;
    if (first.length > 0) yield itemOf(first, from, 0, undefined);
    let discoverAt = 0;
    let sum = versionOf(from);
    while (!signal.aborted) {
      if (Date.now() >= discoverAt) {
        await this.#discover(reading, epoch);
        discoverAt = Date.now() + source.discoverySeconds * 1000;
      }
      // Above every position before the batch, and not above the one after it: a message moves it by one.
      const batch = await reading.read(sum + 1n, signal);
      const position = queuePosition(epoch, serverId, reading.offsets);
      if (signal.aborted || versionOf(position) === sum) continue;
      sum = versionOf(position);
      yield itemOf(batch.sections, position, batch.messages, batch.timestampMs);
      this.#announce(batch.sections);
    }
  }

  /** Takes in topics and partitions that are new; they begin at the first message they have. */
  async #discover(reading: MessageReading, epoch: number): Promise<void> {
    const { cluster, source, book, excluded, logger } = this.#options;
    const found = await findTopics(cluster, source.tables);
    this.#assertNotDeleted(reading, found);
    for (const [topic, { tables, partitions }] of found) {
      const fresh = partitions.filter((id) => !reading.offsets.has(partitionKey(topic, id)));
      if (fresh.length > 0) {
        for (const [key, low] of await endsOf(cluster, [topic], 'low')) {
          if (!reading.offsets.has(key)) reading.offsets.set(key, low);
        }
        logger.info({ topic, partitions: fresh }, 'Reading partitions from their begin.');
      }
      if (this.#readers.has(topic)) continue;
      const { unmatched } = source;
      const reader = new TopicReader({ topic, tables, book, unmatched, excluded, epoch });
      this.#readers.set(topic, reader);
    }
  }

  /** Topics that no entry names any more stay where they are, in case one does again. */
  #assertNotDeleted(reading: MessageReading, found: FoundTopics): void {
    const { tables } = this.#options.source;
    for (const key of reading.offsets.keys()) {
      const { topic } = splitPartitionKey(key);
      const isWanted = tables.some((entry) => matchesTopic(entry, topic));
      if (isWanted && !found.has(topic)) throw topicDeleted(topic, reading.offsets);
    }
  }

  /** After the batch is taken, so that the log knows the table when its snapshot begins. */
  #announce(sections: readonly Section[]): void {
    for (const { kind, table } of sections) {
      if (kind !== 'schema' || this.#seen.has(table)) continue;
      this.#seen.add(table);
      this.#options.onNewTable(table);
    }
  }
}

function itemOf(
  sections: readonly Section[],
  position: Position,
  messages: number,
  timestampMs: number | undefined,
): StreamItem {
  const now = Date.now();
  return {
    batch: {
      origin: 'stream',
      sections,
      position,
      transactions: messages,
      committedAtMs: timestampMs ?? now,
      receivedAtMs: now,
    },
    open: false,
  };
}
