import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Position } from '../../../src/change/position.ts';
import { FreshnessProbe } from '../../../src/pipeline/freshness-probe.ts';
import type { Source } from '../../../src/source/source.ts';
import { waitUntil } from '../../support/wait-until.ts';

const at = (offset: number): Position => ({
  epoch: 0,
  file: 'binlog.000001',
  offset,
  serverId: '1',
});

test('a probe is behind from its oldest question until a cut answers it', async () => {
  let end = at(100);
  const source = { endPosition: async () => ({ position: end, bytes: 0 }) } as unknown as Source;
  const probe = new FreshnessProbe(source, 5);
  const stop = new AbortController();
  const cut = at(100);
  const running = probe.run(stop.signal, () => cut);
  await delay(30);
  expect(probe.behindSinceMs()).toBeUndefined();

  end = at(200);
  const before = performance.now();
  await delay(30);
  end = at(300);
  await delay(30);
  const since = probe.behindSinceMs();
  expect(since).toBeGreaterThanOrEqual(before - 1);
  expect(since).toBeLessThan(performance.now() - 40);

  probe.published(at(200));
  expect(probe.behindSinceMs()).toBeGreaterThan(since ?? Number.NaN);
  stop.abort();
  await running;
  probe.published(at(300));
  expect(probe.behindSinceMs()).toBeUndefined();
});

test('nothing is measured while nothing is on its way', async () => {
  let asked = 0;
  const endPosition = async () => ({ position: at(100 + Math.max(0, asked++ - 4)), bytes: 0 });
  const probe = new FreshnessProbe({ endPosition } as unknown as Source, 2);
  const stop = new AbortController();
  const running = probe.run(stop.signal, () => at(100));
  await waitUntil('it has asked some times', () => asked >= 4);
  expect(probe.percentiles()).toBeUndefined();
  await waitUntil('a change is on its way', () => probe.behindSinceMs() !== undefined);
  expect(probe.percentiles()).toBeUndefined();
  stop.abort();
  await running;
  probe.published(at(1_000));
  expect(probe.percentiles()?.samples).toBeGreaterThan(0);
});
