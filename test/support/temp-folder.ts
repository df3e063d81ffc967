import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder that goes with the test: `await using folder = await openTempFolder()`. The engine of a project in it may
 * still be ending, and writing, when the last command has ended.
 */
export async function openTempFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'strata-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () =>
      rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
}
