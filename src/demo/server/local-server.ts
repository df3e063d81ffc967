import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { Secret } from '../../lib/secret.ts';
import { openPrivateServer, PrivateServer } from './private-server.ts';
import type { ServerAddress } from './server-address.ts';
import type { ServerProgram } from './server-program.ts';

/**
 * A private MySQL or MariaDB, set up for capture (row format, full row image and metadata). Its password is
 * made here.
 */
export class LocalServer extends PrivateServer {
  readonly #program: ServerProgram;
  readonly #extraOptions: readonly string[];
  readonly #password = new Secret(randomBytes(16).toString('hex'));

  private constructor(program: ServerProgram, folder: string, extraOptions: readonly string[]) {
    super(folder);
    this.#program = program;
    this.#extraOptions = extraOptions;
  }

  /** Creates the data and starts the server. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(
    program: ServerProgram,
    extraOptions: readonly string[] = [],
  ): Promise<LocalServer> {
    const make = (folder: string) => new LocalServer(program, folder, extraOptions);
    return openPrivateServer(program.flavour, make, async (server) => {
      await program.prepare(join(server.folder, 'data'));
      await server.#writeAccounts();
      await server.startOnFreePorts();
    });
  }

  get flavour(): ServerProgram['flavour'] {
    return this.#program.flavour;
  }

  get address(): ServerAddress {
    return { host: '127.0.0.1', port: this.port, user: 'root', password: this.#password };
  }

  protected override command(): readonly string[] {
    return [...this.#program.command, ...this.#options()];
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
      `--port=${this.port}`,
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

  protected override async isReady(): Promise<boolean> {
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
