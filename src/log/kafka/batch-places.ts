import type { ChangeBatch, TransactionMark } from '../../change/change-batch.ts';
import { packVersion, renderPosition, type Version } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { ChangePlace } from '../../format/change-format.ts';
import { encodeHeaders } from '../../kafka/record-batch-writer.ts';
import { recordHeader } from './record-headers.ts';

/** A place with what the headers of its records say, as bytes, and how many changes were written of it. */
export interface RecordPlace extends ChangePlace {
  readonly file: { readonly base: Buffer; readonly digits: number };
  readonly transaction: Buffer;
  readonly changes: ChangeCounts;
}

/** Changes of one transaction written so far. */
export interface ChangeCounts {
  total: number;
  readonly byTable: Map<TableId, number>;
}

const lastVersion = packVersion(127, 2 ** 20 - 1, 2 ** 36 - 1);

/** The transactions of a batch, as records show them. */
export class BatchPlaces {
  readonly isStream: boolean;
  readonly all: readonly RecordPlace[];
  readonly #highs: readonly number[];
  readonly #lows: readonly number[];

  /** `open`: counts of a transaction of which earlier parts were written. */
  constructor(batch: ChangeBatch, open?: { readonly id: string; readonly changes: ChangeCounts }) {
    const { origin, position, receivedAtMs } = batch;
    this.isStream = origin === 'stream';
    const marks = batch.marks?.length ? batch.marks : [wholeBatch(batch)];
    const dot = position.file.lastIndexOf('.') + 1;
    const fileBase = position.file.slice(0, dot);
    const fileDigits = position.file.length - dot;
    const file = { base: Buffer.from(fileBase), digits: fileDigits };
    this.all = marks.map((mark) => {
      const transaction = encodeHeaders({ [recordHeader.transaction]: mark.id });
      const changes = mark.id === open?.id ? open.changes : { total: 0, byTable: new Map() };
      return { origin, mark, receivedAtMs, fileBase, fileDigits, file, transaction, changes };
    });
    this.#highs = marks.map(({ end }) => Number(end >> 32n));
    this.#lows = marks.map(({ end }) => Number(end & 0xffffffffn));
  }

  /** The index of the place of a row, at `from` or after it. */
  find(high: number, low: number, from: number): number {
    const last = this.all.length - 1;
    let index = from;
    while (index < last && this.#isBehind(index, high, low)) index++;
    return index;
  }

  at(version: Version): RecordPlace {
    const index = this.find(Number(version >> 32n), Number(version & 0xffffffffn), 0);
    return this.all[index] as RecordPlace;
  }

  #isBehind(index: number, high: number, low: number): boolean {
    const end = this.#highs[index] ?? 0;
    return high > end || (high === end && low >= (this.#lows[index] ?? 0));
  }
}

/** A batch without marks counts as one transaction. */
function wholeBatch({ position, committedAtMs }: ChangeBatch): TransactionMark {
  return { end: lastVersion, id: renderPosition(position), committedAtMs };
}
