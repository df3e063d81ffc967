import type { BinlogEvent } from '@vlasky/zongji';
import type { Position } from '../../../change/position.ts';
import type { CdcError } from '../../../errors.ts';
import type { BatchQueue } from './batch-queue.ts';
import { BinlogCursor } from './binlog-cursor.ts';
import { type EventHeader, eventType, headerBytes, readEventHeader } from './event-format.ts';
import { readCommitTime } from './gtid-event.ts';
import { isRowsEvent, readRowsEvent, readRowsTableId } from './rows-event.ts';
import type { SchemaTracker } from './schema-tracker.ts';
import { parseStatement, type Statement } from './statement.ts';
import { TableDecoders } from './table-decoders.ts';
import { unsupportedEvent } from './unsupported-event.ts';

export interface TransactionReaderOptions {
  readonly from: Position;
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
  #isInTransaction = false;
  #isStandalone = true;
  /** Commit time of the transaction by the source's clock. */
  #committedAtMs = 0;
  #hasPreciseTime = false;

  constructor(options: TransactionReaderOptions) {
    this.#options = options;
    this.#cursor = new BinlogCursor(options.from);
    this.#tables = new TableDecoders(options);
  }

  /** Where the event being read stands, for messages. */
  get place(): string {
    const { file, offset } = this.#cursor.place();
    return `${file}:${offset}`;
  }

  /** One event, header at `at`, without checksum up to `end`. */
  readPacket(buffer: Buffer, at: number, end: number): void {
    const header = readEventHeader(buffer, at);
    this.#cursor.pass(header, buffer, at, end);
    if (!this.#hasPreciseTime) this.#committedAtMs = header.timestamp * 1000;
    const body = at + headerBytes;
    if (header.type === eventType.tableMap) {
      const { open } = this.#options.queue;
      this.#tables.readMap(buffer, body, end, this.#cursor.place(), open);
    } else if (isRowsEvent(header.type)) this.#readRows(header, buffer, at, end);
    else this.#readOther(header, buffer, body, end);
  }

  /** An event that frames a transaction. */
  readFrame(event: BinlogEvent): void {
    switch (event.getTypeName()) {
      case 'Gtid':
      case 'AnonymousGtid':
        this.#begin(true);
        break;
      case 'MariadbGtid':
        this.#begin((event as unknown as { standalone: boolean }).standalone);
        this.#isInTransaction = !this.#isStandalone;
        break;
      case 'Xid':
        this.#commit();
        break;
      case 'XaPrepare':
        this.#prepareXa((event as unknown as { onePhase: boolean }).onePhase);
        break;
      case 'Query': {
        const { query, schema } = event as unknown as { query: string; schema: string };
        this.#readQuery(parseStatement(query, schema));
        break;
      }
    }
  }

  #begin(isStandalone: boolean): void {
    // A transaction that was never finished: the server crashed while writing it, and has undone it.
    if (!this.#options.queue.open.isEmpty || this.#options.queue.hasOpenParts) this.#abandon();
    this.#isStandalone = isStandalone;
    this.#isInTransaction = false;
  }

  #abandon(): void {
    if (this.#options.queue.hasOpenParts) {
      throw this.#unsupported(
        'the large transaction before has no end in the binlog',
        'Run `cdc init --restart`.',
      );
    }
    this.#options.queue.open.clear();
  }

  #commit(): void {
    this.#isInTransaction = false;
    this.#hasPreciseTime = false;
    this.#options.queue.commit(this.#cursor.boundary(), this.#committedAtMs);
    this.#settle();
  }

  #settle(): void {
    this.#options.schemas.settle(this.#options.queue);
  }

  /**
   * Two-phase XA is refused where it changes captured tables: such rows would have to wait for a
   * commit that may come after any number of transactions and restarts, with versions of then.
   */
  #prepareXa(onePhase: boolean): void {
    if (!onePhase && !this.#options.queue.open.isEmpty) {
      throw this.#unsupported(
        'an XA transaction was prepared that changes captured tables',
        'Use XA COMMIT ... ONE PHASE or plain transactions for them, then run `cdc init --restart`.',
      );
    }
    this.#commit();
  }

  #readQuery(statement: Statement): void {
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
          statement.changes,
          this.#cursor.place(),
          this.#options.queue.open,
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
    if (this.#options.queue.open.isEmpty && !this.#options.queue.hasOpenParts) return;
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
    queue.open.addRows(schema.table, schema.version, (writer) =>
      decoder.decode(event, this.#cursor.place(header.size), writer),
    );
    queue.noteRows();
  }

  #readOther(header: EventHeader, buffer: Buffer, body: number, end: number): void {
    switch (header.type) {
      case eventType.gtid:
      case eventType.anonymousGtid: {
        const time = readCommitTime(buffer, body, end);
        this.#hasPreciseTime = time !== undefined;
        if (time !== undefined) this.#committedAtMs = time;
        return;
      }
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
      this.#options.queue.advance(this.#cursor.boundary());
      this.#settle();
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

/**
 * Events outside of transactions after which one may resume: beginnings and ends of files, their lists,
 * and the server's word that it has nothing more now.
 */
function passesBoundary({ type, isArtificial }: EventHeader): boolean {
  return !isArtificial && boundaryTypes.has(type);
}

const boundaryTypes = new Set<number>([
  eventType.stop,
  eventType.rotate,
  eventType.formatDescription,
  eventType.heartbeat,
  eventType.previousGtids,
  eventType.binlogCheckpoint,
  eventType.gtidList,
]);
