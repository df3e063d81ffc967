import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openCatalog } from '../../src/catalog/lmdb-catalog.ts';
import { MemoryCatalog } from '../../src/catalog/memory-catalog.ts';
import { type StateEngine, StateTable } from '../../src/load/clickhouse/state-table.ts';
import { WarehouseCatalog } from '../../src/load/clickhouse/warehouse-catalog.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestEngine } from '../support/test-engine.ts';

interface OpenedCatalog extends AsyncDisposable {
  readonly catalog: Catalog;
}

const implementations: Record<string, () => Promise<OpenedCatalog>> = {
  memory: async () => {
    const catalog = new MemoryCatalog();
    return { catalog, [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose]() };
  },
  lmdb: async () => {
    const folder = await openTempFolder();
    const catalog = openCatalog(join(folder.path, 'catalog'));
    const close = async () => {
      await catalog[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    };
    return { catalog, [Symbol.asyncDispose]: close };
  },
  warehouse: async () => {
    const opened = await openTestEngine();
    const table = new StateTable(opened.engine as StateEngine);
    const catalog = await WarehouseCatalog.takeOver(table, 'test', 'test');
    return { catalog, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  },
};

describe.each(Object.entries(implementations))('the %s catalog', (_name, open) => {
  test('gives back values as they were put', async () => {
    await using opened = await open();
    const { catalog } = opened;
    const value = { text: 'ü\0', list: [1, null, { deep: true }] };
    await catalog.put('a', value);
    value.list.pop();
    expect(catalog.get('a')).toEqual({ text: 'ü\0', list: [1, null, { deep: true }] });
    expect(catalog.get('b')).toBeUndefined();
    await catalog.put('a', 0);
    expect(catalog.get('a')).toBe(0);
    await catalog.remove('a');
    await catalog.remove('never there');
    expect(catalog.get('a')).toBeUndefined();
  });

  test('lists the entries of a prefix in key order', async () => {
    await using opened = await open();
    const { catalog } = opened;
    const keys = ['p/b', 'p/a', 'p', 'p0', 'p/\u{10ffff}', 'p/ü', 'q/a', 'p/'];
    await catalog.batch(Object.fromEntries(keys.map((key) => [key, key])));
    expect([...catalog.entries('p/')]).toEqual(
      ['p/', 'p/a', 'p/b', 'p/ü', 'p/\u{10ffff}'].map((key) => [key, key]),
    );
    expect(catalog.entries('none').size).toBe(0);
    expect(catalog.entries('').size).toBe(keys.length);
  });

  test('writes and removes several values together', async () => {
    await using opened = await open();
    const { catalog } = opened;
    await catalog.batch({ a: 1, b: 2 });
    await catalog.batch({ a: undefined, c: 3 });
    expect([...catalog.entries('')]).toEqual([
      ['b', 2],
      ['c', 3],
    ]);
  });

  test('writes nothing of a batch with a value that is no JSON', async () => {
    await using opened = await open();
    const { catalog } = opened;
    await expect(catalog.batch({ a: 1, b: 1n })).rejects.toThrow(TypeError);
    expect(catalog.entries('').size).toBe(0);
  });
});
