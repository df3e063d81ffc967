import type { SchemaSection, SweepSection, TruncateSection } from '../../change/change-batch.ts';
import type { Position } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';

export type Barrier = SchemaSection | TruncateSection | SweepSection;

/** Records of one partition that belong to a commit: from `start` up to, not including, `end`. */
export interface RecordRange {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  /** Tables whose rows are in it; none when it holds events only (DDL, transaction markers). */
  readonly tables: readonly TableId[];
}

/** What a commit consists of, in order: everything of a step stands before the next one. */
export type CommitStep =
  | { readonly ranges: readonly RecordRange[] }
  | { readonly barrier: Barrier };

/** The whole state up to and including a commit, so that opening need not read all of them. */
export interface LogState {
  readonly checkpoints: Readonly<Record<string, unknown>>;
  readonly schemas: readonly TableSchema[];
  /** Version of the newest schema of each table. */
  readonly newest: Readonly<Record<TableId, string>>;
  /** By topic, then partition: the offset after the last record that a commit knows. */
  readonly ends: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Topics that were deleted, each with the number of the commit before which its ranges hold nothing. */
  readonly lost: Readonly<Record<string, number>>;
  /** Bytes of all records written so far. */
  readonly bytes: number;
}

/**
 * One entry of the log, a JSON record in the commits topic. Versions in barriers are decimal text.
 * `number` counts commits, so that a writer can tell whether one it sent has arrived.
 */
export interface CommitRecord {
  readonly number: number;
  readonly origin: 'snapshot' | 'stream';
  readonly position: Position | undefined;
  readonly transactions: number;
  readonly committedAtMs: number;
  readonly receivedAtMs: number;
  readonly steps: readonly CommitStep[];
  /** Size of the records in all ranges, before compression. */
  readonly bytes: number;
  readonly checkpoints: Readonly<Record<string, unknown>>;
  /** Names of checkpoints that no longer exist. */
  readonly removed: readonly string[];
  /** Topics that were deleted behind our back: ranges of earlier commits hold nothing any more. */
  readonly lostTopics: readonly string[];
  readonly state?: LogState;
}

const format = 1;

export function encodeCommit(record: CommitRecord): Buffer {
  return Buffer.from(
    JSON.stringify({ format, ...record }, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    ),
  );
}

/** Throws CDC_LOG_CORRUPT; `where` names the record. */
export function decodeCommit(value: Buffer, where: string): CommitRecord {
  let parsed: CommitRecord & { format: number };
  try {
    parsed = JSON.parse(value.toString()) as CommitRecord & { format: number };
  } catch (error) {
    throw new CdcError('CDC_LOG_CORRUPT', `Reading ${where}: it is not a commit record.`, {
      cause: error,
    });
  }
  if (parsed.format !== format) {
    throw new CdcError(
      'CDC_LOG_CORRUPT',
      `Reading ${where}: its format is ${parsed.format}, this version reads ${format}.`,
    );
  }
  const { format: _, ...record } = parsed;
  return { ...record, steps: record.steps.map(reviveStep) };
}

function reviveStep(step: CommitStep): CommitStep {
  if ('ranges' in step) return step;
  const { version } = step.barrier as unknown as { version: string };
  return { barrier: { ...step.barrier, version: BigInt(version) } };
}
