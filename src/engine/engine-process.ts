import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CdcError } from '../errors.ts';
import { findProcessLock } from '../lib/process-lock.ts';
import type { Logger } from '../ops/logger.ts';
import { enginePaths, ensureStateFolder, readEngineRecord } from './engine-file.ts';
import { type EngineConnection, holdEngine } from './engine-hold.ts';
import { lastWordsIn, turnOverLog } from './engine-log.ts';
import type { EmbeddedEngineOptions } from './options.ts';
import type { EngineReport, EngineStart } from './server/engine-host.ts';

export interface EngineLocation {
  readonly stateFolder: string;
  readonly options: EmbeddedEngineOptions;
  readonly logger: Logger;
}

/** Starting, recovering after a crash and waiting for another engine to end, all in all. */
const openMs = 60_000;
const pollMs = 20;
/** Statements run on libuv's threads (16 at a time), and files and zlib need some as well. */
const threads = 24;

/**
 * Joins the engine of a state folder, or starts it. Any number of processes may do so at the same
 * time; the folder's lock, which the engine process holds, lets one engine win.
 *
 * Throws CDC_PORT_IN_USE, CDC_ENGINE_START_FAILED (the addon is missing, the folder is damaged), or
 * CDC_ENGINE_UNREACHABLE when an engine runs but does not answer.
 */
export async function openEmbeddedEngine(location: EngineLocation): Promise<EngineConnection> {
  const stateFolder = resolve(location.stateFolder);
  const paths = enginePaths(stateFolder);
  ensureStateFolder(stateFolder);
  const deadline = Date.now() + openMs;
  let pid: number | undefined;
  while (Date.now() < deadline) {
    pid = findProcessLock(paths.lock)?.pid;
    if (pid === undefined) {
      await startEngine({ ...location, stateFolder });
      continue;
    }
    const record = readEngineRecord(stateFolder);
    // Until this engine serves, the record is of an earlier one.
    const connection = record?.pid === pid ? await holdEngine(record) : undefined;
    if (connection !== undefined) return connection;
    await delay(pollMs);
  }
  throw new CdcError(
    'CDC_ENGINE_UNREACHABLE',
    `the embedded engine (process ${pid}) of ${stateFolder} did not answer within ${openMs / 1000} s`,
    { remedy: `Look into ${paths.log}; end that process if it hangs, and try again.` },
  );
}

/** Returns when an engine serves, or when another process turns out to start one. */
async function startEngine({ stateFolder, options, logger }: EngineLocation): Promise<void> {
  const log = enginePaths(stateFolder).log;
  const logStart = turnOverLog(log);
  const start: EngineStart = {
    stateFolder,
    port: options.port,
    ...(options.maxMemoryBytes !== undefined && { maxMemoryBytes: options.maxMemoryBytes }),
  };
  const report = await reportOf(spawnEngine(start, log));
  if (report.type === 'ready') return logger.info({ stateFolder }, 'embedded engine started');
  if (report.type === 'locked') return;
  if (report.type === 'port-in-use') {
    throw new CdcError(
      'CDC_PORT_IN_USE',
      `the embedded engine cannot listen on 127.0.0.1:${report.port}: the port is taken`,
      { details: { port: report.port } },
    );
  }
  // chdb, and Node when it does not get that far, give their reasons on stderr only.
  const reason = lastWordsIn(log, logStart) ?? report.message;
  throw new CdcError(
    'CDC_ENGINE_START_FAILED',
    `the embedded engine of ${stateFolder} did not start: ${reason}`,
    { details: { log }, remedy: `Read ${log}; \`npm install\` brings the engine's binary (chdb).` },
  );
}

function spawnEngine(start: EngineStart, logFile: string): ChildProcess {
  // In a clone there is no JavaScript to run: tsx compiles the source on the way.
  const isSource = import.meta.url.endsWith('.ts');
  const main = new URL(isSource ? './server/main.ts' : './server/main.js', import.meta.url);
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [...(isSource ? ['--import', tsxUrl()] : []), fileURLToPath(main), JSON.stringify(start)],
      {
        cwd: start.stateFolder,
        // Its own process group: Ctrl-C reaches who holds the engine, and the engine ends after them.
        detached: true,
        stdio: ['ignore', log, log, 'ipc'],
        env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) },
      },
    );
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** What the engine process reports; the channel closes without a report if it dies before. */
async function reportOf(child: ChildProcess): Promise<EngineReport> {
  const done = new AbortController();
  const { signal } = done;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([report]): EngineReport => report),
      once(child, 'disconnect', { signal }).then(
        (): EngineReport => ({ type: 'failed', message: 'its process ended at once' }),
      ),
    ]);
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
  } finally {
    done.abort();
    if (child.connected) child.disconnect();
  }
}

function tsxUrl(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
}
