import type { ChangePlace } from './change-format.ts';

const nullText = Buffer.from('null');

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
  /** The GTID as JSON; `null` where there is none. */
  gtid: Buffer = nullText;
  /** What names the transaction, as JSON text: GTID or file:offset. */
  transaction: Buffer = nullText;
  /** Binlog file without quotes. */
  file: Buffer = nullText;
  #place: ChangePlace | undefined;
  #fileNumber = -1;

  /** Bytes that the texts of variable length take together, each once. */
  get room(): number {
    return this.gtid.length + this.transaction.length + this.file.length;
  }

  update(place: ChangePlace, fileNumber: number): void {
    if (place !== this.#place) this.#take(place);
    else if (fileNumber === this.#fileNumber) return;
    this.#fileNumber = fileNumber;
    this.file = Buffer.from(jsonInside(binlogFile(place, fileNumber)));
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
    this.transaction = Buffer.from(JSON.stringify(place.mark.id));
    this.hasGtid = gtidOf(place) !== undefined;
    this.gtid = this.hasGtid ? this.transaction : nullText;
  }
}

export function binlogFile({ fileBase, fileDigits }: ChangePlace, fileNumber: number): string {
  return fileBase + String(fileNumber).padStart(fileDigits, '0');
}

/** A mark without a GTID is named `file:offset`, and file names have a dot. Rows of a snapshot have none. */
export function gtidOf({ origin, mark }: ChangePlace): string | undefined {
  return origin === 'snapshot' || mark.id.includes('.') ? undefined : mark.id;
}

function jsonInside(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
