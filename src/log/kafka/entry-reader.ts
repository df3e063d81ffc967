import type { Section } from '../../change/change-batch.ts';
import type { MessageLayout } from '../../change/message-layout.ts';
import { MessageLines } from '../../change/message-line.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { KafkaCluster, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import type { LogEntry, LogOffset } from '../change-log.ts';
import {
  type CommitRecord,
  type CommitStep,
  decodeCommit,
  type RecordRange,
} from './commit-record.ts';
import { asLost, fetchRanges } from './range-fetcher.ts';
import { recordHeader } from './record-headers.ts';

const commitBytes = 4 * 1024 ** 2;

export interface EntryReaderContext {
  readonly cluster: KafkaCluster;
  readonly commitsTopic: string;
  /** Whether ranges of the topic in this commit are of one that was deleted; nothing is read for them. */
  readonly isLost: (topic: string, commit: number) => boolean;
  readonly schema: (table: TableId, version: string) => TableSchema | undefined;
  readonly layout: (schema: TableSchema) => MessageLayout;
}

/** A commit record and its place. */
export interface PlacedCommit {
  readonly offset: LogOffset;
  readonly record: CommitRecord;
}

type Wants = (table: TableId) => boolean;

/** Puts entries of the log together from commit records and the records in their ranges. */
export class EntryReader {
  readonly #context: EntryReaderContext;

  constructor(context: EntryReaderContext) {
    this.#context = context;
  }

  /** Entries from `offset` to `end`, up to `maxBytes` of records, at least one. */
  async read(
    offset: LogOffset,
    end: LogOffset,
    maxBytes: number,
    wants: Wants,
  ): Promise<LogEntry[]> {
    const commits = limit(await this.commits(offset, end), maxBytes, wants);
    const parts = new Map<RecordRange, StepParts>();
    const steps = commits.map(({ record }) =>
      record.steps.map((step) => this.#open(step, record.number, parts, wants)),
    );
    await fetchRanges(this.#context.cluster, [...parts.keys()], (range, record) =>
      parts.get(range)?.add(range, record),
    );
    return commits.map(({ offset: at, record }, index) => ({
      offset: at,
      next: at + 1,
      batch: {
        origin: record.origin,
        sections: (steps[index] ?? []).flatMap((step) => step()),
        position: record.position ?? nowhere,
        transactions: record.transactions,
        committedAtMs: record.committedAtMs,
        receivedAtMs: record.receivedAtMs,
      },
    }));
  }

  /** Some commit records from `offset` on, none from `end` on. */
  async commits(offset: LogOffset, end: LogOffset): Promise<PlacedCommit[]> {
    let from = offset;
    while (from < end) {
      const { commits, nextOffset } = await this.next(from, 500);
      const some = commits.filter((commit) => commit.offset < end);
      if (some.length > 0) return some;
      // Only control records; or the leader is moving, then the same again.
      from = nextOffset;
    }
    return [];
  }

  /** Commit records from `offset` on that are there, or arrive in time. */
  async next(
    offset: LogOffset,
    maxWaitMs: number,
    signal?: AbortSignal,
  ): Promise<{ commits: PlacedCommit[]; nextOffset: LogOffset }> {
    const { cluster, commitsTopic } = this.#context;
    const place = { topic: commitsTopic, partition: 0, offset };
    const options = { maxBytes: commitBytes, maxWaitMs, ...(signal && { signal }) };
    const [found] = await cluster.fetch([place], options).catch((error) => {
      throw asLost(error);
    });
    const commits = (found?.records ?? []).map((record) => this.#decode(record));
    return { commits, nextOffset: Math.max(offset, found?.nextOffset ?? offset) };
  }

  #decode({ offset, value }: KafkaRecord): PlacedCommit {
    const where = `commit ${offset} of ${this.#context.commitsTopic}`;
    return { offset, record: decodeCommit(value ?? Buffer.alloc(0), where) };
  }

  /** Makes room for the records of a step; the function returned gives its sections. */
  #open(
    step: CommitStep,
    commit: number,
    parts: Map<RecordRange, StepParts>,
    wants: Wants,
  ): () => Section[] {
    if ('barrier' in step) return () => (wants(step.barrier.table) ? [step.barrier] : []);
    const gathered = new StepParts(this.#context, wants);
    const isRead = ({ topic, tables }: RecordRange) =>
      tables.some(wants) && !this.#context.isLost(topic, commit);
    for (const range of step.ranges) if (isRead(range)) parts.set(range, gathered);
    return () => gathered.sections();
  }
}

const nowhere = { epoch: 0, file: '', offset: 0, serverId: '' };

function limit(commits: readonly PlacedCommit[], maxBytes: number, wants: Wants): PlacedCommit[] {
  let bytes = 0;
  return commits.filter(({ record }, index) => {
    const isWanted = record.steps.some(
      (step) => 'ranges' in step && step.ranges.some(({ tables }) => tables.some(wants)),
    );
    if (isWanted) bytes += record.bytes;
    return index === 0 || bytes <= maxBytes;
  });
}

/** Lines of one step by table and schema version. */
class StepParts {
  readonly #context: EntryReaderContext;
  readonly #wants: Wants;
  readonly #parts = new Map<string, { schema: TableSchema; lines: MessageLines }>();

  constructor(context: EntryReaderContext, wants: Wants) {
    this.#context = context;
    this.#wants = wants;
  }

  add({ topic, partition }: RecordRange, record: KafkaRecord): void {
    const { headers, value, offset, timestampMs } = record;
    const table = headers[recordHeader.table]?.toString() ?? '';
    if (value === null || !this.#wants(table)) return;
    const version = headers[recordHeader.schema]?.toString('latin1') ?? '';
    const key = `${version} ${table}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      const schema = this.#context.schema(table, version);
      // Never committed: of a chunk that a crash cut off, which is read again.
      if (schema === undefined) return;
      part = { schema, lines: new MessageLines() };
      this.#parts.set(key, part);
    }
    const rowVersion = headers[recordHeader.version]?.toString('latin1') ?? '0';
    // Topic names need no escapes.
    part.lines.add({ partition, offset, timestampMs, value }, `"${topic}"`, rowVersion, 0);
  }

  sections(): Section[] {
    return [...this.#parts.values()].map(({ schema, lines }) => ({
      kind: 'messages',
      table: schema.table,
      schemaVersion: schema.version,
      layout: this.#context.layout(schema),
      ...lines.take(),
    }));
  }
}
