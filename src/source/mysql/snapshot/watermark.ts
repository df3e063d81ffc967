import { type Position, versionOf } from '../../../change/position.ts';
import { CdcError } from '../../../errors.ts';
import type { MysqlSession } from '../connection.ts';
import type { ServerInfo } from '../server-info.ts';
import {
  type BinlogPlace,
  fileStart,
  positionAt,
  readBinlogEnd,
  readSnapshotPlace,
} from '../server-position.ts';

/**
 * Where a SELECT stands in the binlog. A low watermark must be *safe*: every transaction before it is
 * visible to a SELECT that starts after it was taken. The end of the binlog is not, because a
 * transaction is written there before its rows can be seen.
 *
 *   T is in the binlog ── end of binlog read ── SELECT without T ── T becomes visible
 *                          (wrong: T lies before it and was not seen)
 */
export interface Watermarks {
  /** Opens a transaction on `session` and gives its low watermark. End it with COMMIT. */
  begin(session: MysqlSession): Promise<Position>;
}

export interface WatermarkContext {
  readonly server: ServerInfo;
  readonly epoch: number;
  /** Up to here the stream has delivered: where it began, and from then on its last transaction. */
  readonly streamPosition: () => Position | undefined;
}

const beginSnapshot = 'START TRANSACTION WITH CONSISTENT SNAPSHOT';

/** The watermarks for one reading of a table; `session` takes the lock where one is needed. */
export async function openWatermarks(
  session: MysqlSession,
  context: WatermarkContext,
): Promise<Watermarks> {
  const { server } = context;
  if (server.flavour === 'mariadb') return { begin: (reader) => beginMariadb(reader, context) };
  if (server.gtid) return { begin: (reader) => beginMysqlGtid(reader, context) };
  const locked = await readLockedPosition(session, context);
  return {
    async begin(reader) {
      await reader.command(beginSnapshot);
      return locked;
    },
  };
}

/** A safe place to stream from; see Watermarks. */
export async function readSafePosition(
  session: MysqlSession,
  context: WatermarkContext,
): Promise<Position> {
  const { server, epoch } = context;
  if (server.flavour === 'mysql' && !server.gtid) return readLockedPosition(session, context);
  if (server.flavour === 'mysql') return readFileStart(session, context);
  await session.command(beginSnapshot);
  const place = await readSnapshotPlace(session);
  await session.command('COMMIT');
  const row = await session.row<{ gtid: string | null }>('SELECT BINLOG_GTID_POS(?, ?) AS gtid', [
    place.file,
    place.offset,
  ]);
  return positionAt(place, server, epoch, row?.gtid ?? undefined);
}

/**
 * MariaDB gives the binlog place that is exactly what the transaction sees. It may lie a moment
 * before what the stream has delivered already (sent before it became visible): then once more, so
 * that a chunk never misses a change that the log holds from before the chunk began.
 */
async function beginMariadb(reader: MysqlSession, context: WatermarkContext): Promise<Position> {
  const { server, epoch, streamPosition } = context;
  const delivered = streamPosition();
  for (let attempt = 0; attempt < 1000; attempt++) {
    await reader.command(beginSnapshot);
    const position = positionAt(await readSnapshotPlace(reader), server, epoch);
    if (delivered?.epoch !== epoch || versionOf(position) >= versionOf(delivered)) return position;
    await reader.command('COMMIT');
  }
  throw new CdcError(
    'CDC_SOURCE_CONNECTION_LOST',
    'What the stream has delivered does not become visible on the server.',
  );
}

/**
 * MySQL says which transactions are visible (`gtid_executed`) but not where that is in the binlog.
 * The stream knows both for the place it has reached, so its position is safe as soon as the server
 * counts all of it as executed.
 */
async function beginMysqlGtid(reader: MysqlSession, context: WatermarkContext): Promise<Position> {
  const reached = context.streamPosition();
  if (reached?.gtid === undefined || reached.epoch !== context.epoch) {
    const start = await readFileStart(reader, context);
    await reader.command(beginSnapshot);
    return start;
  }
  const row = await reader.row<{ late: number }>(
    'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 30) AS late',
    [reached.gtid],
  );
  if (Number(row?.late) !== 0) {
    throw new CdcError(
      'CDC_SOURCE_CONNECTION_LOST',
      'The server has not executed what its own binlog holds within 30 s.',
    );
  }
  await reader.command(beginSnapshot);
  return reached;
}

/**
 * The start of the current binlog file: a rotation waits for commits in flight, so everything in
 * older files is visible. To stream from there only what is not executed yet is wanted (`gtid`).
 * The file is read first: what is missing in `gtid_executed` afterwards cannot lie before it.
 */
async function readFileStart(session: MysqlSession, context: WatermarkContext): Promise<Position> {
  const { file } = await readBinlogEnd(session, context.server);
  const row = await session.row<{ gtid: string }>('SELECT @@GLOBAL.gtid_executed AS gtid');
  const gtid = (row?.gtid ?? '').replaceAll(/\s/g, '');
  return positionAt({ file, offset: fileStart }, context.server, context.epoch, gtid);
}

/** Without GTIDs nothing says what is visible: for one moment no commit may be under way. */
async function readLockedPosition(
  session: MysqlSession,
  context: WatermarkContext,
): Promise<Position> {
  await session.command('FLUSH TABLES WITH READ LOCK');
  try {
    const place: BinlogPlace = await readBinlogEnd(session, context.server);
    return positionAt(place, context.server, context.epoch);
  } finally {
    await session.command('UNLOCK TABLES');
  }
}
