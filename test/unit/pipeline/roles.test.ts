import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../../src/catalog/lmdb-catalog.ts';
import type { ProjectConfig } from '../../../src/config/project-config.ts';
import {
  acquireRole,
  assertRolePossible,
  findRoles,
  findRunner,
  type Role,
} from '../../../src/pipeline/roles.ts';
import { emptyStatus, readStatus, storeStatus } from '../../../src/pipeline/status.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

function configIn(folder: string, type: 'kafka' | 'embedded' = 'kafka'): ProjectConfig {
  return { folder, stateFolder: folder, log: { type }, sinks: [] } as unknown as ProjectConfig;
}

const locked = expect.objectContaining({ code: 'CDC_PROJECT_LOCKED' }) as Error;

describe('roles of a state folder', () => {
  test.each([
    { held: 'all', asked: 'all', isFree: false },
    { held: 'all', asked: 'capture', isFree: false },
    { held: 'all', asked: 'load', isFree: false },
    { held: 'capture', asked: 'all', isFree: false },
    { held: 'load', asked: 'all', isFree: false },
    { held: 'capture', asked: 'capture', isFree: false },
    { held: 'layers', asked: 'layers', isFree: false },
    { held: 'capture', asked: 'layers', isFree: true },
    { held: 'layers', asked: 'load', isFree: true },
    { held: 'load', asked: 'load', isFree: true },
  ] as const)('beside $held, $asked may run: $isFree', async ({ held, asked, isFree }) => {
    await using folder = await openTempFolder();
    const config = configIn(folder.path);
    const lock = acquireRole(config, held);
    if (isFree) acquireRole(config, asked).release();
    else expect(() => acquireRole(config, asked)).toThrow(locked);
    lock.release();
    // A refusal leaves nothing behind.
    acquireRole(config, asked).release();
  });

  test('number their loaders, and give the number of one that has ended to the next', async () => {
    await using folder = await openTempFolder();
    const config = configIn(folder.path);
    const [first, second] = [acquireRole(config, 'load'), acquireRole(config, 'load')];
    expect([first.number, second.number]).toEqual([1, 2]);
    first.release();
    expect(findRoles(config)).toMatchObject([{ role: 'load', number: 2, pid: process.pid }]);
    expect(acquireRole(config, 'load').number).toBe(1);
    expect(findRunner(config, 'layers')).toBeUndefined();
  });

  test.each<Role>(['capture', 'load', 'layers'])('need a log for many processes: %s', (role) => {
    expect(() => assertRolePossible(configIn('/x', 'embedded'), role)).toThrow(
      expect.objectContaining({ code: 'CDC_USAGE', remedy: expect.stringContaining('kafka://') }),
    );
    expect(() => assertRolePossible(configIn('/x'), role)).not.toThrow();
  });
});

describe('the status of a project', () => {
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
  const lag = { bytes: 5, seconds: 1 };
  const rows = { perSecond: 10, total: 100 };
  const consumerOf = (consumer: string) => ({
    ...{ consumer, offset: 1, behind: 0, recordsLag: 0, oldestUnloadedAt: null, partitions: [] },
  });

  test('is put together from what each role knows, and says which role does not run', async () => {
    await using folder = await openTempFolder();
    const config = configIn(folder.path);
    const catalog = openCatalog(join(folder.path, 'catalog'));
    const capture = { ...emptyStatus, lag, updatedAt: at(2) };
    const load = { ...emptyStatus, rows, transactions: 7, updatedAt: at(3) };
    await storeStatus(catalog, { ...emptyStatus, rows, updatedAt: at(1) });
    await storeStatus(catalog, capture, { role: 'capture', number: 1 });
    for (const number of [1, 2, 3]) {
      const consumers = [consumerOf(`c${number}`)];
      await storeStatus(catalog, { ...load, consumers }, { role: 'load', number });
    }
    await catalog[Symbol.asyncDispose]();
    const locks = [acquireRole(config, 'load'), acquireRole(config, 'load')];
    const status = await readStatus(config);
    expect(status).toMatchObject({
      running: { pid: process.pid },
      lag,
      rows: { perSecond: 20, total: 200 },
      transactions: 7,
      freshness: null,
      updatedAt: at(3),
    });
    // The third loader has ended; the others have its shares.
    expect(status.consumers.map(({ consumer }) => consumer)).toEqual(['c1', 'c2']);
    expect(status.roles.map(({ role, process: by }) => [role, by?.pid])).toEqual([
      ['load', process.pid],
      ['load', process.pid],
      ['capture', undefined],
      ['layers', undefined],
    ]);
    for (const lock of locks) lock.release();
  });

  test('is that of the process which did everything, when that was later', async () => {
    await using folder = await openTempFolder();
    const catalog = openCatalog(join(folder.path, 'catalog'));
    const capture = { ...emptyStatus, lag, updatedAt: at(1) };
    await storeStatus(catalog, capture, { role: 'capture', number: 1 });
    await storeStatus(catalog, { ...emptyStatus, rows, updatedAt: at(2) });
    await catalog[Symbol.asyncDispose]();
    const status = await readStatus(configIn(folder.path));
    expect(status).toMatchObject({ running: null, lag: null, rows, updatedAt: at(2) });
  });
});
