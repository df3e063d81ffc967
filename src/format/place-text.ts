import type { ChangePlace } from './change-format.ts';

/** For generated code: these texts as they are. */
export const copyFile = 'q = copyBytes(o, q, P.file, 0, P.fileBytes);';
export const copyTransaction = 'q = copyBytes(o, q, P.transaction, 0, P.transactionBytes);';

const quote = 34;
/** What GTIDs are made of: nothing that JSON escapes. */
const isPlain = /^[0-9A-Za-z:_.-]+$/;

/** The place of the change that is being written, in the pieces that generated code needs. */
export class PlaceText {
  isSnapshot = false;
  /** Milliseconds as whole millions and the rest. */
  committedMillions = 0;
  committedRest = 0;
  receivedMillions = 0;
  receivedRest = 0;
  committedSeconds = 0;
  hasGtid = false;
  /** What names the transaction, as JSON text: GTID or file:offset. */
  transaction: Buffer = Buffer.alloc(256);
  transactionBytes = 0;
  /** Binlog file without quotes. */
  file: Buffer = Buffer.alloc(256);
  fileBytes = 0;
  #place: ChangePlace | undefined;
  #fileNumber = -1;
  #fileBase = '';

  /** Bytes that the texts of variable length take together, each twice. */
  get room(): number {
    return 2 * (this.transactionBytes + this.fileBytes);
  }

  update(place: ChangePlace, fileNumber: number): void {
    if (place !== this.#place) this.#take(place);
    if (fileNumber === this.#fileNumber && place.fileBase === this.#fileBase) return;
    this.#fileNumber = fileNumber;
    this.#fileBase = place.fileBase;
    this.file = Buffer.from(JSON.stringify(binlogFile(place, fileNumber)).slice(1, -1));
    this.fileBytes = this.file.length;
  }

  #take(place: ChangePlace): void {
    this.#place = place;
    const { committedAtMs } = place.mark;
    this.isSnapshot = place.origin === 'snapshot';
    this.committedMillions = Math.floor(committedAtMs / 1e6);
    this.committedRest = committedAtMs - this.committedMillions * 1e6;
    this.committedSeconds = Math.floor(committedAtMs / 1000);
    this.receivedMillions = Math.floor(place.receivedAtMs / 1e6);
    this.receivedRest = place.receivedAtMs - this.receivedMillions * 1e6;
    this.hasGtid = gtidOf(place) !== undefined;
    this.#takeTransaction(place.mark.id);
  }

  /** Into the same bytes: there may be one for each row. */
  #takeTransaction(id: string): void {
    if (!isPlain.test(id)) {
      this.transaction = Buffer.from(JSON.stringify(id));
      this.transactionBytes = this.transaction.length;
      return;
    }
    if (this.transaction.length < id.length + 2) this.transaction = Buffer.alloc(id.length + 2);
    const to = this.transaction;
    to[0] = quote;
    for (let index = 0; index < id.length; index++) to[index + 1] = id.charCodeAt(index);
    to[id.length + 1] = quote;
    this.transactionBytes = id.length + 2;
  }
}

export function binlogFile({ fileBase, fileDigits }: ChangePlace, fileNumber: number): string {
  return fileBase + String(fileNumber).padStart(fileDigits, '0');
}

/** A mark without a GTID is named `file:offset`, and file names have a dot. Rows of a snapshot have none. */
export function gtidOf({ origin, mark }: ChangePlace): string | undefined {
  return origin === 'snapshot' || mark.id.includes('.') ? undefined : mark.id;
}
