import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProcessLock } from '../lib/process-lock.ts';
import type { Logger } from '../ops/logger.ts';
import { type ClickhouseEngine, openEngine } from './clickhouse-engine.ts';
import { enginePaths } from './engine-file.ts';

export interface PrivateEngine extends AsyncDisposable {
  readonly engine: ClickhouseEngine;
  readonly stateFolder: string;
}

/** An engine needs about a second to end; what hangs is left to the folder for temporary files. */
const endMs = 15_000;
const pollMs = 20;

/** An embedded engine of one's own in a temporary folder; both are gone when it is closed. */
export async function openPrivateEngine(logger: Logger): Promise<PrivateEngine> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'cdc-engine-'));
  const remove = () => rm(stateFolder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const engine = await openEngine({ type: 'embedded', port: 0 }, { stateFolder, logger });
    return {
      engine,
      stateFolder,
      async [Symbol.asyncDispose]() {
        await engine[Symbol.asyncDispose]();
        await endEngine(stateFolder);
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Without waiting until the engine itself finds that nobody holds it. */
async function endEngine(stateFolder: string): Promise<void> {
  const { lock } = enginePaths(stateFolder);
  const owner = findProcessLock(lock);
  if (owner === undefined) return;
  try {
    process.kill(owner.pid, 'SIGTERM');
  } catch (error) {
    // It has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  const deadline = Date.now() + endMs;
  while (findProcessLock(lock) !== undefined && Date.now() < deadline) await delay(pollMs);
}
