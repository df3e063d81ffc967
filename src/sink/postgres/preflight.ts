import { CdcError, type Problem } from '../../errors.ts';
import type { ServerOptions } from './options.ts';
import type { SessionPool } from './session-pool.ts';
import { quoteName } from './sql-text.ts';

interface ServerFacts {
  readonly version: string;
  readonly encoding: string;
  readonly read_only: string;
  readonly may_create: boolean | null;
  readonly may_create_schema: boolean;
  readonly may_stage: boolean;
}

/** What the sink relies on beside the rights to make and fill tables. */
export interface ServerNeeds {
  /** `server_version_num`. */
  readonly version: number;
  readonly temporaryTables: boolean;
}

/** What is wrong with the server or our rights there. */
export async function checkServer(
  pool: SessionPool,
  options: ServerOptions,
  needs: ServerNeeds,
): Promise<Problem[]> {
  const { schema, user, database, name } = options;
  const where = `sink ${name}`;
  try {
    const facts = await pool.use({ doing: `Looking at sink ${name}` }, async (session) => {
      const [row] = await session.rows<ServerFacts>(
        `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding,
           CASE WHEN pg_is_in_recovery() THEN 'on' ELSE current_setting('transaction_read_only') END AS read_only,
           (SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
              FROM pg_namespace WHERE nspname = $1) AS may_create,
           has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
           has_database_privilege(current_database(), 'TEMPORARY') AS may_stage`,
        [schema],
      );
      return row;
    });
    return facts === undefined ? [] : problemsOf(facts, { schema, user, database, where, needs });
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy } = error;
    return [{ code, where, message, remedy, severity: 'error' }];
  }
}

interface ProblemContext extends Pick<ServerOptions, 'schema' | 'user' | 'database'> {
  readonly where: string;
  readonly needs: ServerNeeds;
}

function problemsOf(
  facts: ServerFacts,
  { schema, user, database, where, needs }: ProblemContext,
): Problem[] {
  const problems: Problem[] = [];
  const add = (code: Problem['code'], message: string, remedy: string) => {
    problems.push({ code, where, message, remedy, severity: 'error' });
  };
  if (Number(facts.version) < needs.version) {
    const major = Math.floor(needs.version / 10_000);
    const remedy = `Use version ${major} or later.`;
    add('CDC_SINK_FAILED', `The server is older than PostgreSQL ${major}.`, remedy);
  }
  if (facts.encoding !== 'UTF8') {
    const remedy = `Make a database with ENCODING 'UTF8' and name it in the sink.`;
    add('CDC_SINK_FAILED', `Database ${database} has the encoding ${facts.encoding}.`, remedy);
  }
  if (facts.read_only === 'on') {
    const remedy = 'Point the sink at the primary server, or end its read-only mode.';
    add('CDC_SINK_READ_ONLY', 'The server takes no writes.', remedy);
  }
  const denied = (what: string, grant: string) => {
    add(
      'CDC_SINK_ACCESS_DENIED',
      `User ${user} may not ${what}.`,
      `${grant} TO ${quoteName(user)};`,
    );
  };
  if (facts.may_create === false) {
    denied(`make tables in schema ${schema}`, `GRANT CREATE, USAGE ON SCHEMA ${quoteName(schema)}`);
  }
  if (facts.may_create === null && !facts.may_create_schema) {
    denied(`make the schema ${schema}`, `GRANT CREATE ON DATABASE ${quoteName(database)}`);
  }
  if (needs.temporaryTables && !facts.may_stage) {
    denied('make temporary tables', `GRANT TEMPORARY ON DATABASE ${quoteName(database)}`);
  }
  return problems;
}
