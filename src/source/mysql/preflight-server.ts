import type { Problem } from '../../errors.ts';
import type { MysqlSession } from './connection.ts';
import { serverErrno } from './error-map.ts';
import { isAtLeast, type ServerInfo } from './server-info.ts';

interface SettingRule {
  readonly variable: string;
  /** A setting the server does not know cannot be wrong. */
  readonly isRight: (value: string) => boolean;
  readonly why: string;
  readonly value: string;
}

const rules: readonly SettingRule[] = [
  {
    variable: 'binlog_format',
    isRight: (value) => value === 'ROW',
    why: 'changes are taken from rows, not from statements',
    value: `'ROW'`,
  },
  {
    variable: 'binlog_row_image',
    isRight: (value) => value === 'FULL',
    why: 'a column missing from the binlog cannot be told from NULL',
    value: `'FULL'`,
  },
  {
    variable: 'binlog_row_metadata',
    isRight: (value) => value === 'FULL',
    why: 'without column names in the binlog, rows from before an ALTER TABLE would be misread',
    value: `'FULL'`,
  },
  {
    variable: 'binlog_row_value_options',
    isRight: (value) => !value.includes('PARTIAL_JSON'),
    why: 'partial JSON updates do not hold the new value',
    value: `''`,
  },
  {
    variable: 'binlog_transaction_compression',
    isRight: (value) => value === 'OFF',
    why: 'compressed transactions cannot be read',
    value: 'OFF',
  },
];

const oldest = { mysql: [8, 0], mariadb: [10, 5] } as const;

/** The server's version and settings, and whether our replica id is free. */
export async function checkServer(
  session: MysqlSession,
  server: ServerInfo,
  replicaId: number,
): Promise<Problem[]> {
  const variables = await readVariables(session);
  const problems: Problem[] = [];
  const [major, minor] = oldest[server.flavour];
  if (!isAtLeast(server, major, minor)) {
    const message = `The server is ${server.version}; ${server.flavour === 'mysql' ? 'MySQL 8.0' : 'MariaDB 10.5'} is the oldest that names columns in its binlog.`;
    problems.push(failed('version', message, 'Upgrade the server.'));
  }
  if (variables.get('log_bin') !== 'ON') {
    const remedy =
      'Put log_bin=binlog and server_id=1 under [mysqld] in the option file and restart.';
    problems.push(failed('log_bin', 'The server writes no binlog (log_bin is OFF).', remedy));
  }
  for (const { variable, isRight, why, value } of rules) {
    const current = variables.get(variable);
    if (current === undefined || isRight(current)) continue;
    const message = `${variable} is ${current || "''"}: ${why}.`;
    problems.push(failed(variable, message, setStatement(server, variable, value)));
  }
  return [
    ...problems,
    ...checkGtid(server),
    ...checkRetention(server, variables),
    ...(await checkReplicaId(session, server, variables, replicaId)),
  ];
}

function checkGtid(server: ServerInfo): Problem[] {
  if (server.gtid) return [];
  return [
    {
      code: 'CDC_PREFLIGHT_FAILED',
      where: 'gtid_mode',
      message:
        'gtid_mode is OFF: a snapshot takes a global read lock for a moment at its start, and a failover of the source cannot be followed.',
      remedy:
        'SET PERSIST enforce_gtid_consistency = ON; then SET PERSIST gtid_mode = OFF_PERMISSIVE, ON_PERMISSIVE and ON, one after the other.',
      severity: 'warning',
    },
  ];
}

const shortRetentionSeconds = 86_400;

function checkRetention(server: ServerInfo, variables: ReadonlyMap<string, string>): Problem[] {
  const days = Number(variables.get('expire_logs_days') ?? 0);
  const seconds = Number(variables.get('binlog_expire_logs_seconds') ?? 0) || days * 86_400;
  if (seconds === 0 || seconds >= shortRetentionSeconds) return [];
  return [
    {
      code: 'CDC_PREFLIGHT_FAILED',
      where: 'binlog_expire_logs_seconds',
      message: `Binlogs are kept for ${seconds} seconds; when cdc is down for longer, a new snapshot is needed.`,
      remedy: setStatement(server, 'binlog_expire_logs_seconds', '604800'),
      severity: 'warning',
    },
  ];
}

async function checkReplicaId(
  session: MysqlSession,
  server: ServerInfo,
  variables: ReadonlyMap<string, string>,
  replicaId: number,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const serverId = Number(variables.get('server_id') ?? 0);
  if (serverId === 0) {
    const message = 'server_id is 0: the server accepts no replicas.';
    problems.push(failed('server_id', message, setStatement(server, 'server_id', '1')));
  }
  const taken = [serverId, ...(await registeredReplicas(session, server))];
  if (taken.includes(replicaId)) {
    problems.push({
      code: 'CDC_SOURCE_DUPLICATE_SERVER_ID',
      where: 'source.serverId',
      message: `The replica id ${replicaId} is taken; the server would end one of the two streams.`,
      remedy: 'Set source.serverId in the project file to a number no other replica uses.',
      severity: 'error',
    });
  }
  return problems;
}

/** Empty when the user may not see them: then the grants are the finding. */
async function registeredReplicas(session: MysqlSession, server: ServerInfo): Promise<number[]> {
  const renamed = server.flavour === 'mysql' && isAtLeast(server, 8, 1);
  try {
    const rows = await session.rows<{ Server_id?: number; Server_Id?: number }>(
      renamed ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS',
    );
    return rows.map((row) => Number(row.Server_id ?? row.Server_Id ?? 0));
  } catch (error) {
    if (serverErrno(error) === 1227) return [];
    throw error;
  }
}

async function readVariables(session: MysqlSession): Promise<Map<string, string>> {
  const names = [
    ...['log_bin', 'server_id', 'binlog_expire_logs_seconds', 'expire_logs_days'],
    ...rules.map(({ variable }) => variable),
  ];
  const rows = await session.rows<{ Variable_name: string; Value: string }>(
    'SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)',
    [names],
  );
  return new Map(rows.map((row) => [row.Variable_name.toLowerCase(), row.Value]));
}

function setStatement(server: ServerInfo, variable: string, value: string): string {
  if (server.flavour === 'mysql') return `SET PERSIST ${variable} = ${value};`;
  return `SET GLOBAL ${variable} = ${value}; (and under [mysqld] in the option file)`;
}

function failed(where: string, message: string, remedy: string): Problem {
  return { code: 'CDC_PREFLIGHT_FAILED', where, message, remedy, severity: 'error' };
}
