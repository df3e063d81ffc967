import { createRequire } from 'node:module';
import { CdcError, type Problem } from '../../errors.ts';
import type { ChangeFormat } from '../../format/change-format.ts';
import { createFormat } from '../../format/create-format.ts';
import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../../kafka/kafkajs-cluster.ts';
import type { SinkContext } from '../open-sink.ts';
import type { RowEngine } from '../row-engine.ts';
import type { PrepareOptions, Progress, QueryBatch, QuerySink, Sweep } from '../sink.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import type { TypeMap } from '../type-map.ts';
import { messageSchema } from './message-schema.ts';
import type { KafkaSinkOptions } from './options.ts';
import { checkKafkaSink } from './preflight.ts';
import { ProgressReader, type TableRecord } from './progress-topic.ts';
import { readTopic } from './read-back.ts';
import { kafkaSinkError, leavesWriterIntact } from './sink-error.ts';
import { SinkTopics } from './sink-topics.ts';
import { StagedSql } from './staged-rows.ts';
import { TableChangelog } from './table-changelog.ts';
import { TopicWriter } from './topic-writer.ts';
import { kafkaTypes } from './type-map.ts';

/** A writer and the tables it has been used for. */
interface Session {
  readonly writer: TopicWriter;
  readonly changelogs: Map<string, Promise<TableChangelog>>;
}

/**
 * A topic for each table, which holds each net change once, as Debezium, Canal or Maxwell would write it. Reading (progress, plans,
 * rows) disturbs nobody; the first write shuts out every other writer of the same topics.
 */
export class KafkaSink implements QuerySink {
  readonly takes = 'queries';
  readonly types: TypeMap;
  readonly #options: KafkaSinkOptions;
  readonly #cluster: KafkaCluster;
  readonly #engine: RowEngine;
  readonly #topics: SinkTopics;
  readonly #format: ChangeFormat;
  readonly #progress: ProgressReader;
  #session: Promise<Session> | undefined;

  constructor(
    options: KafkaSinkOptions,
    { cluster, engine, project }: { cluster: KafkaCluster; engine: RowEngine; project: string },
  ) {
    this.types = kafkaTypes(options.format);
    this.#options = options;
    this.#cluster = cluster;
    this.#engine = engine;
    this.#topics = new SinkTopics(options, project);
    this.#progress = new ProgressReader(cluster, this.#topics.progress);
    const { prefix: name } = this.#topics;
    const source = { name, connector: 'mysql', toolVersion: version } as const;
    this.#format = createFormat({ ...options.format, transactions: false }, source);
  }

  async preflight(): Promise<Problem[]> {
    return await checkKafkaSink(this.#cluster, this.#options, this.#topics);
  }

  async progress(): Promise<ReadonlyMap<string, Progress>> {
    const records = await this.#reading(() => this.#progress.read());
    return new Map(
      [...records].flatMap(([source, { progress }]) => (progress ? [[source, progress]] : [])),
    );
  }

  async plan(table: SinkTable): Promise<string[]> {
    return await this.#reading(async () => {
      const { topic, partitions, settings } = this.#topics.newTopic(table);
      const record = (await this.#progress.read()).get(table.source);
      const exists = (await this.#cluster.describeTopics([topic])).get(topic) !== undefined;
      const options = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      return [
        ...(exists
          ? []
          : [`create topic ${topic} with ${partitions} partitions, ${options.join(', ')}`]),
        ...(record !== undefined && hasOtherColumns(record, table)
          ? [`write messages with other columns into ${topic}`]
          : []),
      ];
    }, table.source);
  }

  async prepare(table: SinkTable, { mayAlter }: PrepareOptions): Promise<void> {
    if (!mayAlter && (await this.plan(table)).length > 0) {
      throw incompatibleTable(table.source, 'its topic does not fit, and may not be altered.');
    }
    await this.#writing(table.source, async (session) => {
      const record = session.writer.records.get(table.source);
      if (record === undefined) await session.writer.begin(table);
      else {
        assertSameTopic(record, table, this.#topics.topicOf(table));
        const changelog = await this.#changelog(session, table.source);
        if (hasOtherColumns(record, table)) await changelog.refit(table);
      }
    });
  }

