import type { Section } from '../../../change/change-batch.ts';
import { binlogFileNumber, type Position } from '../../../change/position.ts';
import type { StreamItem } from '../../source.ts';
import { SectionBuffer } from './section-buffer.ts';

/** A place between two transactions, as far as the reader knows it; the queue adds the GTIDs. */
export interface Boundary {
  readonly file: string;
  readonly fileNumber: number;
  readonly offset: number;
}

interface BatchQueueOptions {
  readonly from: Position;
  /** GTIDs of everything committed up to the last boundary, undefined when the server has none. */
  readonly gtid: () => string | undefined;
  /** Asks the source to stop, or to go on, sending. */
  readonly onPressure: (isFull: boolean) => void;
  readonly now: () => number;
}

/** A batch is closed at this size, and a larger transaction handed over in parts of it. */
const batchBytes = 4 * 1024 ** 2;
const partBytes = 8 * 1024 ** 2;
/** Between these, what waits to be pulled stops the source and lets it go on. */
const fullBytes = 16 * 1024 ** 2;
const roomBytes = 4 * 1024 ** 2;

/**
 * Rows of the open transaction on one side, whole transactions ready to be pulled on the other. Idle,
 * a pull gets a transaction as soon as it commits; behind, it gets all that have gathered.
 */
export class BatchQueue {
  /** The transaction whose commit has not been met. */
  readonly open = new SectionBuffer();
  readonly #options: BatchQueueOptions;
  readonly #ready = new SectionBuffer();
  readonly #items: StreamItem[] = [];
  #itemBytes = 0;
  #transactions = 0;
  #committedAtMs = 0;
  #boundary: Boundary;
  /** The position moved since the last item. */
  #hasMoved = false;
  #hasOpenParts = false;
  #isFull = false;
  #hasFailed = false;
  #wake: (() => void) | undefined;

  constructor(options: BatchQueueOptions) {
    this.#options = options;
    const { file, offset } = options.from;
    this.#boundary = { file, fileNumber: binlogFileNumber(file), offset };
  }

  /** The last boundary. */
  get position(): Position {
    const { epoch, serverId } = this.#options.from;
    const { file, offset } = this.#boundary;
    const gtid = this.#options.gtid();
    return { epoch, file, offset, serverId, ...(gtid !== undefined && { gtid }) };
  }

  /** True when parts of the open transaction have been handed over already. */
  get hasOpenParts(): boolean {
    return this.#hasOpenParts;
  }

  /** Call after rows were added to `open`. */
  noteRows(): void {
    if (this.open.bytes < partBytes) return;
    this.#flushReady();
    this.#push(true);
    this.#hasOpenParts = true;
    this.#release();
  }

  /** The open transaction is committed and ends at `boundary`. */
  commit(boundary: Boundary, committedAtMs: number): void {
    this.#move(boundary);
    this.#committedAtMs = committedAtMs;
    this.#transactions++;
    this.#ready.absorb(this.open);
    if (this.#hasOpenParts || this.#ready.bytes >= batchBytes) this.#flushReady();
    this.#hasOpenParts = false;
    this.#release();
  }

  /** A schema section between two transactions. */
  addBarrier(section: Section): void {
    this.#ready.addBarrier(section);
    this.#release();
  }

  /** An event outside of transactions has been passed. */
  advance(boundary: Boundary): void {
    this.#move(boundary);
    this.#release();
  }

  /** What there is, undefined when there is nothing. */
  take(): StreamItem | undefined {
    if (this.#items.length === 0) this.#flushReady();
    const item = this.#items.shift();
    if (item !== undefined) this.#itemBytes -= bytesOf(item);
    this.#relieve();
    return item;
  }

  /** Resolves when `take` has something, or when `wake` is called. */
  wait(): Promise<void> {
    if (this.#hasFailed || this.#hasSomething()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Wakes who waits, for good: there will be nothing more. */
  fail(): void {
    this.#hasFailed = true;
    this.wake();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Only onwards: to resume by GTID, the server begins at the start of a file and skips what we have. */
  #move(boundary: Boundary): void {
    const { fileNumber, offset } = this.#boundary;
    const distance = boundary.fileNumber - fileNumber || boundary.offset - offset;
    if (distance <= 0) return;
    this.#boundary = boundary;
    this.#hasMoved = true;
  }

  #hasSomething(): boolean {
    return this.#items.length > 0 || this.#hasMoved || !this.#ready.isEmpty;
  }

  #flushReady(): void {
    if (this.#ready.isEmpty && !this.#hasMoved) return;
    this.#push(false);
  }

  /** Makes an item of the open transaction's rows so far, or of the ready transactions. */
  #push(open: boolean): void {
    const sections = open ? this.open.take() : this.#ready.take();
    const item: StreamItem = {
      open,
      batch: {
        origin: 'stream',
        sections,
        position: this.position,
        transactions: open ? 0 : this.#transactions,
        committedAtMs: this.#committedAtMs,
        receivedAtMs: this.#options.now(),
      },
    };
    if (!open) {
      this.#transactions = 0;
      this.#hasMoved = false;
    }
    this.#items.push(item);
    this.#itemBytes += bytesOf(item);
  }

  #release(): void {
    this.#press();
    this.wake();
  }

  #press(): void {
    if (this.#isFull || this.#itemBytes + this.#ready.bytes < fullBytes) return;
    this.#isFull = true;
    this.#options.onPressure(true);
  }

  #relieve(): void {
    if (!this.#isFull || this.#itemBytes + this.#ready.bytes > roomBytes) return;
    this.#isFull = false;
    this.#options.onPressure(false);
  }
}

function bytesOf({ batch }: StreamItem): number {
  return batch.sections.reduce(
    (sum, section) => sum + (section.kind === 'rows' ? section.bytes.length : 0),
    0,
  );
}
