import { CdcError, type Problem } from '../../errors.ts';
import { MysqlSession } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { checkGrants } from './preflight-grants.ts';
import { checkServer } from './preflight-server.ts';
import { checkTables } from './preflight-tables.ts';
import { SchemaReader } from './schema/schema-reader.ts';
import { readServerInfo } from './server-info.ts';

/** Everything that keeps this source from being captured, each with the statement that mends it. */
export async function checkSource(
  options: MysqlSourceOptions,
  replicaId: number,
): Promise<Problem[]> {
  try {
    await using session = await MysqlSession.open(options);
    const server = await readServerInfo(session);
    const tables = await new SchemaReader(options, server.flavour).describeAll(session);
    return [
      ...(await checkServer(session, server, replicaId)),
      ...(await checkGrants(session, server, tables)),
      ...(await checkTables(session, server, options, tables)),
    ];
  } catch (error) {
    return [problemOf(error)];
  }
}

/** A server that cannot be reached or refuses us is a finding, too. */
function problemOf(error: unknown): Problem {
  if (!(error instanceof CdcError) || error.kind === 'bug') throw error;
  const { code, message, remedy } = error;
  return { code, where: 'source', message, remedy, severity: 'error' };
}
