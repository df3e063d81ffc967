import { randomInt } from 'node:crypto';
import type { TableSchema } from '../../change/table-schema.ts';
import type { ChangeEncoder, ChangeFormat, ChangePlace } from '../../format/change-format.ts';
import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';
import type { RowEngine } from '../row-engine.ts';
import type { ProgressStep } from '../sink.ts';
import { staleProgress } from '../sink-errors.ts';
import type { SinkTable } from '../sink-table.ts';
import { messageSchema } from './message-schema.ts';
import { MessageWriter } from './message-writer.ts';
import type { KafkaSinkOptions } from './options.ts';
import type { TableRecord } from './progress-topic.ts';
import { tableHeaders } from './record-headers.ts';
import { retractKeys } from './retract-keys.ts';
import { type ReadOptions, type StagedBatch, StagedSql } from './staged-rows.ts';
import type { TopicWriter } from './topic-writer.ts';

export interface ChangelogContext {
  readonly options: KafkaSinkOptions;
  readonly cluster: KafkaCluster;
  readonly engine: RowEngine;
  readonly format: ChangeFormat;
}

/** Rows to be written. */
export interface ChangelogRows {
  /** The rows, then `_version` and `_deleted`. */
  readonly select: string;
  readonly isRepair: boolean;
  /** Keeps rows that no message can hold: a SELECT of `key`, `version`, `reason`. */
  readonly refuse: (found: string) => Promise<unknown>;
}

/** Batches are numbered so; the engine reads it as UInt64. */
const attempts = 2 ** 47;

/**
 * Brings batches of one table into its topic, each net change once.
 *
 *   next := batch ─> messages, all in sync ─> record of the table {progress, ends of partitions} ─> sent := next
 *   crash before the record: the messages behind `ends` are the tail; the batch in `next` is written again, without those
 *   crash after the record:  sent := next
 */
export class TableChangelog {
  readonly #context: ChangelogContext;
  readonly #writer: TopicWriter;
  readonly #source: string;
  #encoder: { readonly version: string; readonly encoder: ChangeEncoder } | undefined;

  private constructor(context: ChangelogContext, writer: TopicWriter, source: string) {
    this.#context = context;
    this.#writer = writer;
    this.#source = source;
  }

  /** Of a table that has a record; ends what an earlier writer has begun. */
  static async open(
    context: ChangelogContext,
    writer: TopicWriter,
    source: string,
  ): Promise<TableChangelog> {
    const changelog = new TableChangelog(context, writer, source);
    await changelog.#recover();
    return changelog;
  }

  /** Throws CDC_SINK_STALE when the topic is not where the step begins. */
  async write(rows: ChangelogRows, step: ProgressStep): Promise<void> {
    this.#assertFollows(step);
    const { batch, refused } = await this.#send(rows, step.next.sequence);
    await this.#keep(step, refused);
    await this.#settle(batch, refused);
  }

  /** Takes the rows back that are older than `below`. */
  async sweep(below: bigint, step: ProgressStep): Promise<void> {
    if (this.#context.options.before) {
      const select = this.#sql.retraction(below);
      return await this.write({ select, isRepair: false, refuse: refuseNone }, step);
    }
    this.#assertFollows(step);
    await this.#retractKeys(below);
    await this.#keep(step, []);
  }

  /** Takes all rows back, also those that another project has written. */
  async end(): Promise<void> {
    const { sequence = 0 } = this.#record.progress ?? {};
    if (this.#context.options.before) {
      const rows = { select: this.#sql.retraction(), isRepair: false, refuse: refuseNone };
      const { batch } = await this.#send(rows, sequence + 1);
      await this.#settle(batch, []);
    }
    await this.#retractKeys(undefined);
  }

  /** Lets messages have the columns of `table` from now on. */
  async refit(table: SinkTable): Promise<void> {
    const { options, engine } = this.#context;
    const sql = new StagedSql(options.name, table);
    const found = await engine.rows<{ name: string }>(sql.sentColumns());
    const names = new Set(found.map(({ name }) => name));
    const kept = table.columns.map(({ name }) => name).filter((name) => names.has(name));
    await this.#run(sql.refit(kept));
    await this.#run(sql.create());
    await this.#writer.keep(this.#source, { ...this.#record, table });
  }

  get #record(): TableRecord {
    const record = this.#writer.records.get(this.#source);
    if (record === undefined) throw new RangeError(`${this.#source} has no record`);
    return record;
  }

