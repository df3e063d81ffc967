import { describe, expect, test } from 'vitest';
import type { LoadStep } from '../../../src/load/load-step.ts';
import {
  allShares,
  noProgress,
  shareConsumer,
  shareOf,
  withStep,
} from '../../../src/pipeline/share-state.ts';

describe('the share of a table', () => {
  test.each([
    { table: 'shop.orders', count: 1, share: 0 },
    { table: 'shop.orders', count: 4, share: 3 },
    { table: 'shop.customer', count: 4, share: 1 },
    { table: '商店.订单', count: 4, share: 3 },
  ])('of $table among $count is $share for good: state in warehouses is kept by it', (each) => {
    expect(shareOf(each.table, each.count)).toBe(each.share);
  });

  test('many tables spread over all shares', () => {
    const shares = Array.from({ length: 200 }, (_, index) => shareOf(`shop.t${index}`, 8));
    for (const { number } of allShares(8)) {
      expect(shares.filter((share) => share === number).length).toBeGreaterThan(10);
    }
  });

  test('names a consumer by number and count, because other counts hold other tables', () => {
    expect(allShares(1).map(shareConsumer)).toEqual(['warehouse']);
    expect(allShares(2).map(shareConsumer)).toEqual(['warehouse/0of2', 'warehouse/1of2']);
  });
});

describe('the progress of a share', () => {
  const step = (
    to: number,
    tables: readonly string[],
    swept: readonly string[] = [],
  ): LoadStep => ({
    from: to - 10,
    to,
    position: { epoch: 0, file: 'b.000001', offset: to, serverId: '1' },
    tables: new Set(tables),
    rows: 0,
    transactions: 0,
    committedAtMs: undefined,
    receivedAtMs: undefined,
    sweeps: swept.map((table) => ({ kind: 'sweep', table, version: 7n })),
    resnapshotted: [],
    paused: [],
  });

  test('says where each table changed last and each snapshot ended', () => {
    const first = withStep(noProgress, step(10, ['a.x', 'a.y'], ['a.x']), -1);
    const second = withStep(first, step(20, ['a.x']), -1);
    expect(second.tables).toEqual({ 'a.x': 20, 'a.y': 10 });
    expect(second.sweeps).toEqual({
      'a.x': { kind: 'sweep', table: 'a.x', version: '7', offset: 10 },
    });
    expect(second.position?.offset).toBe(20);
  });

  test('forgets what the layers have taken note of, and nothing after it', () => {
    const first = withStep(noProgress, step(10, ['a.x'], ['a.x']), -1);
    const second = withStep(first, step(20, ['a.y'], ['a.y']), 10);
    const third = withStep(second, step(30, ['a.z']), 10);
    expect(third.tables).toEqual({ 'a.y': 20, 'a.z': 30 });
    expect(third.sweeps).toEqual({
      'a.y': { kind: 'sweep', table: 'a.y', version: '7', offset: 20 },
    });
  });
});
