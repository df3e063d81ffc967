import ZongJi from '@vlasky/zongji';
import type { ConnectionOptions } from 'mysql2';
import type { Position } from '../../../change/position.ts';
import { CdcError } from '../../../errors.ts';

/** What the stream takes from the connection; every call is made in the order of the binlog. */
export interface BinlogListener {
  /** An event as it came, its header at `at`, without checksum up to `end`. */
  onPacket(buffer: Buffer, at: number, end: number): void;
  /** Nothing comes after it. */
  onError(error: unknown): void;
}

interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  readonly sequenceId: number;
  readonly numPackets: number;
}

/** The parts of mysql2's connection (lib/base/connection.js) that the tap relies on; its version is pinned. */
interface TappedConnection {
  handlePacket(packet?: Packet): void;
  /** The number that the next packet must have, or mysql2 complains. */
  sequenceId: number;
  pause(): void;
  resume(): void;
  query(sql: string, done: (error: unknown) => void): void;
  readonly stream: { readonly bytesRead: number };
}

/** zongji's own connections, which it does not declare. */
interface ZongJiInternals {
  readonly connection: TappedConnection;
  readonly ctrlConnection: {
    query(sql: string, done: () => void): void;
    on(event: 'error', listener: () => void): void;
    removeAllListeners(event: 'error'): void;
  };
  readonly useChecksum: boolean;
  readonly isMariaDb: boolean;
}

/** Longest wait of the server for us to read on: back-pressure may last. */
const netWriteTimeoutSeconds = 24 * 3600;
const checksumBytes = 4;

/**
 * zongji's connection with a tap: zongji does login, flavour and the request for the binlog, by GTID or
 * by place; the events go past it to the reader. (Its own parsing of the four or five events around a
 * row costs three times what the row does.) Adds what zongji lacks: heartbeats with a watchdog, pause and
 * resume, and errors that end the stream.
 */
export class BinlogConnection {
  readonly #zongji: ZongJi;
  readonly #listener: BinlogListener;
  readonly #heartbeatMs: number;
  #watchdog: NodeJS.Timeout | undefined;
  #isOver = false;
  #holds = 0;
  #isPaused = false;
  #isHandling = false;

  constructor(
    options: { readonly connection: ConnectionOptions; readonly heartbeatMs: number },
    listener: BinlogListener,
  ) {
    this.#zongji = new ZongJi(options.connection);
    this.#listener = listener;
    this.#heartbeatMs = options.heartbeatMs;
  }

  get #internals(): ZongJiInternals {
    return this.#zongji as unknown as ZongJiInternals;
  }

  get isMariaDb(): boolean {
    return this.#internals.isMariaDb;
  }

  get usesChecksum(): boolean {
    return this.#internals.useChecksum;
  }

  /** Asks for the binlog from `from`: by GTID when it has one, else by file and offset. */
  open(from: Position, serverId: number): void {
    this.#zongji.on('error', (error: unknown) => this.#fail(error));
    this.#zongji.on('ready', () => this.#prepare());
    this.#zongji.start({
      serverId,
      // Nothing: what it must know of is in its answers, before the first event.
      includeEvents: [],
      ...(from.gtid !== undefined
        ? { gtidSet: from.gtid }
        : { filename: from.file, position: from.offset }),
    });
    this.#watch();
  }

  /** Lets no packet through until as many `release` calls; takes effect behind the packet at hand. */
  hold(): void {
    this.#holds++;
    if (!this.#isHandling) this.#pause();
  }

  release(): void {
    this.#holds--;
    if (this.#holds > 0 || !this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    this.#internals.connection.resume();
  }

  #pause(): void {
    if (this.#holds === 0 || this.#isPaused || this.#isOver) return;
    this.#isPaused = true;
    this.#internals.connection.pause();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#watchdog);
    await new Promise<void>((resolve) => {
      this.#zongji.once('stopped', () => resolve());
      this.#zongji.stop();
    });
  }

  /** Runs just before zongji asks for the dump; queries queued here come first. */
  #prepare(): void {
    const { connection, ctrlConnection } = this.#internals;
    const period = Math.round(this.#heartbeatMs * 1e6);
    connection.query(
      `SET @master_heartbeat_period = ${period}, @source_heartbeat_period = ${period},
        SESSION net_write_timeout = ${netWriteTimeoutSeconds}`,
      // The last answer before the binlog: packets that look like events are events from here on.
      (error) => {
        if (error) this.#fail(error);
        else this.#tap(connection);
      },
    );
    // Only needed to end the dump; when the server closes it for idleness, the stream is still well.
    ctrlConnection.removeAllListeners('error');
    ctrlConnection.on('error', () => undefined);
    ctrlConnection.query('SET SESSION wait_timeout = 31536000', () => undefined);
  }

  #tap(connection: TappedConnection): void {
    const handle = connection.handlePacket;
    connection.handlePacket = (packet) => {
      if (this.#isOver) return;
      // A paused connection queues the packet and hands it in again later.
      if (this.#isPaused) {
        handle.call(connection, packet);
        return;
      }
      if (packet === undefined || !isEvent(packet)) {
        handle.call(connection, packet);
        return;
      }
      this.#isHandling = true;
      connection.sequenceId = (packet.sequenceId + packet.numPackets) % 256;
      try {
        const end = packet.end - (this.usesChecksum ? checksumBytes : 0);
        this.#listener.onPacket(packet.buffer, packet.offset + 1, end);
      } catch (error) {
        this.#fail(error);
      }
      this.#isHandling = false;
      if (this.#holds > 0) this.#pause();
    };
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#watchdog);
    this.#listener.onError(error);
  }

  /** A link that swallows packets gives no error; three missing heartbeats are one. */
  #watch(): void {
    let bytes = -1;
    let silentPeriods = 0;
    this.#watchdog = setInterval(() => {
      const now = this.#internals.connection?.stream?.bytesRead ?? 0;
      silentPeriods = this.#holds > 0 || now !== bytes ? 0 : silentPeriods + 1;
      bytes = now;
      if (silentPeriods <= 3) return;
      this.#fail(
        new CdcError(
          'CDC_SOURCE_CONNECTION_LOST',
          `the source server has been silent for ${(silentPeriods * this.#heartbeatMs) / 1000} s`,
        ),
      );
    }, this.#heartbeatMs);
    this.#watchdog.unref();
  }
}

/** OK marker, then an event with at least its header; errors and the end begin otherwise. */
function isEvent(packet: { buffer: Buffer; offset: number; end: number }): boolean {
  return packet.buffer[packet.offset] === 0 && packet.end - packet.offset > 19;
}
