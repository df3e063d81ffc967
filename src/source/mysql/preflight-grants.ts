import { splitTableId } from '../../change/table-id.ts';
import type { Problem } from '../../errors.ts';
import type { MysqlSession } from './connection.ts';
import { serverErrno } from './error-map.ts';
import type { TableDescription } from './schema/schema-reader.ts';
import type { ServerInfo } from './server-info.ts';
import { quoteName, quoteTable } from './snapshot/keyset-query.ts';

/** Names under which a server lists the privilege; any of them will do. */
const privileges = [
  { grant: 'REPLICATION SLAVE', listed: ['REPLICATION SLAVE', 'REPLICATION REPLICA'] },
  { grant: 'REPLICATION CLIENT', listed: ['REPLICATION CLIENT', 'BINLOG MONITOR'] },
];

/** Privileges the user lacks, as the GRANT statements that give them. */
export async function checkGrants(
  session: MysqlSession,
  server: ServerInfo,
  tables: readonly TableDescription[],
): Promise<Problem[]> {
  const user = await readUser(session);
  const held = await readGlobalPrivileges(session);
  const wanted = server.gtid
    ? privileges
    : [...privileges, { grant: 'RELOAD', listed: ['RELOAD'] }];
  const missing = wanted.filter(({ listed }) => !listed.some((name) => held.names.has(name)));
  const problems: Problem[] = [];
  if (missing.length > 0 && !held.names.has('ALL PRIVILEGES')) {
    const names = missing.map(({ grant }) => grant).join(', ');
    problems.push({
      code: 'CDC_SOURCE_ACCESS_DENIED',
      where: 'source.user',
      message: `The user ${user} lacks ${names}.`,
      remedy: `GRANT ${names} ON *.* TO ${user};`,
      // What a role gives is not listed by every server.
      severity: held.hasRoles ? 'warning' : 'error',
    });
  }
  return [...problems, ...(await checkSelect(session, user, tables))];
}

async function checkSelect(
  session: MysqlSession,
  user: string,
  tables: readonly TableDescription[],
): Promise<Problem[]> {
  const refused: string[] = [];
  for (const { table } of tables) {
    try {
      await session.command(`SELECT * FROM ${quoteTable(table)} LIMIT 0`);
    } catch (error) {
      if (![1044, 1142, 1143].includes(serverErrno(error))) throw error;
      refused.push(table);
    }
  }
  return refused.map((table) => ({
    code: 'CDC_SOURCE_ACCESS_DENIED',
    where: table,
    message: `The user ${user} may not read ${table}.`,
    remedy: `GRANT SELECT ON ${quoteName(splitTableId(table).database)}.* TO ${user};`,
    severity: 'error',
  }));
}

/** The account as a GRANT statement spells it. */
async function readUser(session: MysqlSession): Promise<string> {
  const row = await session.row<{ user: string }>('SELECT CURRENT_USER() AS user');
  const account = row?.user ?? '';
  const at = account.lastIndexOf('@');
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
  return `${quote(account.slice(0, at))}@${quote(account.slice(at + 1))}`;
}

async function readGlobalPrivileges(
  session: MysqlSession,
): Promise<{ names: ReadonlySet<string>; hasRoles: boolean }> {
  const rows = await session.rows<Record<string, string>>('SHOW GRANTS');
  const grants = rows.flatMap((row) => Object.values(row));
  const names = grants.flatMap((grant) => {
    const list = /^GRANT (.+?) ON \*\.\* TO /.exec(grant)?.[1];
    return list === undefined ? [] : list.split(',').map((name) => name.trim().toUpperCase());
  });
  return { names: new Set(names), hasRoles: grants.some((grant) => !/ ON /.test(grant)) };
}
