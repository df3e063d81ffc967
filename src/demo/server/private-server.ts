import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from './free-port.ts';
import { ServerProcess } from './server-process.ts';

const portAttempts = 3;

/**
 * A server of our own: a child process with temporary data on free loopback ports, which never outlives this process. Data and
 * ports survive `stop` and `kill` until it is disposed.
 */
export abstract class PrivateServer implements AsyncDisposable {
  /** Holds data, settings and log. */
  readonly folder: string;
  protected readonly startLimitMs: number = 60_000;
  protected readonly pollMs: number = 25;
  #port = 0;
  #process: ServerProcess | undefined;

  protected constructor(folder: string) {
    this.folder = folder;
  }

  /** The program and its arguments. */
  protected abstract command(): Promise<readonly string[]> | readonly string[];
  /** Whether it serves; asked again and again until it does. */
  protected abstract isReady(): Promise<boolean>;
  /** What has to be written once the ports are known, before the first start on them. */
  protected async configure(): Promise<void> {}

  get port(): number {
    return this.#port;
  }

  /** Process id of the server, undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.isRunning ? this.#process.pid : undefined;
  }

  /** Starts a server that was stopped or killed, on the same data and ports. */
  async start(): Promise<void> {
    if (this.#process?.isRunning) return;
    const { folder } = this;
    const child = new ServerProcess(await this.command(), { folder, logFile: join(folder, 'log') });
    this.#process = child;
    const deadline = Date.now() + this.startLimitMs;
    while (!(await this.isReady())) {
      if (!child.isRunning || Date.now() > deadline) throw await child.startFailure();
      await delay(this.pollMs);
    }
  }

  /** Shuts down in order and waits for the end of the process. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends the server and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  protected async end(signal: Parameters<ServerProcess['end']>[0]): Promise<void> {
    await this.#process?.end(signal);
  }

  protected async choosePorts(): Promise<void> {
    this.#port = await findFreePort();
  }

  protected async startOnFreePorts(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.choosePorts();
      await this.configure();
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
}

/** A folder for the server, which goes with it when `prepare` (its data, its first start) fails. */
export async function openPrivateServer<T extends PrivateServer>(
  name: string,
  make: (folder: string) => T,
  prepare: (server: T) => Promise<void>,
): Promise<T> {
  const server = make(await mkdtemp(join(tmpdir(), `strata-${name}-`)));
  try {
    await prepare(server);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
