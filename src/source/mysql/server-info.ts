import { createHash } from 'node:crypto';
import type { MysqlSession } from './connection.ts';

/** The server behind the source: what decides which statements it knows and whether it is still the same one. */
export interface ServerInfo {
  readonly flavour: 'mysql' | 'mariadb';
  /** The server's own words, e.g. `10.11.19-MariaDB-0+deb12u1-log`. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
  /** `@@server_uuid`; on MariaDB `server_id-gtid_domain_id`, it has no uuid. */
  readonly identity: string;
  /** `@@server_id`. */
  readonly serverId: number;
  /** MySQL: gtid_mode is ON. MariaDB always has GTIDs. */
  readonly gtid: boolean;
}

export async function readServerInfo(session: MysqlSession): Promise<ServerInfo> {
  const row = await session.row<{ version: string; serverId: string }>(
    'SELECT VERSION() AS version, @@server_id AS serverId',
  );
  const version = row?.version ?? '';
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const flavour = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
  const base = { flavour, version, major, minor, serverId: Number(row?.serverId) } as const;
  if (flavour === 'mariadb') {
    const ids = await session.row<{ identity: string }>(
      `SELECT CONCAT(@@server_id, '-', @@gtid_domain_id) AS identity`,
    );
    return { ...base, identity: ids?.identity ?? '', gtid: true };
  }
  const ids = await session.row<{ identity: string; gtidMode: string }>(
    'SELECT @@server_uuid AS identity, @@gtid_mode AS gtidMode',
  );
  return { ...base, identity: ids?.identity ?? '', gtid: ids?.gtidMode === 'ON' };
}

/** True when the server's version is at least `major.minor`. */
export function isAtLeast(server: ServerInfo, major: number, minor: number): boolean {
  return server.major > major || (server.major === major && server.minor >= minor);
}

/**
 * A replica id of our own for a project: stable, so that a restart takes the place of its old
 * connection, and far from the small numbers people give to their servers.
 */
export function replicaIdOf(project: string): number {
  const hash = createHash('sha256').update(project).digest().readUInt32BE(0);
  return 0x40000000 + (hash % 0x3fffffff);
}