  get #sql(): StagedSql {
    return new StagedSql(this.#context.options.name, this.#record.table);
  }

  #assertFollows({ follows }: ProgressStep): void {
    const found = this.#record.progress?.sequence ?? 0;
    if (found !== follows) throw staleProgress(this.#source, found, follows);
  }

  async #keep({ next }: ProgressStep, refused: readonly string[]): Promise<void> {
    const { lanes, tail } = await this.#writer.topic(this.#source);
    const { refused: _, ...record } = this.#record;
    await this.#writer.keep(this.#source, {
      ...record,
      ends: lanes.map(({ end }) => end),
      progress: next,
      ...(refused.length > 0 && { refused }),
    });
    tail.clear();
  }

  async #retractKeys(below: bigint | undefined): Promise<void> {
    const { cluster, options } = this.#context;
    const { lanes } = await this.#writer.topic(this.#source);
    const { sender } = this.#writer;
    const { headers } = this.#headers();
    await retractKeys({ cluster, sender, lanes, headers, format: options.format.type, below });
  }

  async #recover(): Promise<void> {
    const { engine } = this.#context;
    await this.#run(this.#sql.create());
    const { progress, refused = [] } = this.#record;
    const sequence = progress?.sequence ?? 0;
    const found = await engine.rows<StagedBatch>(this.#sql.staged());
    const batch = found.find(
      (each) => each.sequence === sequence || each.sequence === sequence + 1,
    );
    if (batch === undefined) return;
    if (batch.sequence === sequence) return await this.#settle(batch, refused);
    await this.#settle(batch, await this.#sendStaged(batch, false));
  }

  async #send(
    { select, isRepair, refuse }: ChangelogRows,
    sequence: number,
  ): Promise<{ batch: StagedBatch; refused: readonly string[] }> {
    const batch = { attempt: String(randomInt(1, attempts)), sequence };
    await this.#run(this.#sql.stage(select, batch));
    const refused = await this.#sendStaged(batch, isRepair);
    if (refused.length > 0) {
      const { maxBytes } = await this.#writer.topic(this.#source);
      const reason = `its message is larger than the topic takes (max.message.bytes is ${maxBytes})`;
      await refuse(this.#sql.deadRows(batch, refused, reason));
    }
    return { batch, refused };
  }

  /** Returns the rows that are too large. */
  async #sendStaged(batch: StagedBatch, isRepair: boolean): Promise<readonly string[]> {
    const { options, engine } = this.#context;
    const { schema, headers } = this.#headers();
    const read: ReadOptions = { before: options.before, isRepair };
    const writer = new MessageWriter({
      ...(await this.#writer.topic(this.#source)),
      sender: this.#writer.sender,
      encoder: this.#encoderOf(schema),
      headers,
      place: placeNow(),
      hasTombstones: options.compaction,
    });
    const rows = engine.query(this.#sql.messages(batch, read), { format: 'RowBinary' });
    return await writer.write(rows);
  }

  /** Made once for a schema: it is code that has to get warm. */
  #encoderOf(schema: TableSchema): ChangeEncoder {
    if (this.#encoder?.version === schema.version) return this.#encoder.encoder;
    const encoder = this.#context.format.encoder(schema);
    this.#encoder = { version: schema.version, encoder };
    return encoder;
  }

  #headers() {
    const schema = messageSchema(this.#record.table);
    return { schema, headers: tableHeaders(this.#source, schema.version) };
  }

  async #settle(batch: StagedBatch, refused: readonly string[]): Promise<void> {
    if (this.#context.options.before) await this.#run([this.#sql.settle(batch, refused)]);
  }

  async #run(statements: readonly string[]): Promise<void> {
    for (const statement of statements) await this.#context.engine.command(statement);
  }
}

/** Where a net change comes from is a version, not a place in a binlog; when it was committed is not known any more. */
function placeNow(): ChangePlace {
  const now = Date.now();
  const mark = { end: 0n, id: 'version.0:0', committedAtMs: now };
  return { origin: 'stream', fileBase: 'version.', fileDigits: 6, mark, receivedAtMs: now };
}

async function refuseNone(): Promise<void> {}
