import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { Secret } from '../../lib/secret.ts';
import { findFreePort } from './free-port.ts';
import {
  giveToPostgres,
  installPostgres,
  type PostgresProgram,
  unprivileged,
} from './postgres-program.ts';
import { runProgram } from './program.ts';
import type { ServerAddress } from './server-address.ts';
import { ServerProcess } from './server-process.ts';

const startLimitMs = 60_000;
const pollMs = 25;
const portAttempts = 3;

/** Server settings (`name=value`) of temporary data: they must survive the death of the process, not of the machine. */
const temporaryData = ['fsync=off', 'full_page_writes=off'];

export interface LocalPostgresOptions {
  /** Server settings, `name=value`; they win over those every server gets. */
  readonly settings?: readonly string[];
  /** Present: TLS is offered with this key and certificate (PEM, both in one file). */
  readonly ssl?: { readonly keystoreFile: string };
  readonly report?: (line: string) => void;
}

/**
 * A private PostgreSQL: a child process with temporary data on a free loopback port. Its password is made here; it
 * never outlives this process. Data and port survive `stop` and `kill` until the server is disposed.
 */
export class LocalPostgres implements AsyncDisposable {
  /** Holds data and log. */
  readonly folder: string;
  readonly #program: PostgresProgram;
  readonly #options: LocalPostgresOptions;
  readonly #password = new Secret(randomBytes(16).toString('hex'));
  #port = 0;
  #process: ServerProcess | undefined;

  private constructor(program: PostgresProgram, folder: string, options: LocalPostgresOptions) {
    this.#program = program;
    this.folder = folder;
    this.#options = options;
  }

  /** Installs PostgreSQL when needed, creates the data and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
    const program = await installPostgres(options.report ?? (() => {}));
    const folder = await mkdtemp(join(tmpdir(), 'strata-postgres-'));
    const server = new LocalPostgres(program, folder, options);
    try {
      await server.#createData();
      await server.#startOnFreePort();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Process id of the server, undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.isRunning ? this.#process.pid : undefined;
  }

  /** The administrator's. */
  get address(): ServerAddress {
    return { host: '127.0.0.1', port: this.#port, user: 'postgres', password: this.#password };
  }

  /** Starts a server that was stopped or killed, on the same data and port. */
  async start(): Promise<void> {
    if (this.#process?.isRunning) return;
    const command = [...(await unprivileged()), join(this.#program.folder, 'postgres')];
    const child = new ServerProcess(
      [...command, '-D', join(this.folder, 'data'), ...this.#settings()],
      { folder: this.folder, logFile: join(this.folder, 'log') },
    );
    this.#process = child;
    const deadline = Date.now() + startLimitMs;
    while (!(await this.#accepts())) {
      if (!child.isRunning || Date.now() > deadline) throw await child.startFailure();
      await delay(pollMs);
    }
  }

  /** Shuts down in order, without waiting for clients, and waits for the end of the process. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGINT');
  }

  /**
   * Ends every process of the server as a crash would: nothing is flushed, and the next start recovers from the
   * log. (SIGKILL would leave its children running for a moment, in the way of that start.)
   */
  async kill(): Promise<void> {
    await this.#process?.end('SIGQUIT');
  }

  /** Ends the server and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
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

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await findFreePort();
      try {
        return await this.start();
      } catch (error) {
        await this.kill();
        // Somebody may take the port between our look and the server's.
        const taken = /address already in use/i.test(error instanceof Error ? error.message : '');
        if (!taken || attempt === portAttempts) throw error;
      }
    }
  }

  #settings(): string[] {
    const { ssl, settings = [] } = this.#options;
    return [
      'listen_addresses=127.0.0.1',
      `port=${this.#port}`,
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

  async #accepts(): Promise<boolean> {
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
