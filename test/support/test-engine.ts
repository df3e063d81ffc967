import { type ClickhouseEngine, openEngine } from '../../src/engine/clickhouse-engine.ts';
import { type EngineRecord, enginePaths, readEngineRecord } from '../../src/engine/engine-file.ts';
import { findProcessLock } from '../../src/lib/process-lock.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openTempFolder } from './temp-folder.ts';
import { waitUntil } from './wait-until.ts';

/** An embedded engine on a temporary folder; both go with the test. */
export interface TestEngine extends AsyncDisposable {
  readonly engine: ClickhouseEngine;
  readonly stateFolder: string;
  /** The engine's record as it is now: another one after a restart. */
  readonly record: EngineRecord;
}

export async function openTestEngine(): Promise<TestEngine> {
  const folder = await openTempFolder();
  const engine = await openEngineIn(folder.path);
  return {
    engine,
    stateFolder: folder.path,
    get record() {
      return engineRecord(folder.path);
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await endEngine(folder.path);
      await folder[Symbol.asyncDispose]();
    },
  };
}

export function openEngineIn(stateFolder: string, port = 0): Promise<ClickhouseEngine> {
  return openEngine({ type: 'embedded', port }, { stateFolder, logger: createSilentLogger() });
}

export function engineRecord(stateFolder: string): EngineRecord {
  const record = readEngineRecord(stateFolder);
  if (record === undefined) throw new Error(`no engine.json in ${stateFolder}`);
  return record;
}

/** Stops the engine without waiting for it to find itself unused. */
export async function endEngine(stateFolder: string): Promise<void> {
  const pid = engineProcess(stateFolder);
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  await waitUntil('the engine has ended', () => engineProcess(stateFolder) === undefined, 20_000);
}

/** The process that owns the warehouse now. */
export function engineProcess(stateFolder: string): number | undefined {
  return findProcessLock(enginePaths(stateFolder).lock)?.pid;
}
