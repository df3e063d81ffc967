import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { askForServer } from './server-on-demand.ts';

/** Where a PostgreSQL is and who may administer it. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** A database of its own, dropped by `await using`. */
export interface PostgresDatabase extends AsyncDisposable {
  readonly name: string;
  /** An administrator's connection to it. */
  readonly client: Client;
  /** For a sink's options. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: Secret;
    readonly database: string;
  };
}

/**
 * The shared PostgreSQL of this run, started by the first who asks; CDC_TEST_POSTGRES_URL
 * (postgres://user:password@host:port) replaces it. Its databases are shared too: use `openPostgresDatabase`.
 */
export async function testPostgres(): Promise<PostgresLogin> {
  const given = process.env['CDC_TEST_POSTGRES_URL'];
  if (given) return loginOf(given);
  return loginOf(await askForServer('PostgreSQL', inject('postgresOfferUrl')));
}

/** `settings`: of the database, e.g. `TimeZone = 'Asia/Shanghai'`. */
export async function openPostgresDatabase(
  settings: readonly string[] = [],
  login?: PostgresLogin,
): Promise<PostgresDatabase> {
  const { password, ...rest } = login ?? (await testPostgres());
  const name = `test_${randomBytes(5).toString('hex')}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  for (const setting of settings) await administer(`ALTER DATABASE ${name} SET ${setting}`);
  const client = new Client({ ...rest, password, database: name });
  // A test that stops its server breaks it.
  client.on('error', () => {});
  await client.connect();
  return {
    name,
    client,
    options: { ...rest, password: new Secret(password), database: name },
    async [Symbol.asyncDispose]() {
      await client.end().catch(() => {});
      await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };

  async function administer(sql: string): Promise<void> {
    const administrator = new Client({ ...rest, password, database: 'postgres' });
    await administrator.connect();
    await administrator.query(sql);
    await administrator.end();
  }
}

function loginOf(text: string): PostgresLogin {
  const url = new URL(text);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username) || 'postgres',
    password: decodeURIComponent(url.password),
  };
}