  async write({ table, select, isRepair, refuse, step }: QueryBatch): Promise<void> {
    await this.#writing(table.source, async (session) => {
      const changelog = await this.#changelog(session, table.source);
      await changelog.write({ select, isRepair, refuse }, step);
    });
  }

  async sweep(table: SinkTable, { below, step }: Sweep): Promise<void> {
    await this.#writing(table.source, async (session) => {
      const changelog = await this.#changelog(session, table.source);
      await changelog.sweep(below, step);
    });
  }

  /** Readers see every row go; the topic stays, because they are at some place in it. */
  async drop({ source }: SinkTable): Promise<void> {
    const isKnown = await this.#reading(
      async () => (await this.#progress.read()).has(source),
      source,
    );
    if (!isKnown) return;
    await this.#writing(source, async (session) => {
      const record = session.writer.records.get(source);
      if (record === undefined) return;
      const changelog = await this.#changelog(session, source).catch(ifTopicIsLost);
      await changelog?.end();
      const tables = new StagedSql(this.#options.name, record.table);
      for (const statement of tables.drop()) await this.#engine.command(statement);
      session.changelogs.delete(source);
      await session.writer.keep(source, undefined);
    });
  }

  async *readBack(table: SinkTable): AsyncGenerator<Buffer, void> {
    try {
      yield* readTopic(this.#cluster, this.#topics.topicOf(table), table, this.#options);
    } catch (error) {
      throw kafkaSinkError(error, this.#topics.progress, table.source);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.writer[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }

  #changelog({ writer, changelogs }: Session, source: string): Promise<TableChangelog> {
    const known = changelogs.get(source);
    if (known !== undefined) return known;
    const context = {
      options: this.#options,
      cluster: this.#cluster,
      engine: this.#engine,
      format: this.#format,
    };
    const opened = TableChangelog.open(context, writer, source);
    changelogs.set(source, opened);
    opened.catch(() => changelogs.delete(source));
    return opened;
  }

  async #reading<T>(work: () => Promise<T>, source?: string): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw kafkaSinkError(error, this.#topics.progress, source);
    }
  }

  /** After an error nobody knows what is stored, so another writer begins with looking. */
  async #writing(source: string, work: (session: Session) => Promise<void>): Promise<void> {
    this.#session ??= this.#openSession();
    const opening = this.#session;
    try {
      await work(await opening);
    } catch (error) {
      if (!leavesWriterIntact(error)) {
        if (this.#session === opening) this.#session = undefined;
        await (await opening.catch(() => undefined))?.writer[Symbol.asyncDispose]();
      }
      throw kafkaSinkError(error, this.#topics.progress, source);
    }
  }

  async #openSession(): Promise<Session> {
    const context = {
      cluster: this.#cluster,
      options: this.#options,
      topics: this.#topics,
      progress: this.#progress,
    };
    return { writer: await TopicWriter.open(context), changelogs: new Map() };
  }
}

export async function openKafkaSink(
  options: KafkaSinkOptions,
  { engine, logger, project }: SinkContext,
): Promise<KafkaSink> {
  const clientId = `cdc-${project}-${options.name}`;
  const cluster = await openKafkaCluster(options, { clientId, logger });
  return new KafkaSink(options, { cluster, engine, project });
}

function hasOtherColumns({ table: before }: TableRecord, table: SinkTable): boolean {
  return messageSchema(before).version !== messageSchema(table).version;
}

function assertSameTopic({ topic, table }: TableRecord, after: SinkTable, wanted: string): void {
  if (topic !== wanted) throw incompatibleTable(after.source, `its topic was ${topic}.`);
  if (table.key.join('\0') === after.key.join('\0')) return;
  const [before, now] = [table, after].map(({ key }) => key.join(', '));
  throw incompatibleTable(after.source, `the key of its messages was (${before}) and is (${now}).`);
}

function ifTopicIsLost(error: unknown): undefined {
  if (error instanceof CdcError && error.code === 'CDC_SINK_INCOMPATIBLE') return undefined;
  throw error;
}

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };
