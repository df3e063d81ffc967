import { randomBytes } from 'node:crypto';
import { totalmem } from 'node:os';
import { acquireProcessLock, type ProcessLock } from '../../lib/process-lock.ts';
import type { Logger } from '../../ops/logger.ts';
import {
  type EngineRecord,
  enginePaths,
  ensureStateFolder,
  readEngineRecord,
  writeEngineRecord,
} from '../engine-file.ts';
import { Chdb } from './chdb.ts';
import { EngineServer } from './engine-server.ts';
import { StagingArea } from './staging-area.ts';
import { StatementRunner } from './statement-runner.ts';

/** What the engine process is told. */
export interface EngineStart {
  readonly stateFolder: string;
  /** 0: the port of the last time if it is free, else any. */
  readonly port: number;
  readonly maxMemoryBytes?: number;
}

/** What it says once. `locked`: another engine process has this folder. */
export type EngineReport =
  | { readonly type: 'ready' }
  | { readonly type: 'locked'; readonly pid: number }
  | { readonly type: 'port-in-use'; readonly port: number }
  | { readonly type: 'failed'; readonly message: string };

/** Time for the first holder to come after the start. */
const firstHolderMs = 10_000;
/** Time for the next holder to come after the last one has gone. */
const nextHolderMs = 1_000;
/** A statement that does not end when it is killed must not keep the folder locked. */
const maxStopMs = 10_000;

interface HostParts {
  readonly lock: ProcessLock;
  readonly chdb: Chdb;
  readonly staging: StagingArea;
}

/**
 * Owns everything in the engine process: the folder's lock, chdb, the staging files and the server.
 * It stops by itself when nobody holds it, and then the process has nothing left to do and ends.
 */
export class EngineHost {
  readonly #parts: HostParts;
  readonly #logger: Logger;
  readonly #server: EngineServer;
  #stopTimer: NodeJS.Timeout | undefined;
  #isStopping = false;

  private constructor(parts: HostParts, record: EngineRecord, version: string, logger: Logger) {
    this.#parts = parts;
    this.#logger = logger;
    this.#server = new EngineServer({
      runner: new StatementRunner(parts.chdb, parts.staging),
      credentials: record,
      engineVersion: version,
      onHeld: () => clearTimeout(this.#stopTimer),
      onUnheld: () => this.#stopAfter(nextHolderMs),
    });
  }

  /** Starts to serve, or says why not. */
  static async open(start: EngineStart, logger: Logger): Promise<EngineHost | EngineReport> {
    const paths = enginePaths(start.stateFolder);
    ensureStateFolder(start.stateFolder);
    const lock = acquireProcessLock(paths.lock);
    if (!('release' in lock)) return { type: 'locked', pid: lock.pid };
    let chdb: Chdb | undefined;
    try {
      chdb = Chdb.open(paths.warehouse, serverSettings(start));
      const staging = await StagingArea.open(paths.staging);
      return await EngineHost.#serve(start, { lock, chdb, staging }, logger);
    } catch (error) {
      chdb?.close();
      lock.release();
      if (isPortInUse(error)) return { type: 'port-in-use', port: start.port };
      return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  }

  static async #serve(start: EngineStart, parts: HostParts, logger: Logger): Promise<EngineHost> {
    const known = readEngineRecord(start.stateFolder);
    const version = await versionOf(parts.chdb);
    const record: EngineRecord = {
      port: start.port,
      user: 'default',
      password: known?.password ?? randomBytes(24).toString('base64url'),
      pid: process.pid,
    };
    const host = new EngineHost(parts, record, version, logger);
    const port = await host.#listen(start.port, known?.port ?? 0);
    writeEngineRecord(start.stateFolder, { ...record, port });
    host.#stopAfter(firstHolderMs);
    logger.info({ port, pid: process.pid, version }, 'engine serves');
    return host;
  }

  /** The port of the last time keeps the addresses valid that other programs have noted. */
  async #listen(port: number, lastPort: number): Promise<number> {
    if (port !== 0 || lastPort === 0) return this.#server.listen(port);
    try {
      return await this.#server.listen(lastPort);
    } catch (error) {
      if (!isPortInUse(error)) throw error;
      return this.#server.listen(0);
    }
  }

  #stopAfter(delayMs: number): void {
    clearTimeout(this.#stopTimer);
    this.#stopTimer = setTimeout(() => this.stop('nobody holds it'), delayMs);
  }

  /** Kills what runs, closes the warehouse and frees its folder. */
  stop(reason: string): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#stopTimer);
    this.#logger.info({ reason }, 'engine stops');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), maxStopMs).unref();
    this.#close().catch((error: unknown) => {
      this.#logger.error({ error }, 'engine could not stop cleanly');
      process.kill(process.pid, 'SIGKILL');
    });
  }

  async #close(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#parts.staging[Symbol.asyncDispose]();
    this.#parts.chdb.close();
    this.#parts.lock.release();
    this.#logger.info('engine stopped');
  }
}

/** Server settings that chdb takes at its start only. */
function serverSettings({ maxMemoryBytes }: EngineStart): string[] {
  return [
    `--max_server_memory_usage=${maxMemoryBytes ?? Math.floor(totalmem() / 2)}`,
    // The default of 5 GiB is for a machine of its own.
    `--mark_cache_size=${256 * 1024 ** 2}`,
  ];
}

async function versionOf(chdb: Chdb): Promise<string> {
  using connection = chdb.connect();
  const { bytes } = await connection.run('SELECT version()', 'TSVRaw');
  return bytes.toString().trim();
}

function isPortInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
