import { binlogFileNumber, type Position } from '../../change/position.ts';
import { CdcError } from '../../errors.ts';
import type { MysqlSession } from './connection.ts';
import { isAtLeast, type ServerInfo } from './server-info.ts';

/** A place in the binlog as the server gives it. */
export interface BinlogPlace {
  readonly file: string;
  readonly offset: number;
}

/** The first event of a binlog file begins after its 4 magic bytes. */
export const fileStart = 4;

/** The end of the binlog now: every transaction committed before the call lies before it. */
export async function readBinlogEnd(
  session: MysqlSession,
  server: ServerInfo,
): Promise<BinlogPlace> {
  const renamed = server.flavour === 'mysql' && isAtLeast(server, 8, 2);
  const row = await session.row<{ File: string; Position: number | string }>(
    renamed ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
  );
  if (row === undefined) throw binlogOff();
  return { file: row.File, offset: Number(row.Position) };
}

/** Bytes of binlog from `from` to `end` over all files; -1 when the server no longer has `from`. */
export async function readBinlogBytes(
  session: MysqlSession,
  from: BinlogPlace,
  end: BinlogPlace,
): Promise<number> {
  if (from.file === end.file) return Math.max(0, end.offset - from.offset);
  const files = await session.rows<{ Log_name: string; File_size: number | string }>(
    'SHOW BINARY LOGS',
  );
  const first = files.findIndex((file) => file.Log_name === from.file);
  if (first < 0) return -1;
  const last = binlogFileNumber(end.file);
  return files
    .slice(first)
    .filter((file) => binlogFileNumber(file.Log_name) < last)
    .reduce((bytes, file) => bytes + Number(file.File_size), end.offset - from.offset);
}

/**
 * MariaDB, inside `START TRANSACTION WITH CONSISTENT SNAPSHOT`: the place in the binlog that is
 * exactly what the transaction sees.
 */
export async function readSnapshotPlace(session: MysqlSession): Promise<BinlogPlace> {
  const rows = await session.rows<{ Variable_name: string; Value: string }>(
    `SHOW STATUS LIKE 'binlog_snapshot_%'`,
  );
  const value = (name: string) =>
    rows.find((row) => row.Variable_name.toLowerCase() === name)?.Value ?? '';
  const file = value('binlog_snapshot_file');
  if (file === '') throw binlogOff();
  return { file, offset: Number(value('binlog_snapshot_position')) };
}

/** A place as a position of this server. */
export function positionAt(
  place: BinlogPlace,
  server: ServerInfo,
  epoch: number,
  gtid?: string,
): Position {
  return {
    epoch,
    file: place.file,
    offset: place.offset,
    serverId: server.identity,
    ...(gtid !== undefined && { gtid }),
  };
}

function binlogOff(): CdcError {
  return new CdcError('CDC_PREFLIGHT_FAILED', 'The source server writes no binlog.', {
    remedy: 'Set log_bin in the [mysqld] section of its option file and restart it.',
  });
}
