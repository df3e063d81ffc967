import { symlink, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { openPrivateServer, PrivateServer } from './private-server.ts';
import { installRedis, type RedisProgram } from './redis-program.ts';

export interface LocalRedisOptions {
  /** Lines of redis.conf beside, or instead of, those every server gets. */
  readonly settings?: readonly string[];
  /** Present: the port speaks TLS only. Paths of PEM files. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  readonly report?: (line: string) => void;
}

/** A private Redis, with an append-only file. */
export class LocalRedis extends PrivateServer {
  protected override readonly startLimitMs = 30_000;
  protected override readonly pollMs = 10;
  readonly #program: RedisProgram;
  readonly #options: LocalRedisOptions;

  private constructor(program: RedisProgram, folder: string, options: LocalRedisOptions) {
    super(folder);
    this.#program = program;
    this.#options = options;
  }

  /** Installs Redis when needed, and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalRedisOptions = {}): Promise<LocalRedis> {
    const program = await installRedis(options.report ?? (() => {}));
    const make = (folder: string) => new LocalRedis(program, folder, options);
    return openPrivateServer('redis', make, async (server) => {
      if (program.needsLink) await symlink(program.file, server.#link);
      await server.startOnFreePorts();
    });
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${this.port}`;
  }

  protected override command(): readonly string[] {
    return [this.#program.needsLink ? this.#link : this.#program.file, this.#settings];
  }

  get #link(): string {
    return join(this.folder, 'redis-server');
  }

  get #settings(): string {
    return join(this.folder, 'redis.conf');
  }

  protected override async configure(): Promise<void> {
    const { settings = [], tls } = this.#options;
    const port = tls === undefined ? `port ${this.port}` : `port 0\ntls-port ${this.port}`;
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
  protected override async isReady(): Promise<boolean> {
    const first = await firstAnswer(this.port, this.#options.tls !== undefined);
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
