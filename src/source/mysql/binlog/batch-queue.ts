import type { ChangeBatch, Section, TransactionMark } from '../../../change/change-batch.ts';
import { binlogFileNumber, type Position, packVersion } from '../../../change/position.ts';
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
  /** Given when before images and marks are wanted: the id of the transaction read or committed last. */
  readonly transactionId?: () => string;
  /** Asks the source to stop, or to go on, sending. */
  readonly onPressure: (isFull: boolean) => void;
  readonly now: () => number;
}

interface Content extends Pick<ChangeBatch, 'sections' | 'transactions' | 'marks'> {
  readonly open: boolean;
}

/** A batch is closed at this size, and a larger transaction handed over in parts of it. */
const batchBytes = 4 * 1024 ** 2;
const partBytes = 8 * 1024 ** 2;
/** Between these, what waits to be pulled stops the source and lets it go on. */
const fullBytes = 16 * 1024 ** 2;
const roomBytes = 4 * 1024 ** 2;
/** What a mark counts for in these. */
const markBytes = 128;
/** Above the version of every row of a file: a transaction never goes on in another. */
const fileEnd = 2 ** 36 - 1;

/**
 * Rows of the open transaction on one side, whole transactions ready to be pulled on the other. Idle,
 * a pull gets a transaction as soon as it commits; behind, it gets all that have gathered.
 */
export class BatchQueue {
  /** What is added here belongs to the open transaction, whose commit has not been met. */
  readonly sections: SectionBuffer;
  readonly #options: BatchQueueOptions;
  readonly #items: StreamItem[] = [];
  #itemBytes = 0;
  #transactions = 0;
  /** Of the transactions ready, when marks are wanted. */
  #marks: TransactionMark[] = [];
  /** The version of the beginning of a file. */
  #fileVersion = { number: -1, version: 0n };
  #committedAtMs = 0;
  #file: string;
  #fileNumber: number;
  #offset: number;
  /** The position moved since the last item. */
  #hasMoved = false;
  #hasOpenParts = false;
  #isFull = false;
  #hasFailed = false;
  #wake: (() => void) | undefined;

  constructor(options: BatchQueueOptions) {
    this.#options = options;
    this.sections = new SectionBuffer(options.transactionId !== undefined);
    this.#file = options.from.file;
    this.#fileNumber = binlogFileNumber(options.from.file);
    this.#offset = options.from.offset;
  }

  /** The last boundary, in numbers. */
  get place(): { epoch: number; fileNumber: number; offset: number } {
    const { epoch } = this.#options.from;
    return { epoch, fileNumber: this.#fileNumber, offset: this.#offset };
  }

  /** The last boundary. */
  get position(): Position {
    const { epoch, serverId } = this.#options.from;
    const gtid = this.#options.gtid();
    const place = { epoch, file: this.#file, offset: this.#offset, serverId };
    return gtid === undefined ? place : { ...place, gtid };
  }

  /** True when parts of the open transaction have been handed over already. */
  get hasOpenParts(): boolean {
    return this.#hasOpenParts;
  }

  /** Call after rows were added to the open transaction, with its commit time as far as it is known. */
  noteRows(boundary: Boundary, committedAtMs: number): void {
    if (this.sections.openBytes < partBytes) return;
    this.#flushReady();
    this.#committedAtMs = committedAtMs;
    const mark = this.#markOf(boundary, fileEnd);
    this.#push({
      open: true,
      sections: this.sections.takeOpen(),
      transactions: 0,
      ...(mark && { marks: [mark] }),
    });
    this.#hasOpenParts = true;
    this.#release();
  }

  /** The open transaction is committed and ends at `boundary`. */
  commit(boundary: Boundary, committedAtMs: number): void {
    this.#move(boundary);
    this.#committedAtMs = committedAtMs;
    this.#transactions++;
    this.sections.commit();
    const mark = this.#markOf(boundary, boundary.offset);
    if (mark !== undefined) this.#marks.push(mark);
    if (this.#hasOpenParts || this.#readyBytes >= batchBytes) this.#flushReady();
    this.#hasOpenParts = false;
    this.#release();
  }

  /** A schema section between two transactions. */
  addBarrier(section: Section): void {
    this.sections.addBarrier(section);
    this.sections.commit();
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
    const { file, fileNumber, offset } = boundary;
    if ((fileNumber - this.#fileNumber || offset - this.#offset) <= 0) return;
    this.#file = file;
    this.#fileNumber = fileNumber;
    this.#offset = offset;
    this.#hasMoved = true;
  }

  get #readyBytes(): number {
    return this.sections.wholeBytes + this.#marks.length * markBytes;
  }

  #hasSomething(): boolean {
    return this.#items.length > 0 || this.#hasMoved || !this.sections.isWholeEmpty;
  }

  /** Makes an item of the whole transactions that are ready. */
  #flushReady(): void {
    if (!this.#hasMoved && this.sections.isWholeEmpty) return;
    this.#push({
      open: false,
      sections: this.sections.takeWhole(),
      transactions: this.#transactions,
      ...(this.#options.transactionId && { marks: this.#marks }),
    });
    this.#marks = [];
    this.#transactions = 0;
    this.#hasMoved = false;
  }

  #push({ open, ...content }: Content): void {
    const item: StreamItem = {
      open,
      batch: {
        origin: 'stream',
        ...content,
        position: this.position,
        committedAtMs: this.#committedAtMs,
        receivedAtMs: this.#options.now(),
      },
    };
    this.#items.push(item);
    this.#itemBytes += bytesOf(item);
  }

  #markOf({ fileNumber }: Boundary, offset: number): TransactionMark | undefined {
    const { transactionId, from } = this.#options;
    if (transactionId === undefined) return undefined;
    if (this.#fileVersion.number !== fileNumber) {
      this.#fileVersion = { number: fileNumber, version: packVersion(from.epoch, fileNumber, 0) };
    }
    const end = this.#fileVersion.version + BigInt(offset);
    return { end, id: transactionId(), committedAtMs: this.#committedAtMs };
  }

  #release(): void {
    this.#press();
    this.wake();
  }

  #press(): void {
    if (this.#isFull || this.#itemBytes + this.#readyBytes < fullBytes) return;
    this.#isFull = true;
    this.#options.onPressure(true);
  }

  #relieve(): void {
    if (!this.#isFull || this.#itemBytes + this.#readyBytes > roomBytes) return;
    this.#isFull = false;
    this.#options.onPressure(false);
  }
}

function bytesOf({ batch: { sections, marks = [] } }: StreamItem): number {
  return sections.reduce(
    (sum, section) => sum + (section.kind === 'rows' ? section.bytes.length : 0),
    marks.length * markBytes,
  );
}
