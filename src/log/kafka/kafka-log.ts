import type { Catalog } from '../../catalog/catalog.ts';
import type { ChangeBatch } from '../../change/change-batch.ts';
import type { MessageLayout } from '../../change/message-layout.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { ChangeFormat } from '../../format/change-format.ts';
import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';
import type { Logger } from '../../ops/logger.ts';
import type { AppendOptions, ChangeLog, LogEntry, LogOffset, PartitionLag } from '../change-log.ts';
import { CommitLog } from './commit-log.ts';
import { EntryReader } from './entry-reader.ts';
import { LogTopics } from './log-topics.ts';
import { LogWriter } from './log-writer.ts';
import type { KafkaLogOptions } from './options.ts';

export interface KafkaLogSetup {
  readonly cluster: KafkaCluster;
  readonly options: KafkaLogOptions;
  /** Begins the names of all topics. */
  readonly prefix: string;
  /** How messages of a table can be taken apart. */
  readonly layout: (schema: TableSchema) => MessageLayout;
  /** Asked for when this process becomes the writer. */
  readonly openFormat: () => Promise<ChangeFormat>;
  /** Keeps the offsets of consumers; best where the data goes. Stays the caller's. */
  readonly offsets: Catalog;
  readonly logger: Logger;
}

/**
 * The change log in Kafka: changes lie in topics that anybody may read, and the commits topic says which
 * of them are an entry (docs/ARCHITECTURE.md, "Log in Kafka"). Entries come back as messages. Any
 * number of processes may read; the first append makes this process the writer and shuts out another.
 * The log closes the cluster.
 */
export class KafkaLog implements ChangeLog {
  readonly #setup: KafkaLogSetup;
  readonly #topics: LogTopics;
  readonly #commits: CommitLog;
  readonly #reader: EntryReader;
  readonly #following = new AbortController();
  #followed: Promise<void> | undefined;
  #writer: LogWriter | undefined;
  #opening: Promise<LogWriter> | undefined;
  /** The writer that the stream has begun with: after another was opened it must begin again. */
  #streamWriter: LogWriter | undefined;

  static async open(setup: KafkaLogSetup): Promise<KafkaLog> {
    const log = new KafkaLog(setup);
    try {
      await log.#topics.ensure(log.#topics.names.commits);
      await log.#commits.open();
      log.#followed = log.#commits.follow(log.#following.signal);
      return log;
    } catch (error) {
      await setup.cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(setup: KafkaLogSetup) {
    const { cluster, options, prefix, layout } = setup;
    this.#setup = setup;
    this.#topics = new LogTopics(cluster, options, prefix);
    const commitsTopic = this.#topics.names.commits;
    this.#reader = new EntryReader({
      cluster,
      commitsTopic,
      isLost: (topic, number) => this.#commits.state.isLost(topic, number),
      schema: (table, version) => this.schema(table, version),
      layout,
    });
    this.#commits = new CommitLog(cluster, commitsTopic, this.#reader, setup.logger);
  }

  async append(batches: readonly ChangeBatch[], options: AppendOptions = {}): Promise<LogOffset> {
    const writer = await this.#writerFor(batches);
    await writer.append(batches, options);
    return this.end();
  }

  async discardOpen(): Promise<void> {
    const writer = await this.#openWriter();
    await writer.drain();
    // Parts of a transaction that broke off are in the topics: a new writer finds them there.
    this.#streamWriter = writer.hasOpenParts ? await this.#renewWriter() : writer;
    this.#streamWriter.assertTopics();
  }

  async read(
    offset: LogOffset,
    maxBytes: number,
    wants: (table: TableId) => boolean = () => true,
  ): Promise<LogEntry[]> {
    if (offset >= this.end()) return [];
    if (offset < this.#commits.first) {
      throw new CdcError(
        'CDC_LOG_ENTRIES_LOST',
        `Reading the change log: ${this.#topics.names.commits} begins at ${this.#commits.first}, and ${offset} was to come next.`,
      );
    }
    return await this.#reader.read(offset, this.end(), maxBytes, wants);
  }

