import { randomBytes } from 'node:crypto';
import { type Connection, createConnection } from 'mysql2/promise';
import { type ServerFlavour, testServer } from './test-server.ts';

/** A database of its own on the shared server, dropped by `await using`. */
export interface TestDatabase extends AsyncDisposable {
  readonly flavour: ServerFlavour;
  /** Random; also the first part of its table ids. */
  readonly name: string;
  /** An administrator's connection, with this database as the default. */
  readonly connection: Connection;
  /** For connections of the code under test. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
}

export async function openTestDatabase(flavour: ServerFlavour = 'mariadb'): Promise<TestDatabase> {
  const { host, port, user, password } = testServer(flavour);
  const login = { host, port, user, password: password.reveal() };
  const name = `test_${randomBytes(5).toString('hex')}`;
  const connection = await createConnection({ ...login, multipleStatements: true });
  await connection.query(`CREATE DATABASE ${name}; USE ${name}`);
  return {
    flavour,
    name,
    connection,
    options: { ...login, database: name },
    async [Symbol.asyncDispose]() {
      await connection.query(`DROP DATABASE IF EXISTS ${name}`);
      await connection.end();
    },
  };
}
