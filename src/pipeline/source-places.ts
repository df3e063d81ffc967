import { type Position, unpackVersion, type Version, versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { Place } from '../layers/explain/explanation.ts';
import type { ChangeLog, LogEntry } from '../log/change-log.ts';
import { snapshotPrefix, type TableSnapshot } from './capture-state.ts';

/**
 * Names versions of rows as places in the source, with the commit time as far back as the log goes. A batch may
 * hold several transactions; without marks of its own the time is that of its last one.
 */
export class SourcePlaces {
  readonly #log: ChangeLog;
  /** Any position of the source: tells what its files are called. */
  readonly #sample: Position;
  readonly #found = new Map<Version, Promise<string | null>>();

  constructor(log: ChangeLog, sample: Position) {
    this.#log = log;
    this.#sample = sample;
  }

  async of(table: TableId, version: Version): Promise<Place> {
    const isRead = this.#isOfSnapshot(table, version);
    const place = { version: version.toString(), position: renderVersion(version, this.#sample) };
    if (isRead) return { ...place, origin: 'snapshot', committedAt: null };
    const committedAt = this.#found.get(version) ?? this.#committedAt(version);
    this.#found.set(version, committedAt);
    return { ...place, origin: 'stream', committedAt: await committedAt };
  }

  #isOfSnapshot(table: TableId, version: Version): boolean {
    const snapshot = this.#log.checkpoint<TableSnapshot>(snapshotPrefix + table);
    return snapshot !== undefined && version <= versionOf(snapshot.highWatermark);
  }

  /** Entries of the stream have growing positions; chunks of snapshots may lie between them. */
  async #committedAt(version: Version): Promise<string | null> {
    const first = this.#log.stats().firstOffset;
    let low = first;
    let high = this.#log.end();
    let found: LogEntry | undefined;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const entry = await this.#streamEntry(middle, high);
      if (entry === undefined) {
        high = middle;
      } else if (versionOf(entry.batch.position) > version) {
        found = entry;
        high = middle;
      } else {
        low = entry.next;
      }
    }
    if (found === undefined) return null;
    const { marks, committedAtMs } = found.batch;
    const mark = marks?.find(({ end }) => end > version);
    // Of the first entry nobody knows where it begins.
    const isFirst = first > 0 && mark === undefined && found.offset === first;
    return isFirst ? null : new Date(mark?.committedAtMs ?? committedAtMs).toISOString();
  }

  async #streamEntry(from: number, to: number): Promise<LogEntry | undefined> {
    for (let at = from; at < to; ) {
      const [entry] = await this.#log.read(at, 1);
      if (entry === undefined || entry.offset >= to) return undefined;
      if (entry.batch.origin === 'stream') return entry;
      at = entry.next;
    }
    return undefined;
  }
}

/** `binlog.000003:5020`; `sample` is any position of the source, which tells what its files are called. */
export function renderVersion(version: Version, sample: Position): string {
  const { epoch, fileNumber, offset } = unpackVersion(version);
  const { file } = sample;
  const dot = file.lastIndexOf('.') + 1;
  const digits = String(fileNumber).padStart(file.length - dot, '0');
  const before = epoch === sample.epoch ? '' : `epoch ${epoch} `;
  return `${before}${file.slice(0, dot)}${digits}:${offset}`;
}
