import type { AppendOptions, LogOffset } from './change-log.ts';

/** One append on its way. */
export interface Append<Batch> {
  readonly batches: readonly Batch[];
  readonly bytes: number;
  readonly options: AppendOptions;
}

/** An idle disk takes less for a small commit; timers are no finer either. */
const slowCommitMs = 2;

interface Waiting<Batch> {
  readonly append: Append<Batch>;
  readonly resolve: (end: LogOffset) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends in their order, several in one commit.
 *
 *     append  append   append                 append
 *        └──────┴─────────┴──> room? ── commit ──┘ next commit
 *
 * What arrives in one turn of the event loop, and while the log has no room, commits together, up to
 * `groupBytes`. A commit holds up the event loop; on a disk that is slow or busy the next one waits
 * as long as the last one took, so that half of the loop's time is left for others and more appends
 * share a commit.
 *
 * A commit that fails rejects everything that waits: a caller that did not await each
 * append must not see a later one acknowledged after an earlier one was lost.
 */
export class AppendQueue<Batch> {
  readonly #commit: (group: readonly Append<Batch>[]) => LogOffset;
  readonly #hasRoom: () => boolean;
  readonly #groupBytes: number;
  #waiting: Waiting<Batch>[] = [];
  #isScheduled = false;
  #lastCommitMs = 0;
  #closed: Error | undefined;

  constructor(options: {
    readonly commit: (group: readonly Append<Batch>[]) => LogOffset;
    readonly hasRoom: () => boolean;
    readonly groupBytes: number;
  }) {
    this.#commit = options.commit;
    this.#hasRoom = options.hasRoom;
    this.#groupBytes = options.groupBytes;
  }

  add(append: Append<Batch>): Promise<LogOffset> {
    return new Promise((resolve, reject) => {
      const signal = append.options.signal;
      if (this.#closed !== undefined) return reject(this.#closed);
      if (signal?.aborted) return reject(signal.reason);
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(signal?.reason);
      };
      const settled = () => signal?.removeEventListener('abort', giveUp);
      const waiting: Waiting<Batch> = {
        append,
        resolve: (end) => {
          settled();
          resolve(end);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      signal?.addEventListener('abort', giveUp);
      this.#waiting.push(waiting);
      this.wake();
    });
  }

  /** There may be room now. */
  wake(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    const run = () => {
      this.#isScheduled = false;
      this.#run();
    };
    if (this.#lastCommitMs < slowCommitMs) setImmediate(run);
    else setTimeout(run, this.#lastCommitMs);
  }

  close(error: Error): void {
    this.#closed = error;
    this.#rejectAll(error);
  }

  #run(): void {
    try {
      if (this.#waiting.length === 0 || !this.#hasRoom()) return;
      const group = this.#nextGroup();
      const startedAt = performance.now();
      const end = this.#commit(group.map(({ append }) => append));
      this.#lastCommitMs = performance.now() - startedAt;
      this.#waiting = this.#waiting.slice(group.length);
      for (const { resolve } of group) resolve(end);
    } catch (error) {
      this.#rejectAll(error);
    }
    this.wake();
  }

  #nextGroup(): readonly Waiting<Batch>[] {
    let bytes = 0;
    const full = this.#waiting.findIndex(({ append }, index) => {
      bytes += append.bytes;
      return index > 0 && bytes > this.#groupBytes;
    });
    return full < 0 ? this.#waiting : this.#waiting.slice(0, full);
  }

  #rejectAll(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }
}
