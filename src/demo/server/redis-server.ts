import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from './free-port.ts';
import { installRedis, type RedisProgram } from './redis-program.ts';
import { ServerProcess } from './server-process.ts';

const startLimitMs = 30_000;
const pollMs = 10;
const portAttempts = 3;

export interface LocalRedisOptions {
  /** Lines of redis.conf beside, or instead of, those every server gets. */
  readonly settings?: readonly string[];
  /** Present: the port speaks TLS only. Paths of PEM files. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  readonly report?: (line: string) => void;
}

/**
 * A private Redis: a child process with temporary data on a free loopback port, which never outlives this
 * process. It keeps an append-only file, so data survive `stop` and `kill` until it is disposed.
 */
export class LocalRedis implements AsyncDisposable {
  /** Holds data, settings and log. */
  readonly folder: string;
  readonly #program: RedisProgram;
  readonly #options: LocalRedisOptions;
  #port = 0;
  #process: ServerProcess | undefined;

  private constructor(program: RedisProgram, folder: string, options: LocalRedisOptions) {
    this.#program = program;
    this.folder = folder;
    this.#options = options;
  }

  /** Installs Redis when needed, and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalRedisOptions = {}): Promise<LocalRedis> {
    const program = await installRedis(options.report ?? (() => {}));
    const folder = await mkdtemp(join(tmpdir(), 'strata-redis-'));
    const server = new LocalRedis(program, folder, options);
    try {
      if (program.needsLink) await symlink(program.file, server.#link);
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

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${this.#port}`;
  }

  /** Starts a server that was stopped or killed, on the same data and port. */
  async start(): Promise<void> {
    if (this.#process?.isRunning) return;
    const file = this.#program.needsLink ? this.#link : this.#program.file;
    const logFile = join(this.folder, 'log');
    const child = new ServerProcess([file, this.#settings], { folder: this.folder, logFile });
    this.#process = child;
    const deadline = Date.now() + startLimitMs;
    while (!(await this.#answers())) {
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

  get #link(): string {
    return join(this.folder, 'redis-server');
  }

  get #settings(): string {
    return join(this.folder, 'redis.conf');
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await findFreePort();
      await this.#writeSettings();
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

  async #writeSettings(): Promise<void> {
    const { settings = [], tls } = this.#options;
    const port = tls === undefined ? `port ${this.#port}` : `port 0\ntls-port ${this.#port}`;
    const lines = [
      port,
      'bind 127.0.0.1',
      `dir ${this.folder}`,
      'save ""',
      'appendonly yes',
      // Temporary data: it must survive the death of the process, not of the machine.
      'appendfsync no',
      'databases 1024',
      ...(tls === undefined ? [] : [`tls-cert-file ${tls.certificateFile}`]),
      ...(tls === undefined ? [] : [`tls-key-file ${tls.keyFile}`, 'tls-auth-clients no']),
      ...settings,
    ];
    await writeFile(this.#settings, `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  /** A server that takes connections has read its data, or says LOADING, or asks for a password. */
  async #answers(): Promise<boolean> {
    const first = await firstAnswer(this.#port, this.#options.tls !== undefined);
    return first !== undefined && !first.startsWith('-LOADING');
  }
}

/** What a server says to PING without any log-in; with TLS that the port is open is all there is to see. */
function firstAnswer(port: number, isTls: boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      if (isTls) end('open');
      else socket.write('PING\r\n');
    });
    const end = (answer: string | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (bytes) => end(bytes.toString('latin1')));
    socket.once('error', () => end(undefined)).once('close', () => end(undefined));
  });
}
