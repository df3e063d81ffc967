import { eventType } from './event-format.ts';
import { readCommitTime, readTaggedGtid } from './gtid-event.ts';
import { type Gtids, MariadbGtids, MysqlGtids } from './gtids.ts';

/** The GTIDs of one stream, of the flavour that its first GTID event shows. */
export class StreamGtids {
  readonly #from: string | undefined;
  #gtids: Gtids | undefined;

  /** `from`: see `Position.gtid`. */
  constructor(from: string | undefined) {
    this.#from = from;
  }

  /** Of the transaction at hand, or of the last one; undefined when it has none. */
  get current(): string | undefined {
    return this.#gtids?.current;
  }

  /** Every transaction that has ended, and those before the stream; undefined when these are not known. */
  get executed(): string | undefined {
    return this.#gtids === undefined ? this.#from : this.#gtids.executed;
  }

  /** Takes in a GTID event of MySQL and returns the commit time in it. */
  beginMysql(type: number, buffer: Buffer, body: number, end: number): number | undefined {
    const gtids = this.#gtids instanceof MysqlGtids ? this.#gtids : new MysqlGtids(this.#from);
    this.#gtids = gtids;
    if (type === eventType.taggedGtid) {
      const { source, number, committedAtMs } = readTaggedGtid(buffer, body, end);
      gtids.beginAs(source, number);
      return committedAtMs;
    }
    if (type === eventType.gtid) gtids.begin(buffer, body);
    else gtids.beginAnonymous();
    return readCommitTime(buffer, body, end);
  }

  /** Takes in a GTID event of MariaDB, its header at `at`. */
  beginMariadb(buffer: Buffer, at: number, body: number): void {
    const gtids = this.#gtids instanceof MariadbGtids ? this.#gtids : new MariadbGtids(this.#from);
    this.#gtids = gtids;
    gtids.begin(buffer, at, body);
  }

  end(): void {
    this.#gtids?.end();
  }
}
