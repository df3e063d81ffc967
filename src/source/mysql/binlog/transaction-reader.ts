import type { Position } from '../../../change/position.ts';
import type { CdcError } from '../../../errors.ts';
import type { BatchQueue } from './batch-queue.ts';
import { BinlogCursor } from './binlog-cursor.ts';
import {
  type EventHeader,
  eventType,
  headerBytes,
  passesBoundary,
  readEventHeader,
} from './event-format.ts';
import { isStandalone } from './gtid-event.ts';
import { isBegin, readQueryEvent } from './query-event.ts';
import { isRowsEvent, readRowsEvent, readRowsTableId } from './rows-event.ts';
import type { SchemaTracker } from './schema-tracker.ts';
import { parseStatement, type Statement } from './statement.ts';
import { StreamGtids } from './stream-gtids.ts';
import { TableDecoders } from './table-decoders.ts';
import { unsupportedEvent } from './unsupported-event.ts';

export interface TransactionReaderOptions {
  readonly from: Position;
  readonly detail: 'rows' | 'changes';
  readonly queue: BatchQueue;
  readonly schemas: SchemaTracker;
  /** Known once the connection stands. */
  readonly isMariaDb: () => boolean;
  readonly usesChecksum: () => boolean;
  /** Lets no event come before `work` is done; an error of it ends the stream. */
  readonly hold: (work: Promise<void>) => void;
}

/**
 * Turns the events of the binlog into transactions in a BatchQueue: rows are decoded as they come and
 * released at the commit.
 *
 *   MySQL    Gtid, Query BEGIN | XA START, (TableMap, rows)*, Xid | Query COMMIT | XaPrepare
 *   MariaDB  MariadbGtid, (TableMap, rows)*, Xid | Query COMMIT | XaPrepare
 *   both     Gtid, Query <DDL>     (MariaDB: the Gtid event says "standalone")
 */
export class TransactionReader {
  readonly #options: TransactionReaderOptions;
  readonly #cursor: BinlogCursor;
  readonly #tables: TableDecoders;
  readonly #gtids: StreamGtids;
  #isInTransaction = false;
  /** Where the transaction at hand begins. */
  #begunAt = 0;
  /** Commit time of the transaction by the source's clock. */
  #committedAtMs = 0;
  #hasPreciseTime = false;

  constructor(options: TransactionReaderOptions) {
    this.#options = options;
    this.#cursor = new BinlogCursor(options.from);
    this.#gtids = new StreamGtids(options.from.gtid);
    this.#tables = new TableDecoders(options);
  }

  /** Where the event being read stands, for messages. */
  get place(): string {
    return `${this.#cursor.file}:${this.#cursor.eventOffset}`;
  }

  /** GTIDs of every transaction that has ended, from what the stream began with. */
  get executed(): string | undefined {
    return this.#gtids.executed;
  }

  /** Of the transaction at hand, or of the last one; see TransactionMark. */
  get transactionId(): string {
    return this.#gtids.current ?? `${this.#cursor.file}:${this.#begunAt}`;
  }

  /** One event, header at `at`, without checksum up to `end`. */
  readPacket(buffer: Buffer, at: number, end: number): void {
    const header = readEventHeader(buffer, at);
    this.#cursor.pass(header, buffer, at, end);
    if (!this.#hasPreciseTime) this.#committedAtMs = header.timestamp * 1000;
    const body = at + headerBytes;
    switch (header.type) {
      case eventType.tableMap:
        this.#tables.readMap(buffer, body, end, this.#cursor, this.#options.queue.sections);
        return;
      case eventType.xid:
        this.#commit();
        return;
      case eventType.query:
        if (isBegin(buffer, body, end)) this.#isInTransaction = true;
        else this.#readQuery(buffer, body, end, false);
        return;
      case eventType.queryCompressed:
        this.#readQuery(buffer, body, end, true);
        return;
      case eventType.xaPrepare:
        this.#prepareXa(buffer[body] !== 0);
        return;
      case eventType.gtid:
      case eventType.anonymousGtid:
      case eventType.taggedGtid:
        this.#begin();
        this.#noteTime(this.#gtids.beginMysql(header.type, buffer, body, end));
        return;
      case eventType.mariadbGtid:
        this.#begin();
        this.#gtids.beginMariadb(buffer, at, body);
        this.#isInTransaction = !isStandalone(buffer, body);
        return;
      default:
        if (isRowsEvent(header.type)) this.#readRows(header, buffer, at, end);
        else this.#readOther(header, buffer, body, end);
    }
  }

  #noteTime(committedAtMs: number | undefined): void {
    this.#hasPreciseTime = committedAtMs !== undefined;
    if (committedAtMs !== undefined) this.#committedAtMs = committedAtMs;
  }

