import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StateEngine, StateTable } from '../../src/load/clickhouse/state-table.ts';
import { WarehouseCatalog } from '../../src/load/clickhouse/warehouse-catalog.ts';
import { pausedTables, pauseKeys } from '../../src/load/paused-tables.ts';
import { arrangeShares, shareOffsets } from '../../src/pipeline/share-layout.ts';
import { allShares, offsetKey, shareConsumer, shareOf } from '../../src/pipeline/share-state.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';

let opened: TestEngine;
let table: StateTable;

beforeAll(async () => {
  opened = await openTestEngine();
  table = new StateTable(opened.engine as StateEngine);
});

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
});

describe('load state in the warehouse', () => {
  test('is what the last owner of the scope wrote, whole batches of it', async () => {
    const first = await WarehouseCatalog.takeOver(table, 'whole', 'a');
    await first.batch({ x: { n: 1 }, y: 'ü', z: [1] });
    await first.batch({ x: { n: 2 }, z: undefined });
    const second = await WarehouseCatalog.takeOver(table, 'whole', 'b');
    expect(second.get('x')).toEqual({ n: 2 });
    expect([...second.entries('')]).toEqual([
      ['x', { n: 2 }],
      ['y', 'ü'],
    ]);
  });

  test('knows nothing of other scopes, also of one whose name it begins', async () => {
    const inner = await WarehouseCatalog.takeOver(table, 'scope', 'a');
    const outer = await WarehouseCatalog.takeOver(table, 'scope/1', 'a');
    await inner.put('k', 'inner');
    await outer.put('k', 'outer');
    const again = await WarehouseCatalog.takeOver(table, 'scope', 'b');
    expect(again.get('k')).toBe('inner');
  });

  test('never goes back to what a former owner writes later', async () => {
    const former = await WarehouseCatalog.takeOver(table, 'zombie', 'a', ['first']);
    for (let offset = 0; offset < 20; offset++) await former.put(offsetKey, offset);
    const owner = await WarehouseCatalog.takeOver(table, 'zombie', 'b', ['first']);
    for (let offset = 90; offset < 120; offset++) await former.put(offsetKey, offset);
    await former.put('first', 'from the dead');
    expect(owner.get(offsetKey)).toBe(19);
    const stored = async () => {
      const { rows } = await table.read('zombie', [offsetKey, 'first']);
      return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
    };
    expect(await stored()).toEqual({ [offsetKey]: '19', first: '' });
    await owner.put(offsetKey, 30);
    expect(await stored()).toEqual({ [offsetKey]: '30', first: '' });
  });

  test('says the engine’s time with what it reads, also when there is nothing', async () => {
    const before = await table.read('nobody has this scope');
    expect(before.rows).toEqual([]);
    const owner = await WarehouseCatalog.takeOver(table, 'time', 'a');
    await owner.put('k', 1);
    const after = await table.read('time', ['k']);
    expect(after.rows[0]?.writtenAtMs).toBeGreaterThanOrEqual(before.nowMs);
    expect(after.nowMs).toBeGreaterThanOrEqual(after.rows[0]?.writtenAtMs ?? Number.NaN);
  });
});

describe('another number of shares', () => {
  const pausedTable = 'shop.paused';
  const pause = {
    table: pausedTable,
    code: 'CDC_ENGINE_REJECTED' as const,
    message: 'no',
    remedy: 'none',
    at: '2026-01-01T00:00:00.000Z',
    skippedRows: 3,
    since: 4,
  };

  test('begins where all shares stand, with the pauses of its tables; else it is refused', async () => {
    await arrangeShares(table, 3);
    const former = [];
    for (const id of allShares(3)) {
      former.push(await WarehouseCatalog.takeOver(table, shareConsumer(id), 'a', [offsetKey]));
    }
    for (const [at, catalog] of former.entries()) {
      const plan = { id: 'p', from: 10, to: 40, after: { file: 'b.000001', offset: 99 } };
      await catalog.batch({ [offsetKey]: 40, 'load/plan': { ...plan, done: {}, recreate: [] } });
      if (at !== shareOf(pausedTable, 3)) continue;
      await catalog.batch(pauseKeys(new Map([[pausedTable, pause]])));
    }
    await former[1]?.put(offsetKey, 50);
    await expect(arrangeShares(table, 2)).rejects.toMatchObject({ code: 'CDC_CONFIG_INVALID' });
    await former[1]?.put(offsetKey, 40);
    await arrangeShares(table, 2);
    await arrangeShares(table, 2);
    const { rows } = await table.read('', [offsetKey]);
    expect([...shareOffsets(rows, 2).values()]).toEqual([40, 40]);
    for (const id of allShares(2)) {
      const share = await WarehouseCatalog.takeOver(table, shareConsumer(id), 'b');
      const isHere = shareOf(pausedTable, 2) === id.number;
      expect([...pausedTables(share).values()]).toEqual(isHere ? [pause] : []);
      expect(share.get('load/plan')).toMatchObject({ to: 40, after: { offset: 99 } });
      await share.put(offsetKey, 70);
    }
    // Back again: the three have a place of long ago, from which they must not go on.
    await arrangeShares(table, 3);
    const back = await table.read('', [offsetKey]);
    expect([...shareOffsets(back.rows, 3).values()]).toEqual([70, 70, 70]);
  });
});
