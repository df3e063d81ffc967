import type { Position } from '../../../change/position.ts';
import type { TableId } from '../../../change/table-id.ts';
import { parseTablePatterns } from '../../../change/table-pattern.ts';
import type { TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import type { StreamItem } from '../../source.ts';
import { connectionOptions, MysqlSession } from '../connection.ts';
import type { MysqlSourceOptions } from '../options.ts';
import { readServerInfo } from '../server-info.ts';
import { BatchQueue } from './batch-queue.ts';
import { BinlogConnection } from './binlog-connection.ts';
import { type SchemaProbe, SchemaRegistry } from './schema-registry.ts';
import { SchemaTracker } from './schema-tracker.ts';
import { toStreamError } from './stream-error.ts';
import { TransactionReader } from './transaction-reader.ts';

export interface BinlogStreamOptions {
  readonly source: MysqlSourceOptions;
  /** Unique among the replicas of the server. */
  readonly serverId: number;
  /** See MysqlSourceContext. */
  readonly detail?: 'rows' | 'changes';
  readonly probe: SchemaProbe;
  readonly onSnapshotNeeded: (table: TableId) => void;
}

/**
 * Follows the binlog of a MySQL or MariaDB server; see `Source.stream` for what it promises. It does
 * not reconnect: it throws, and the supervisor starts it again from the last stored position.
 */
export class BinlogStream {
  readonly #options: BinlogStreamOptions;
  #queue: BatchQueue | undefined;

  constructor(options: BinlogStreamOptions) {
    this.#options = options;
  }

  /** Behind the last transaction that has been read, while a stream runs. */
  get readPosition(): Position | undefined {
    return this.#queue?.position;
  }

  /**
   * Streams from `from`, where `schemas` are the schemas in force. With `from.gtid` the server finds the
   * place by it, which also works on another server (then `file` is empty and `epoch` one higher); else
   * by file and offset. Ends when the signal aborts. Throws CDC_BINLOG_POSITION_LOST and all that a
   * source's stream may throw.
   */
  async *stream(
    from: Position,
    schemas: ReadonlyMap<TableId, TableSchema>,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem> {
    const { ignoresCase } = await this.#checkStart(from);
    if (signal.aborted) return;
    const run = this.#open(from, schemas, ignoresCase);
    const wake = () => run.queue.wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const item = run.queue.take();
        if (item !== undefined) yield item;
        else if (run.failure.error !== undefined) throw run.failure.error;
        else await run.queue.wait();
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#queue = undefined;
      await run.connection.close();
    }
  }

  #open(
    from: Position,
    schemas: ReadonlyMap<TableId, TableSchema>,
    ignoresCase: boolean,
  ): { queue: BatchQueue; connection: BinlogConnection; failure: { error?: CdcError } } {
    const { source, serverId, detail = 'rows', probe, onSnapshotNeeded } = this.#options;
    const failure: { error?: CdcError } = {};
    const fail = (error: unknown) => {
      failure.error ??= toStreamError(error, reader.place);
      queue.fail();
    };
    const connection = new BinlogConnection(
      {
        connection: connectionOptions(source),
        heartbeatMs: source.heartbeatSeconds * 1000,
      },
      {
        onPacket: (buffer, at, end) => reader.readPacket(buffer, at, end),
        onError: fail,
      },
    );
    const queue = new BatchQueue({
      from,
      gtid: () => reader.executed,
      ...(detail === 'changes' && { transactionId: () => reader.transactionId }),
      onPressure: (isFull) => (isFull ? connection.hold() : connection.release()),
      now: Date.now,
    });
    const reader = new TransactionReader({
      from,
      detail,
      queue,
      schemas: new SchemaTracker({
        registry: new SchemaRegistry(probe, schemas),
        tables: parseTablePatterns(source.tables),
        ignoresCase,
        onSnapshotNeeded,
      }),
      isMariaDb: () => connection.isMariaDb,
      usesChecksum: () => connection.usesChecksum,
      hold: (work) => {
        connection.hold();
        work.then(() => connection.release()).catch(fail);
      },
    });
    this.#queue = queue;
    connection.open(from, serverId);
    return { queue, connection, failure };
  }

  /**
   * MySQL streams its whole history to a replica whose GTIDs it does not know, without a word, so that
   * must be found out before.
   */
  async #checkStart(from: Position): Promise<{ ignoresCase: boolean }> {
    await using session = await MysqlSession.open(this.#options.source);
    const server = await readServerInfo(session);
    if (from.gtid === undefined && from.serverId !== '' && from.serverId !== server.identity) {
      throw positionLost(from, `it is a place in the binlog of another server (${from.serverId})`);
    }
    if (from.gtid !== undefined && server.flavour === 'mysql') {
      const row = await session.row<{ isKnown: number; isKept: number }>(
        `SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed) AS isKnown,
          GTID_SUBSET(@@GLOBAL.gtid_purged, ?) AS isKept`,
        [from.gtid, from.gtid],
      );
      if (Number(row?.isKnown) !== 1) {
        throw positionLost(from, 'the server has not executed those transactions');
      }
      if (Number(row?.isKept) !== 1) {
        throw positionLost(from, 'the server has purged transactions that follow it');
      }
    }
    const names = await session.row<{ rule: number }>('SELECT @@lower_case_table_names AS rule');
    return { ignoresCase: Number(names?.rule) !== 0 };
  }
}

function positionLost(from: Position, reason: string): CdcError {
  const place = from.gtid ?? `${from.file}:${from.offset}`;
  return new CdcError('CDC_BINLOG_POSITION_LOST', `cannot stream from ${place}: ${reason}`, {
    details: { file: from.file, offset: from.offset, ...(from.gtid && { gtid: from.gtid }) },
  });
}
