import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { LocalServer } from '../../src/demo/server/local-server.ts';
import type { TestDatabase } from './test-database.ts';
import { type ServerFlavour, serverProgram } from './test-server.ts';

/** A server for one test file, where nobody else writes, purges or kills. */
export class OwnServer implements AsyncDisposable {
  readonly server: LocalServer;
  readonly #flavour: ServerFlavour;

  private constructor(server: LocalServer, flavour: ServerFlavour) {
    this.server = server;
    this.#flavour = flavour;
  }

  static async open(flavour: ServerFlavour, options: readonly string[] = []): Promise<OwnServer> {
    return new OwnServer(await LocalServer.open(await serverProgram(flavour), options), flavour);
  }

  /** As `openTestDatabase`, on this server. */
  async openDatabase(): Promise<TestDatabase> {
    const { host, port, user, password } = this.server.address;
    const login = { host, port, user, password: password.reveal() };
    const name = `test_${randomBytes(5).toString('hex')}`;
    const connection = await createConnection({ ...login, multipleStatements: true });
    await connection.query(`CREATE DATABASE ${name}; USE ${name}`);
    return {
      flavour: this.#flavour,
      name,
      connection,
      options: { ...login, database: name },
      [Symbol.asyncDispose]: () => connection.end().catch(() => connection.destroy()),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
