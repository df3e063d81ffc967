import type { ChangeBatch, RowsSection, Section } from '../../change/change-batch.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { ChangeFormat, EventMessage } from '../../format/change-format.ts';
import { BatchPlaces, type ChangeCounts, type RecordPlace } from './batch-places.ts';
import { ChangeWriter, type EventPlace, type WriteSink } from './change-writer.ts';
import type { Barrier } from './commit-record.ts';
import type { CommitState } from './commit-state.ts';
import type { LogTopics } from './log-topics.ts';
import type { KafkaLogOptions } from './options.ts';
import type { PartitionBatch, PartitionBatches } from './partition-batches.ts';

export interface SectionWriterContext {
  readonly topics: LogTopics;
  readonly options: KafkaLogOptions;
  readonly format: ChangeFormat;
  readonly batches: PartitionBatches;
  readonly state: CommitState;
}

/** Where the parts of what is written go: records, and barriers between them. */
export interface StepSink extends WriteSink {
  /** Everything written so far stands before the barrier. */
  barrier(barrier: Barrier): void;
}

/** Writes batches into topics: rows, what others are told of barriers, begin and end of transactions. */
export class SectionWriter {
  /** Topics with changes that are gone, until somebody has seen to their tables. */
  readonly #lost = new Set<string>();
  readonly #context: SectionWriterContext;
  readonly #changes: ChangeWriter;
  /** Schemas that no commit knows yet. */
  readonly #schemas = new Map<string, TableSchema>();
  readonly #newest = new Map<TableId, TableSchema>();
  /** A table of each topic, for messages. */
  readonly #tables = new Map<string, TableId>();
  /** The transaction of which parts were written. */
  #open: { readonly id: string; readonly changes: ChangeCounts } | undefined;

  constructor(context: SectionWriterContext) {
    const { format, batches, options, state } = context;
    this.#context = context;
    this.#changes = new ChangeWriter({
      format,
      batches,
      hasTombstones: options.compaction,
      countsChanges: options.format.transactions,
      schema: (table, version) =>
        this.#schemas.get(schemaKey(table, version)) ?? state.schema(table, version),
    });
  }

  /** `isOpen`: the transaction goes on in the next batch. */
  async write(batch: ChangeBatch, isOpen: boolean, sink: StepSink): Promise<void> {
    const { format, options } = this.#context;
    const places = new BatchPlaces(batch, this.#open);
    const tells = places.isStream && options.format.transactions ? places.all : [];
    for (const place of tells) {
      if (place.mark.id === this.#open?.id) continue;
      await this.#tell(format.transactionBegin?.(place.mark), place);
    }
    for (const section of batch.sections) await this.#writeSection(section, places, sink);
    const last = tells.at(-1);
    for (const place of tells) {
      if (isOpen && place === last) continue;
      await this.#tell(format.transactionEnd?.(place.mark, place.changes.byTable), place);
    }
    if (!places.isStream) return;
    this.#open = isOpen && last ? { id: last.mark.id, changes: last.changes } : undefined;
  }

  /** Topics that are not what the commits say. Those of events only hold nothing that could be read anew. */
  lose(topics: Iterable<string>): void {
    for (const topic of topics) if (!this.#holdsEventsOnly(topic)) this.#lost.add(topic);
  }

  /** Somebody has seen to the tables of the topic. */
  restore(topic: string): void {
    this.#lost.delete(topic);
  }

  assertTopics(): void {
    const [topic] = this.#lost;
    if (topic !== undefined) throw topicLost(topic, undefined);
  }

  /** An error of a send, as one about the topic. */
  explain(error: unknown): unknown {
    if (!(error instanceof CdcError) || error.code !== 'CDC_KAFKA_TOPIC_NOT_FOUND') return error;
    const topic = String(error.details['topic']);
    if (!this.#holdsEventsOnly(topic)) return topicLost(topic, this.#tables.get(topic), error);
    const message = `Writing to ${topic}: it was deleted; it is made anew.`;
    return new CdcError('CDC_KAFKA_UNREACHABLE', message, { cause: error, details: { topic } });
  }

  async #writeSection(section: Section, places: BatchPlaces, sink: StepSink): Promise<void> {
    if (section.kind === 'messages') {
      throw new CdcError('CDC_INTERNAL', 'Messages of others cannot be written into topics again.');
    }
    if (section.kind !== 'rows') return this.#writeBarrier(section, places, sink);
    const partitions = await this.#partitionsOf(this.#topicOf(section), section.table);
    await this.#changes.writeRows(section, places, partitions, sink);
  }

  async #writeBarrier(barrier: Barrier, places: BatchPlaces, sink: StepSink): Promise<void> {
    const { format, state, batches } = this.#context;
    const { table, version } = barrier;
    const before = this.#newest.get(table) ?? state.newestSchemas().get(table);
    if (barrier.kind === 'schema') {
      const { schema } = barrier;
      this.#schemas.set(schemaKey(table, schema.version), schema);
      this.#newest.set(table, schema);
    }
    for (const filled of batches.filled()) sink.sent(batches.send(filled));
    sink.barrier(barrier);
    const place = places.at(version);
    for (const event of format.events(barrier, before, place)) {
      await this.#writeEvent(event, { table, version, place }, this.#topicsOf(barrier));
    }
  }

  async #tell(event: EventMessage | undefined, place: RecordPlace): Promise<void> {
    if (event === undefined) return;
    await this.#writeEvent(event, { version: place.mark.end, place });
  }

  async #writeEvent(
    event: EventMessage,
    about: EventPlace,
    tableTopics: readonly string[] = [],
  ): Promise<void> {
    const { names } = this.#context.topics;
    for (const topic of event.to === 'table' ? tableTopics : [names[event.to]]) {
      for (const partition of await this.#partitionsOf(topic, about.table ?? topic)) {
        this.#changes.writeEvent(event, about, partition);
      }
    }
  }

  /** Without a router, as in tests, a topic is named after its table. */
  #topicOf({ topic, table }: RowsSection): string {
    return topic ?? `${this.#context.topics.names.schema}.${table}`;
  }

  #topicsOf(barrier: Barrier): readonly string[] {
    const known = 'topics' in barrier ? barrier.topics : undefined;
    return known ?? [`${this.#context.topics.names.schema}.${barrier.table}`];
  }

  async #partitionsOf(topic: string, table: TableId): Promise<readonly PartitionBatch[]> {
    this.#tables.set(topic, table);
    if (this.#lost.has(topic)) throw topicLost(topic, table);
    const known = this.#context.batches.of(topic);
    if (known !== undefined) return known;
    const { partitions } = await this.#context.topics.ensure(topic);
    return this.#context.batches.open(topic, Array(partitions).fill(0));
  }

  #holdsEventsOnly(topic: string): boolean {
    const { schema, transaction } = this.#context.topics.names;
    return topic === schema || topic === transaction;
  }
}

/** `table`: one of those whose changes the topic held, where it is known. */
function topicLost(topic: string, table: TableId | undefined, cause?: unknown): CdcError {
  return new CdcError(
    'CDC_LOG_TOPIC_LOST',
    `Writing changes${table === undefined ? '' : ` of ${table}`}: topic ${topic} was deleted, and what it held is gone.`,
    {
      cause,
      details: { topic, ...(table !== undefined && { table }) },
      remedy: `Create it anew and fill it from the source: cdc init --tables ${table ?? '<table>'}`,
    },
  );
}

function schemaKey(table: TableId, version: string): string {
  return `${version} ${table}`;
}