  waitFor(offset: LogOffset, signal: AbortSignal): Promise<void> {
    return this.#commits.waitFor(offset, signal);
  }

  end(): LogOffset {
    return this.#commits.end;
  }

  checkpoint<T>(name: string): T | undefined {
    return this.#commits.state.checkpoint(name) as T | undefined;
  }

  checkpoints<T>(prefix: string): Map<string, T> {
    return this.#commits.state.checkpoints(prefix) as Map<string, T>;
  }

  schema(table: TableId, version: string): TableSchema | undefined {
    return this.#commits.state.schema(table, version);
  }

  schemas(): Map<TableId, TableSchema> {
    return this.#commits.state.newestSchemas();
  }

  committed(consumer: string): LogOffset {
    return this.#setup.offsets.get<LogOffset>(consumerKey(consumer)) ?? this.#commits.first;
  }

  async commit(consumer: string, offset: LogOffset): Promise<void> {
    await this.#setup.offsets.put(consumerKey(consumer), offset);
  }

  stats(): { entries: number; bytes: number; firstOffset: LogOffset; end: LogOffset } {
    const { first, end, state } = this.#commits;
    return { entries: end - first, bytes: state.bytes, firstOffset: first, end };
  }

  /** By the offsets of records, so barriers and tombstones count in; at most some thousand commits are looked at. */
  async lags(
    offset: LogOffset,
    wants: (table: TableId) => boolean = () => true,
  ): Promise<PartitionLag[]> {
    const { state } = this.#commits;
    const unread = await this.#commits.unread(offset, wants);
    return unread.map(({ range: { topic, partition, start }, record }) => {
      const end = state.end(topic, partition);
      const oldestUnloadedAtMs = record.receivedAtMs;
      return { topic, partition, loaded: start, end, lag: end - start, oldestUnloadedAtMs };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following.abort();
    this.#commits.close();
    const writer = await this.#opening?.catch(() => undefined);
    await (writer ?? this.#writer)?.[Symbol.asyncDispose]();
    await this.#followed;
    await this.#setup.cluster[Symbol.asyncDispose]();
  }

  /**
   * A stream goes on only with the writer it began with: what an earlier one had stored without its
   * commit is repeated when the stream begins again (`discardOpen`).
   */
  async #writerFor(batches: readonly ChangeBatch[]): Promise<LogWriter> {
    const isFirst = this.#writer === undefined;
    if (batches.length > 0 && this.#writer?.failure !== undefined) throw this.#writer.failure;
    const writer = await this.#openWriter();
    if (isFirst) this.#streamWriter ??= writer;
    const isStream = batches.some(({ origin }) => origin === 'stream');
    if (isStream && writer !== this.#streamWriter) {
      throw new CdcError('CDC_KAFKA_UNREACHABLE', 'Appending: the log was opened anew meanwhile.');
    }
    return writer;
  }

  async #openWriter(): Promise<LogWriter> {
    if (this.#writer !== undefined && this.#writer.failure === undefined) return this.#writer;
    return await this.#renewWriter();
  }

  #renewWriter(): Promise<LogWriter> {
    this.#opening ??= this.#replaceWriter().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #replaceWriter(): Promise<LogWriter> {
    // Nobody else writes from now on, so there is nothing to follow.
    this.#following.abort();
    await this.#followed;
    await this.#writer?.[Symbol.asyncDispose]();
    const { cluster, options, logger } = this.#setup;
    this.#writer = await LogWriter.open({
      cluster,
      options,
      format: await this.#setup.openFormat(),
      logger,
      topics: this.#topics,
      state: this.#commits.state,
      catchUp: () => this.#commits.catchUp(),
      committed: (record, offset) => this.#commits.committed(record, offset),
    });
    return this.#writer;
  }
}

function consumerKey(consumer: string): string {
  return `log/consumer/${consumer}`;
}
