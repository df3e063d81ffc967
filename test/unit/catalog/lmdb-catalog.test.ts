import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../../src/catalog/lmdb-catalog.ts';
import { openTempFolder } from '../../support/temp-folder.ts';
import { waitUntil } from '../../support/wait-until.ts';

const catalogModule = fileURLToPath(
  new URL('../../../src/catalog/lmdb-catalog.ts', import.meta.url),
);

/** Writes `n` and `twice` in one batch, over and over, and never ends by itself. */
const writer = `
  const { openCatalog } = await import(${JSON.stringify(catalogModule)});
  const catalog = openCatalog(process.argv.at(-1));
  for (let n = 1; ; n++) {
    await catalog.batch({ n, twice: 2 * n });
    if (n === 1) console.log('writing');
    if (n % 10 === 0) await new Promise(setImmediate);
  }
`;

describe('the LMDB catalog', () => {
  test('shows a reader the whole commits of another process, fresh each time', async () => {
    await using folder = await openTempFolder();
    const path = join(folder.path, 'catalog');
    const node = ['--import', 'tsx', '--input-type=module', '-e', writer, '--', path];
    const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(createInterface(child.stdout), 'line');
      await using reader = openCatalog(path, { readOnly: true });
      const seen = new Set<number>();
      await waitUntil('the reader has seen twenty values', () => {
        const entries = reader.entries<number>('');
        expect(entries.get('twice')).toBe(2 * (entries.get('n') ?? 0));
        seen.add(reader.get<number>('n') ?? 0);
        return seen.size >= 20;
      });
    } finally {
      child.kill('SIGKILL');
    }
    // What the killed writer had committed is there, and can be written on.
    await using catalog = openCatalog(path);
    const n = catalog.get<number>('n') ?? 0;
    expect(n).toBeGreaterThan(0);
    expect(catalog.get('twice')).toBe(2 * n);
    await catalog.put('n', 'mine');
    expect(catalog.get('n')).toBe('mine');
  });

  test('survives being closed and opened, in a folder for its owner only', async () => {
    await using folder = await openTempFolder();
    const path = join(folder.path, 'state', 'catalog');
    const first = openCatalog(path);
    await first.put('a', [1]);
    await first[Symbol.asyncDispose]();
    await using second = openCatalog(path);
    expect(second.get('a')).toEqual([1]);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  test('refuses to be read before it was written, and to be written by a reader', async () => {
    await using folder = await openTempFolder();
    const path = join(folder.path, 'catalog');
    expect(() => openCatalog(path, { readOnly: true })).toThrow(
      expect.objectContaining({ code: 'CDC_NOT_INITIALIZED' }),
    );
    await using catalog = openCatalog(path);
    await catalog.put('a', 1);
    await using reader = openCatalog(path, { readOnly: true });
    await expect(reader.put('a', 2)).rejects.toThrow(/open for reading/);
    expect(catalog.get('a')).toBe(1);
  });
});
