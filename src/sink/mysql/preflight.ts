import { CdcError, type Problem } from '../../errors.ts';
import type { MysqlSinkOptions } from './options.ts';
import type { ServerFacts, Session, Sessions } from './sessions.ts';
import { quoteName, quoteText, tableName } from './sql-text.ts';

/** Made and dropped again, to see whether the server lets us. */
const trialTable = 'cdc_check';
const oldestVersions = { mysql: [8, 0], mariadb: [10, 6] } as const;
/** Below it there may be rows that cannot be sent. */
const smallPacketBytes = 4 * 1024 ** 2;

type Finding = Omit<Problem, 'where'>;

/** What is wrong with the server or our rights there. */
export async function checkServer(
  sessions: Sessions,
  options: MysqlSinkOptions,
): Promise<Problem[]> {
  const { name, database } = options;
  const where = `sink ${name}`;
  try {
    const found = await sessions.use({ doing: `Looking at sink ${name}` }, async (session) => {
      const known = checkFacts(session.facts);
      if (known.some(({ severity }) => severity === 'error')) return known;
      if (!(await hasDatabase(session, database))) return [...known, missingDatabase(database)];
      await tryRights(session, database);
      return (await hasMd5(session)) ? known : [...known, noMd5];
    });
    return found.map((finding) => ({ ...finding, where }));
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message } = error;
    const remedy = code === 'CDC_SINK_ACCESS_DENIED' ? grant(options) : error.remedy;
    return [{ code, where, message, remedy, severity: 'error' }];
  }
}

/** Whether the server can compute checksums. */
export async function hasMd5(session: Session): Promise<boolean> {
  const rows = await session.rows("SELECT MD5('a')").catch((error: unknown) => {
    if (isUnknownFunction(error)) return [];
    throw error;
  });
  return rows.length > 0;
}

function isUnknownFunction(error: unknown): boolean {
  // 1046: without a default database it cannot look for a function of somebody’s.
  const { errno } = error as { errno?: number };
  return errno === 1305 || errno === 1046;
}

function checkFacts({ flavour, version, maxPacketBytes }: ServerFacts): Finding[] {
  const found: Finding[] = [];
  const oldest = oldestVersions[flavour];
  const [major = 0, minor = 0] = version;
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    const label = flavour === 'mysql' ? 'MySQL' : 'MariaDB';
    found.push({
      code: 'CDC_SINK_FAILED',
      message: `The server is ${label} ${version.join('.')}, which is too old.`,
      remedy: `Use ${label} ${oldest.join('.')} or later.`,
      severity: 'error',
    });
  }
  if (maxPacketBytes < smallPacketBytes) {
    found.push({
      code: 'CDC_SINK_REJECTED',
      message: `The server takes no row larger than ${maxPacketBytes} bytes.`,
      remedy: `SET GLOBAL max_allowed_packet = ${64 * 1024 ** 2};`,
      severity: 'warning',
    });
  }
  return found;
}

const noMd5: Finding = {
  code: 'CDC_SINK_FAILED',
  message: 'The server has no MD5, so `cdc verify --sink` reads all rows instead of checksums.',
  remedy: "INSTALL COMPONENT 'file://component_classic_hashing';",
  severity: 'warning',
};

async function hasDatabase(session: Session, database: string): Promise<boolean> {
  const rows = await session.rows(
    `SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${quoteText(database)}`,
  );
  return rows.length > 0;
}

function missingDatabase(database: string): Finding {
  return {
    code: 'CDC_SINK_FAILED',
    message: `There is no database ${database}, or our user may not see it.`,
    remedy: `CREATE DATABASE ${quoteName(database)} CHARACTER SET utf8mb4;`,
    severity: 'error',
  };
}

/** Rights may come from roles and patterns, and a server may be read-only in several ways: trying is the only sure look. */
async function tryRights(session: Session, database: string): Promise<void> {
  const table = tableName({ database }, trialTable);
  await session.run(`CREATE TABLE IF NOT EXISTS ${table} (id int PRIMARY KEY)`);
  await session.run(`ALTER TABLE ${table} ADD COLUMN more int`);
  await session.run(`INSERT INTO ${table} VALUES (1, 1) ON DUPLICATE KEY UPDATE more = 2`);
  await session.rows(`SELECT id FROM ${table}`);
  await session.run(`DELETE FROM ${table} WHERE id = 1`);
  await session.run(`DROP TABLE ${table}`);
}

function grant({ database, user }: MysqlSinkOptions): string {
  return (
    `Correct the password, or GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON ${quoteName(database)}.* ` +
    `TO ${quoteText(user)}@'%';`
  );
}