  #begin(): void {
    const { queue } = this.#options;
    // A transaction that was never finished: the server crashed while writing it, and has undone it.
    if (!queue.sections.isOpenEmpty || queue.hasOpenParts) this.#abandon();
    this.#isInTransaction = false;
    this.#begunAt = this.#cursor.eventOffset;
  }

  #abandon(): void {
    if (this.#options.queue.hasOpenParts) {
      throw this.#unsupported(
        'the large transaction before has no end in the binlog',
        'Run `cdc init --restart`.',
      );
    }
    this.#options.queue.sections.rollback();
  }

  #commit(): void {
    this.#isInTransaction = false;
    this.#hasPreciseTime = false;
    this.#gtids.end();
    this.#options.queue.commit(this.#cursor, this.#committedAtMs);
    this.#options.schemas.settle(this.#options.queue);
  }

  /**
   * Two-phase XA is refused where it changes captured tables: such rows would have to wait for a
   * commit that may come after any number of transactions and restarts, with versions of then.
   */
  #prepareXa(onePhase: boolean): void {
    if (!onePhase && !this.#options.queue.sections.isOpenEmpty) {
      throw this.#unsupported(
        'an XA transaction was prepared that changes captured tables',
        'Use XA COMMIT ... ONE PHASE or plain transactions for them, then run `cdc init --restart`.',
      );
    }
    this.#commit();
  }

  #readQuery(buffer: Buffer, body: number, end: number, isCompressed: boolean): void {
    const { sql, database } = readQueryEvent(buffer, body, end, isCompressed);
    this.#readStatement(parseStatement(sql, database), sql);
  }

  #readStatement(statement: Statement, sql: string): void {
    switch (statement.kind) {
      case 'begin':
        this.#isInTransaction = true;
        return;
      case 'commit':
      case 'endXa':
        this.#commit();
        return;
      case 'rollback':
      case 'rollbackTo':
        this.#assertNothingToRollBack();
        if (statement.kind === 'rollback') this.#commit();
        return;
      case 'dml':
        this.#refuseStatement(statement.tables);
        break;
      case 'ddl': {
        const change = this.#options.schemas.apply(
          { changes: statement.changes, sql },
          this.#cursor.place(),
          this.#options.queue.sections,
        );
        if (change !== undefined) {
          this.#options.hold(change.then(() => this.#endStatement()));
          return;
        }
        break;
      }
      default:
        break;
    }
    this.#endStatement();
  }

  /** A statement that is no part of a transaction is one of its own. */
  #endStatement(): void {
    if (!this.#isInTransaction) this.#commit();
  }

  /** Row changes are written when they are certain, so a rollback only ends changes of other kinds. */
  #assertNothingToRollBack(): void {
    if (this.#options.queue.sections.isOpenEmpty && !this.#options.queue.hasOpenParts) return;
    throw this.#unsupported(
      'a ROLLBACK follows rows of captured tables that were not transactional',
      'Do not mix InnoDB and other engines in one transaction, then run `cdc init --restart`.',
    );
  }

  #refuseStatement(tables: readonly string[]): void {
    const table = tables.find((id) => this.#options.schemas.isKnown(id));
    if (table === undefined) return;
    throw this.#unsupported(
      `a statement changes ${table} without row events`,
      `SET GLOBAL binlog_format = 'ROW' for all sessions, then run \`cdc init --restart\`.`,
    );
  }

  #readRows(header: EventHeader, buffer: Buffer, at: number, end: number): void {
    const body = at + headerBytes;
    const decoder = this.#tables.decoderOf(readRowsTableId(buffer, body));
    if (decoder === undefined) return;
    const event = readRowsEvent(buffer, at, body, end, header.type);
    const { schema } = decoder;
    if (!event.isFullImage) {
      throw this.#unsupported(
        `rows of ${schema.table} come without some of their columns`,
        `SET GLOBAL binlog_row_image = 'FULL', then run \`cdc init --restart\`.`,
      );
    }
    const { queue } = this.#options;
    queue.sections.addRows(schema.table, schema.version, (writer) =>
      decoder.decode(event, this.#cursor.place(header.size), writer),
    );
    queue.noteRows(this.#cursor, this.#committedAtMs);
  }

  #readOther(header: EventHeader, buffer: Buffer, body: number, end: number): void {
    switch (header.type) {
      case eventType.formatDescription:
        this.#assertChecksum(buffer, end);
        break;
      case eventType.transactionPayload:
        throw this.#unsupported(
          'a transaction is compressed',
          'SET GLOBAL binlog_transaction_compression = OFF, then run `cdc init --restart`.',
        );
      case eventType.partialUpdateRows:
        this.#refusePartialUpdate(readRowsTableId(buffer, body));
        return;
      case eventType.executeLoadQuery:
        throw this.#unsupported(
          'a LOAD DATA statement stands in the binlog instead of its rows',
          `SET GLOBAL binlog_format = 'ROW', then run \`cdc init --restart\`.`,
        );
      case eventType.incident:
        throw this.#unsupported(
          'the server notes here that its binlog has lost events',
          'Run `cdc init --restart`.',
        );
      default:
        break;
    }
    if (!this.#isInTransaction && passesBoundary(header)) {
      this.#options.queue.advance(this.#cursor);
      this.#options.schemas.settle(this.#options.queue);
    }
  }

  #refusePartialUpdate(id: number): void {
    const table = this.#tables.tableOf(id);
    if (table === undefined) return;
    throw this.#unsupported(
      `an update of ${table} holds only parts of a JSON value`,
      `SET GLOBAL binlog_row_value_options = '', then run \`cdc init --restart\`.`,
    );
  }

  /** The last 5 bytes of a format description are algorithm(1) and checksum(4), whatever the algorithm. */
  #assertChecksum(buffer: Buffer, end: number): void {
    const usesChecksum = this.#options.usesChecksum();
    const algorithm = buffer[usesChecksum ? end - 1 : end - 5];
    if ((algorithm === 1) === usesChecksum) return;
    throw this.#unsupported(
      `binlog_checksum was another when ${this.#cursor.file} was written`,
      'SET GLOBAL binlog_checksum back until cdc has passed the file.',
    );
  }

  #unsupported(what: string, remedy: string): CdcError {
    return unsupportedEvent(this.#cursor.place(), what, remedy);
  }
}
