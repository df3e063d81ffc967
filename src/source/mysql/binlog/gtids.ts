import { readGtidNumber, renderUuid } from './gtid-event.ts';
import { GtidSet } from './gtid-set.ts';

/** GTIDs along the stream: of the transaction at hand, and of everything that has ended. */
export interface Gtids {
  /** As the server prints it; undefined when the transaction has none. Stays until the next one begins. */
  readonly current: string | undefined;
  /** What one asks the server for to go on behind the last `end`; undefined when the stream began without. */
  readonly executed: string | undefined;
  /** The transaction at hand is over. */
  end(): void;
}

/** The executed set of MySQL: `uuid:1-5,...`. */
export class MysqlGtids implements Gtids {
  readonly #executed: GtidSet | undefined;
  #text: string | undefined;
  readonly #uuid = Buffer.alloc(16);
  #uuidText = renderUuid(this.#uuid);
  #source = '';
  #number: number | bigint = 0;
  #isOpen = false;
  /** Transactions that ended and are not in the set yet, one behind the other. */
  #runSource = '';
  #runFirst: number | bigint = 0;
  #runLast: number | bigint = 0;
  #runNext = Number.NaN;

  constructor(executed: string | undefined) {
    this.#executed = executed === undefined ? undefined : GtidSet.parse(executed);
  }

  get current(): string | undefined {
    return this.#source === '' ? undefined : `${this.#source}:${this.#number}`;
  }

  get executed(): string | undefined {
    if (this.#executed === undefined) return undefined;
    this.#keepRun();
    this.#text ??= this.#executed.toString();
    return this.#text;
  }

  /** A GTID event; see gtid-event.ts. */
  begin(buffer: Buffer, body: number): void {
    if (buffer.compare(this.#uuid, 0, 16, body + 1, body + 17) !== 0) {
      buffer.copy(this.#uuid, 0, body + 1, body + 17);
      this.#uuidText = renderUuid(this.#uuid);
    }
    this.beginAs(this.#uuidText, readGtidNumber(buffer, body + 17));
  }

  beginAs(source: string, number: number | bigint): void {
    this.#source = source;
    this.#number = number;
    this.#isOpen = true;
  }

  /** A transaction without a GTID. */
  beginAnonymous(): void {
    this.#source = '';
    this.#isOpen = false;
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const number = this.#number;
    if (number !== this.#runNext || this.#source !== this.#runSource) {
      this.#keepRun();
      this.#runSource = this.#source;
      this.#runFirst = number;
    }
    this.#runLast = number;
    this.#runNext = typeof number === 'number' ? number + 1 : Number.NaN;
    this.#text = undefined;
  }

  #keepRun(): void {
    if (this.#runSource === '') return;
    this.#executed?.add(this.#runSource, BigInt(this.#runFirst), BigInt(this.#runLast));
    this.#runSource = '';
  }
}

interface DomainState {
  server: number;
  number: number | bigint;
}

/** The position of MariaDB, the last transaction of each domain: `0-1-1234,1-3-45`. */
export class MariadbGtids implements Gtids {
  readonly #executed: Map<number, DomainState> | undefined;
  #domain = 0;
  #server = 0;
  #number: number | bigint = 0;
  #hasBegun = false;
  #isOpen = false;

  constructor(executed: string | undefined) {
    if (executed === undefined) return;
    this.#executed = new Map();
    for (const gtid of executed.split(',')) {
      const [domain, server, number] = gtid.trim().split('-');
      if (number === undefined) continue;
      this.#executed.set(Number(domain), { server: Number(server), number: BigInt(number) });
    }
  }

  get current(): string | undefined {
    return this.#hasBegun ? `${this.#domain}-${this.#server}-${this.#number}` : undefined;
  }

  get executed(): string | undefined {
    if (this.#executed === undefined) return undefined;
    return [...this.#executed]
      .sort(([left], [right]) => left - right)
      .map(([domain, { server, number }]) => `${domain}-${server}-${number}`)
      .join(',');
  }

  /** A GTID event; see gtid-event.ts. */
  begin(buffer: Buffer, header: number, body: number): void {
    this.#server = buffer.readUInt32LE(header + 5);
    this.#number = readGtidNumber(buffer, body);
    this.#domain = buffer.readUInt32LE(body + 8);
    this.#hasBegun = true;
    this.#isOpen = true;
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const state = this.#executed?.get(this.#domain);
    if (state === undefined) {
      this.#executed?.set(this.#domain, { server: this.#server, number: this.#number });
    } else {
      state.server = this.#server;
      state.number = this.#number;
    }
  }
}
