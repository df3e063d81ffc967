import type { Section } from '../../change/change-batch.ts';
import { type OffsetVector, parseOffsets, renderOffsets } from '../../change/offset-vector.ts';
import { type Position, versionOf } from '../../change/position.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { Logger } from '../../ops/logger.ts';
import type { SnapshotItem, SnapshotProgress } from '../source.ts';
import { MessageReading } from './message-reading.ts';
import type { SchemaBook } from './schema-book.ts';
import { SectionBuilder } from './section-builder.ts';
import type { TopicCluster } from './topic-cluster.ts';
import type { TopicReader } from './topic-reader.ts';

export interface TopicSnapshotOptions {
  readonly cluster: TopicCluster;
  readonly book: SchemaBook;
  readonly schema: TableSchema;
  readonly readers: ReadonlyMap<string, TopicReader>;
  /** The log has rows of the table that are to go. */
  readonly replaces: boolean;
  /** The first messages there are, of the topics of the table. */
  readonly low: OffsetVector;
  /** Up to where the stream does not bring messages of the table that the log does not have; asked late. */
  readonly until: () => OffsetVector;
  /** The ends of the topics now: the table is complete once the stream has passed them. */
  readonly end: Position;
  readonly logger: Logger;
}

/**
 * Reads a table anew from what its topics hold. There is nothing to read when the stream itself brings
 * everything, as it does at first; otherwise it is the messages in front of the stream:
 *
 *     stream  ........ a b c │ d e f          the table is emptied at the mark; what the stream had
 *     log                    │ empty          brought before it (a b c) is read again, and what it
 *     snapshot               │   a b c        brings after it (d e f) stays
 *
 * So the place to read up to is asked when the emptying is in the log.
 */
export async function* readTopicSnapshot(
  options: TopicSnapshotOptions,
  resume: SnapshotProgress | undefined,
  signal: AbortSignal,
): AsyncGenerator<SnapshotItem> {
  const { schema, replaces, end, low } = options;
  const { table } = schema;
  const known = placesOf(resume);
  // Older than any row, so that the sweep takes none, and another for each reading.
  const firstVersion = resume?.firstVersion ?? String(-Date.now());
  let progress: SnapshotProgress = {
    table,
    schemaVersion: schema.version,
    firstVersion,
    rows: resume?.rows ?? 0,
    chunks: resume?.chunks ?? 0,
    done: false,
  };
  if (known === undefined) {
    const existingRows = replaces ? 'resnapshot' : 'keep';
    const version = versionOf(end);
    yield itemOf([{ kind: 'schema', table, schema, existingRows, version }], end, progress);
  }
  const to = known?.to ?? options.until();
  const start = known?.from ?? low;
  const from = new Map([...start].map(([key, at]) => [key, Math.max(at, low.get(key) ?? at)]));
  const reading = new MessageReading({
    ...options,
    builder: new SectionBuilder(options.book, new Map([[table, schema]])),
    from,
    to,
    only: table,
  });
  while (!reading.isDone) {
    const batch = await reading.read(versionOf(end), signal);
    if (signal.aborted) return;
    if (batch.sections.length === 0) continue;
    progress = {
      ...progress,
      lastKey: [renderOffsets(reading.offsets), renderOffsets(to)],
      rows: progress.rows + batch.messages,
      chunks: progress.chunks + 1,
    };
    yield itemOf(batch.sections, end, progress);
  }
  const sweep: Section = { kind: 'sweep', table, version: BigInt(firstVersion) };
  yield itemOf([sweep], end, { ...progress, done: true });
}

/** Where an interrupted reading was, and where it was to end. */
function placesOf(resume: SnapshotProgress | undefined) {
  const [from, to] = (resume?.lastKey ?? []).map(parseOffsets);
  return from === undefined || to === undefined ? undefined : { from, to };
}

function itemOf(
  sections: readonly Section[],
  position: Position,
  progress: SnapshotProgress,
): SnapshotItem {
  const now = Date.now();
  const times = { committedAtMs: now, receivedAtMs: now };
  return { batch: { origin: 'snapshot', sections, position, transactions: 0, ...times }, progress };
}
