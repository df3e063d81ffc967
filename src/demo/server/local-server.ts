import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { Secret } from '../../lib/secret.ts';
import { findFreePort } from './free-port.ts';
import type { ServerAddress } from './server-address.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerProgram } from './server-program.ts';

const startLimitMs = 60_000;
const pollMs = 25;
const portAttempts = 3;

/**
 * A private MySQL or MariaDB: a child process with temporary data on a free loopback port, set up for
 * capture (row format, full row image and metadata). Its password is made here; it never outlives this
 * process. Data survives `stop` and `kill` until the server is disposed.
 */
export class LocalServer implements AsyncDisposable {
  /** Holds data, socket and log. */
  readonly folder: string;
  readonly #program: ServerProgram;
  readonly #extraOptions: readonly string[];
  readonly #password = new Secret(randomBytes(16).toString('hex'));
  #port = 0;
  #process: ServerProcess | undefined;

  private constructor(program: ServerProgram, folder: string, extraOptions: readonly string[]) {
    this.#program = program;
    this.folder = folder;
    this.#extraOptions = extraOptions;
  }

  /** Creates the data and starts the server. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(
    program: ServerProgram,
    extraOptions: readonly string[] = [],
  ): Promise<LocalServer> {
    const folder = await mkdtemp(join(tmpdir(), `strata-${program.flavour}-`));
    const server = new LocalServer(program, folder, extraOptions);
    try {
      await program.prepare(join(folder, 'data'));
      await server.#writeAccounts();
      await server.#startOnFreePort();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get flavour(): ServerProgram['flavour'] {
    return this.#program.flavour;
  }

  /** Process id of the server, undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.isRunning ? this.#process.pid : undefined;
  }

  get address(): ServerAddress {
    return { host: '127.0.0.1', port: this.#port, user: 'root', password: this.#password };
  }

  /** Starts a server that was stopped or killed, on the same data and port. */
  async start(): Promise<void> {
    if (this.#process?.isRunning) return;
    const child = new ServerProcess([...this.#program.command, ...this.#options()], {
      folder: this.folder,
      logFile: join(this.folder, 'log'),
    });
    this.#process = child;
    const deadline = Date.now() + startLimitMs;
    while (!(await this.#accepts())) {
      if (!child.isRunning || Date.now() > deadline) throw await child.startFailure();
      await delay(pollMs);
    }
  }

  /** Shuts down in order and waits for the end of the process. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  /** Ends the server and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
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

  #options(): string[] {
    return [
      '--no-defaults',
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      `--datadir=${join(this.folder, 'data')}`,
      // At its start a server removes the temporary tables it finds there, other servers' too.
      `--tmpdir=${this.folder}`,
      `--socket=${join(this.folder, 'socket')}`,
      `--pid-file=${join(this.folder, 'pid')}`,
      `--init-file=${join(this.folder, 'accounts.sql')}`,
      '--bind-address=127.0.0.1',
      `--port=${this.#port}`,
      '--skip-name-resolve',
      '--max-connections=200',
      '--server-id=1',
      '--log-bin=binlog',
      '--binlog-row-image=FULL',
      '--binlog-row-metadata=FULL',
      // Temporary data: it must survive the death of the process, not of the machine.
      '--sync-binlog=0',
      '--innodb-flush-log-at-trx-commit=2',
      '--innodb-doublewrite=OFF',
      '--innodb-buffer-pool-size=128M',
      ...this.#program.options,
      ...this.#extraOptions,
    ];
  }

  /** Runs before the port opens, at every start: nobody ever meets a root without a password. */
  async #writeAccounts(): Promise<void> {
    const password = this.#password.reveal();
    const statements = [
      `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}'`,
      `CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '${password}'`,
      `ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '${password}'`,
      `GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION`,
    ];
    const text = statements.map((statement) => `${statement};\n`).join('');
    await writeFile(join(this.folder, 'accounts.sql'), text, { mode: 0o600 });
  }

  async #accepts(): Promise<boolean> {
    const { host, port, user, password } = this.address;
    try {
      const connection = await createConnection({ host, port, user, password: password.reveal() });
      await connection.end();
      return true;
    } catch {
      return false; // not yet; `start` gives up when the process ends or the time is over
    }
  }
}
