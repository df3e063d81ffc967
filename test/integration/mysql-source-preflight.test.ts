import { createConnection } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { findFreePort } from '../../src/demo/server/free-port.ts';
import { LocalServer } from '../../src/demo/server/local-server.ts';
import type { Problem } from '../../src/errors.ts';
import { type MysqlSourceOptions, mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { checkSource } from '../../src/source/mysql/preflight.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { describeEachServer, serverProgram } from '../support/test-server.ts';

interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

function optionsOf(login: Login, tables: readonly string[], more: object = {}): MysqlSourceOptions {
  const { host, port, user, password } = login;
  return mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables, ...more });
}

const replicaId = 77_777;

/** `code where` of each problem; the words may change. */
function found(problems: readonly Problem[], severity: Problem['severity'] = 'error'): string[] {
  return problems
    .filter((problem) => problem.severity === severity)
    .map(({ code, where }) => `${code} ${where}`)
    .sort();
}

describeEachServer('preflight', (flavour) => {
  test('finds nothing wrong with a server that is set up', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    const problems = await checkSource(
      optionsOf(database.options, [`${database.name}.*`]),
      replicaId,
    );
    expect(problems).toEqual([]);
  });

  test('names every wrong setting at once, and its statements mend them', async () => {
    const wrong = [
      ...[
        '--binlog-format=STATEMENT',
        '--binlog-row-image=MINIMAL',
        '--binlog-row-metadata=MINIMAL',
      ],
      ...(flavour === 'mysql'
        ? ['--binlog-row-value-options=PARTIAL_JSON', '--binlog-transaction-compression=ON']
        : []),
      '--binlog-expire-logs-seconds=3600',
    ];
    await using server = await LocalServer.open(await serverProgram(flavour), wrong);
    const { host, port, user, password } = server.address;
    const login = { host, port, user, password: password.reveal() };
    const connection = await createConnection({ ...login, multipleStatements: true });
    try {
      await connection.query('CREATE DATABASE shop; CREATE TABLE shop.t (id int PRIMARY KEY)');
      const options = optionsOf(login, ['shop.*']);
      const problems = await checkSource(options, replicaId);
      expect(found(problems)).toEqual(
        [
          ...['binlog_format', 'binlog_row_image', 'binlog_row_metadata'],
          ...(flavour === 'mysql'
            ? ['binlog_row_value_options', 'binlog_transaction_compression']
            : []),
        ].map((name) => `CDC_PREFLIGHT_FAILED ${name}`),
      );
      expect(found(problems, 'warning')).toContain(
        'CDC_PREFLIGHT_FAILED binlog_expire_logs_seconds',
      );
      for (const { remedy = '' } of problems) {
        if (remedy.startsWith('SET ')) await connection.query(remedy.slice(0, remedy.indexOf(';')));
      }
      expect(found(await checkSource(options, replicaId))).toEqual([]);
    } finally {
      await connection.end();
    }
  });

  test('a server without a binlog', async () => {
    await using server = await LocalServer.open(await serverProgram(flavour), ['--skip-log-bin']);
    const { host, port, user, password } = server.address;
    const login = { host, port, user, password: password.reveal() };
    const problems = await checkSource(optionsOf(login, ['shop.*']), replicaId);
    expect(found(problems)).toEqual([
      'CDC_PREFLIGHT_FAILED log_bin',
      'CDC_TABLE_NOT_FOUND source.tables shop.*',
    ]);
  });

  test('missing grants come as the statements that give them', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection, name } = database;
    const user = `reader_${name.slice(-6)}`;
    const password = 'secret-of-the-reader';
    await connection.query(
      'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY)',
    );
    await connection.query(`CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}'`);
    try {
      await connection.query(`GRANT INSERT ON ${name}.* TO '${user}'@'127.0.0.1'`);
      await connection.query(`GRANT SELECT ON ${name}.u TO '${user}'@'127.0.0.1'`);
      const options = optionsOf({ ...database.options, user, password }, [`${name}.*`]);
      const problems = await checkSource(options, replicaId);
      expect(found(problems)).toEqual([
        'CDC_SOURCE_ACCESS_DENIED source.user',
        `CDC_SOURCE_ACCESS_DENIED ${name}.t`,
      ]);
      expect(JSON.stringify(problems)).not.toContain(password);
      for (const { remedy = '' } of problems) await connection.query(remedy);
      expect(await checkSource(options, replicaId)).toEqual([]);
    } finally {
      await connection.query(`DROP USER '${user}'@'127.0.0.1'`);
    }
  });

  test('tables that cannot be captured, and tables that need a second look', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection, name } = database;
    await connection.query(`
      CREATE TABLE good (id int PRIMARY KEY);
      CREATE TABLE unique_key (a int NOT NULL, b int, UNIQUE (a));
      CREATE TABLE no_key (a int, b int, UNIQUE (a));
      CREATE TABLE named_key (a int);
      CREATE TABLE wrong_key (a int);
      CREATE TABLE reserved (id int PRIMARY KEY, _version int);
      CREATE TABLE loose (id int PRIMARY KEY) ENGINE = MyISAM;
      CREATE TABLE child (id int PRIMARY KEY, g int, CONSTRAINT c1 FOREIGN KEY (g) REFERENCES good (id) ON DELETE CASCADE);
      CREATE TABLE strict (id int PRIMARY KEY, g int, FOREIGN KEY (g) REFERENCES good (id));
      CREATE VIEW shown AS SELECT * FROM good`);
    await connection.query(
      flavour === 'mysql'
        ? 'CREATE TABLE unsupported (id int PRIMARY KEY, v vector(3))'
        : 'CREATE TABLE unsupported (id int PRIMARY KEY) WITH SYSTEM VERSIONING',
    );
    const overrides = [
      { tables: `${name}.named_key`, key: ['a'] },
      { tables: `${name}.wrong_key`, key: ['z'] },
    ];
    const options = optionsOf(database.options, [`${name}.*`, 'nowhere.*', '!nobody.*'], {
      overrides,
    });
    const problems = await checkSource(options, replicaId);
    expect(found(problems)).toEqual([
      `CDC_TABLE_NO_PRIMARY_KEY ${name}.no_key`,
      `CDC_TABLE_NO_PRIMARY_KEY ${name}.wrong_key`,
      `CDC_TYPE_UNSUPPORTED ${name}.reserved`,
      `CDC_TYPE_UNSUPPORTED ${name}.unsupported`,
    ]);
    expect(found(problems, 'warning')).toEqual([
      ...(flavour === 'mariadb' ? [`CDC_PREFLIGHT_FAILED ${name}.child`] : []),
      `CDC_PREFLIGHT_FAILED ${name}.loose`,
      'CDC_TABLE_NOT_FOUND source.tables nowhere.*',
    ]);
    expect(problems.every(({ remedy }) => remedy !== undefined)).toBe(true);
  });

  test('a database with a name the warehouse needs', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE DATABASE dws; CREATE TABLE dws.t (id int PRIMARY KEY)');
    try {
      const problems = await checkSource(optionsOf(database.options, ['dws.*']), replicaId);
      expect(found(problems)).toEqual(['CDC_PREFLIGHT_FAILED dws']);
    } finally {
      await database.connection.query('DROP DATABASE dws');
    }
  });

  test('a replica id that the server itself uses', async () => {
    await using database = await openTestDatabase(flavour);
    const [rows] = await database.connection.query('SELECT @@server_id AS id');
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    const taken = (rows as { id: number }[])[0]?.id ?? 0;
    const problems = await checkSource(optionsOf(database.options, [`${database.name}.*`]), taken);
    expect(found(problems)).toEqual(['CDC_SOURCE_DUPLICATE_SERVER_ID source.serverId']);
  });

  test('a wrong password is a finding that does not show it', async () => {
    await using database = await openTestDatabase(flavour);
    const login = { ...database.options, password: 'not-the-password' };
    const problems = await checkSource(optionsOf(login, ['*.*']), replicaId);
    expect(found(problems)).toEqual(['CDC_SOURCE_ACCESS_DENIED source']);
    expect(JSON.stringify(problems)).not.toContain('not-the-password');
  });
});

describe('preflight without a server', () => {
  test.each([
    { host: '127.0.0.1', why: 'nobody listens' },
    { host: 'no-such-host.invalid', why: 'the name is unknown' },
  ])('is a finding: $why', async ({ host }) => {
    const login = { host, port: await findFreePort(), user: 'cdc', password: '' };
    expect(found(await checkSource(optionsOf(login, ['*.*']), replicaId))).toEqual([
      'CDC_SOURCE_UNREACHABLE source',
    ]);
  });
});
