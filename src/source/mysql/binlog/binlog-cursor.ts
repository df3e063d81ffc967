import { binlogFileNumber, type Position } from '../../../change/position.ts';
import { CdcError } from '../../../errors.ts';
import type { Boundary } from './batch-queue.ts';
import { type EventHeader, eventType, headerBytes } from './event-format.ts';
import type { EventPlace } from './row-decoder.ts';

const two32 = 2 ** 32;

/**
 * Follows where in the binlog every event stands. The end position in the header has only 32 bits and may
 * be missing (MariaDB inside transactions), and the server leaves out events that we have not asked for
 * (annotations), so sizes are summed up from the last known place and corrected where a header knows.
 */
export class BinlogCursor implements Boundary {
  readonly #epoch: number;
  #file: string;
  #fileNumber: number;
  #start: number;
  #end: number;

  constructor(from: Position) {
    this.#epoch = from.epoch;
    this.#file = from.file;
    this.#fileNumber = binlogFileNumber(from.file);
    this.#start = from.offset;
    this.#end = from.offset;
  }

  get file(): string {
    return this.#file;
  }

  get fileNumber(): number {
    return this.#fileNumber;
  }

  /** Behind the event that was passed last. */
  get offset(): number {
    return this.#end;
  }

  /** Where the event that was passed last begins. */
  get eventOffset(): number {
    return this.#start;
  }

  /** The event that was passed last, `size` bytes long. */
  place(size = 0): EventPlace {
    return {
      epoch: this.#epoch,
      file: this.#file,
      fileNumber: this.#fileNumber,
      offset: this.#start,
      size,
    };
  }

  /** Takes in one event, whose header begins at `at`. */
  pass(header: EventHeader, buffer: Buffer, at: number, end: number): void {
    if (header.type === eventType.rotate) {
      // position(8) file name: the place where the next event stands.
      const body = at + headerBytes;
      this.#file = buffer.toString('utf8', body + 8, end);
      this.#fileNumber = binlogFileNumber(this.#file);
      if (!Number.isInteger(this.#fileNumber)) throw oddFileName(this.#file);
      this.#start = Number(buffer.readBigUInt64LE(body));
      this.#end = this.#start;
      return;
    }
    if (header.type === eventType.heartbeat) {
      this.#skipTo(header.logPos);
      return;
    }
    if (!standsInFile(header)) return;
    const expected = this.#end + header.size;
    this.#end =
      header.logPos === 0
        ? expected
        : expected + ((header.logPos - (expected % two32) + two32) % two32);
    this.#start = this.#end - header.size;
  }

  /**
   * MySQL leaves out the transactions that we have when it resumes by GTID, and tells by a heartbeat how
   * far it has come. In 32 bits; one that lies behind us says nothing new.
   */
  #skipTo(logPos: number): void {
    // MariaDB beyond 4 GiB: the place stands elsewhere, and the next event tells it anyway.
    if (logPos === 0) return;
    const distance = (logPos - (this.#end % two32) + two32) % two32;
    if (distance >= two32 / 2) return;
    this.#end += distance;
    this.#start = this.#end;
  }
}

/** Heartbeats, events made up for this connection, and the format description repeated mid-file. */
function standsInFile({ type, logPos, isArtificial }: EventHeader): boolean {
  if (isArtificial || type === eventType.heartbeat || type === eventType.heartbeatV2) return false;
  return type !== eventType.formatDescription || logPos !== 0;
}

function oddFileName(file: string): CdcError {
  return new CdcError('CDC_BINLOG_EVENT_UNSUPPORTED', `the binlog file ${file} has no number`, {
    details: { file },
    remedy: 'Set log_bin on the source server to a name without a dot at its end, then restart it.',
  });
}
