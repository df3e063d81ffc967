import { randomBytes } from 'node:crypto';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { Secret } from '../../lib/secret.ts';
import {
  giveToPostgres,
  installPostgres,
  type PostgresProgram,
  unprivileged,
} from './postgres-program.ts';
import { openPrivateServer, PrivateServer } from './private-server.ts';
import { runProgram } from './program.ts';
import type { ServerAddress } from './server-address.ts';

/** Server settings (`name=value`) of temporary data: they must survive the death of the process, not of the machine. */
const temporaryData = ['fsync=off', 'full_page_writes=off'];

export interface LocalPostgresOptions {
  /** Server settings, `name=value`; they win over those every server gets. */
  readonly settings?: readonly string[];
  /** Present: TLS is offered with this key and certificate (PEM, both in one file). */
  readonly ssl?: { readonly keystoreFile: string };
  readonly report?: (line: string) => void;
}

/** A private PostgreSQL; its password is made here. */
export class LocalPostgres extends PrivateServer {
  readonly #program: PostgresProgram;
  readonly #options: LocalPostgresOptions;
  readonly #password = new Secret(randomBytes(16).toString('hex'));

  private constructor(program: PostgresProgram, folder: string, options: LocalPostgresOptions) {
    super(folder);
    this.#program = program;
    this.#options = options;
  }

  /** Installs PostgreSQL when needed, creates the data and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
    const program = await installPostgres(options.report ?? (() => {}));
    const make = (folder: string) => new LocalPostgres(program, folder, options);
    return openPrivateServer('postgres', make, async (server) => {
      await server.#createData();
      await server.startOnFreePorts();
    });
  }

  /** The administrator's. */
  get address(): ServerAddress {
    return { host: '127.0.0.1', port: this.port, user: 'postgres', password: this.#password };
  }

  protected override async command(): Promise<readonly string[]> {
    const program = [...(await unprivileged()), join(this.#program.folder, 'postgres')];
    return [...program, '-D', join(this.folder, 'data'), ...this.#settings()];
  }

  /** Shuts down in order, without waiting for clients, and waits for the end of the process. */
  override async stop(): Promise<void> {
    await this.end('SIGINT');
  }

  /**
   * Ends every process of the server as a crash would: nothing is flushed, and the next start recovers from the
   * log. (SIGKILL would leave its children running for a moment, in the way of that start.)
   */
  override async kill(): Promise<void> {
    await this.end('SIGQUIT');
  }

  /** A copy, because the server reads it as another user. */
  get #keystore(): string {
    return join(this.folder, 'keystore.pem');
  }

  async #createData(): Promise<void> {
    const password = join(this.folder, 'password');
    await writeFile(password, this.#password.reveal(), { mode: 0o600 });
    for (const path of [this.folder, password]) await giveToPostgres(path);
    const [command = '', ...args] = [
      ...(await unprivileged()),
      join(this.#program.folder, 'initdb'),
    ];
    await runProgram(command, [
      ...[...args, '-D', join(this.folder, 'data'), '--username=postgres', '--no-sync'],
      ...['--encoding=UTF8', '--no-locale', '--auth=scram-sha-256', `--pwfile=${password}`],
    ]);
    const { ssl } = this.#options;
    if (ssl === undefined) return;
    await copyFile(ssl.keystoreFile, this.#keystore);
    await chmod(this.#keystore, 0o600);
    await giveToPostgres(this.#keystore);
  }

  #settings(): string[] {
    const { ssl, settings = [] } = this.#options;
    return [
      'listen_addresses=127.0.0.1',
      `port=${this.port}`,
      'unix_socket_directories=',
      'max_connections=100',
      'shared_buffers=128MB',
      ...temporaryData,
      ...(ssl === undefined
        ? []
        : ['ssl=on', `ssl_key_file=${this.#keystore}`, `ssl_cert_file=${this.#keystore}`]),
      ...settings,
    ].flatMap((setting) => ['-c', setting]);
  }

  protected override async isReady(): Promise<boolean> {
    const { host, port, user, password } = this.address;
    const client = new Client({ host, port, user, password: password.reveal() });
    client.on('error', () => {}); // the server may end between connect and end
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false; // not yet; `start` gives up when the process ends or the time is over
    }
  }
}
