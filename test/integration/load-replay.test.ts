import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryCatalog } from '../../src/catalog/memory-catalog.ts';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { ClickhouseEngine } from '../../src/engine/clickhouse-engine.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import { physicalTable } from '../../src/load/clickhouse/ddl.ts';
import { Loader } from '../../src/load/loader.ts';
import { truncations } from '../../src/load/truncations.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { replay } from '../../src/pipeline/replay.ts';
import { ShareFeed } from '../../src/pipeline/share-feed.ts';
import { openTestEngine } from '../support/test-engine.ts';
import { type Happening, History, happenings } from './load-history.ts';

const signal = new AbortController().signal;

/** The history as a capture appends it, snapshots with their place; all of it stays in the log. */
async function appendAll(log: MemoryLog, history: History): Promise<void> {
  for (const { batch, open } of history.items) {
    const checkpoints: Record<string, unknown> = {};
    for (const section of batch.sections) {
      const name = `snapshot/${section.table}`;
      if (section.kind === 'sweep') {
        checkpoints[name] = { done: true, firstVersion: section.version.toString() };
      }
      if (section.kind === 'schema' && section.existingRows === 'resnapshot') {
        checkpoints[name] = undefined;
      }
    }
    await log.append([batch], { open, checkpoints });
  }
}

async function loadAll(log: MemoryLog, ods: ClickhouseOds): Promise<MemoryCatalog> {
  const catalog = new MemoryCatalog();
  const feed = new ShareFeed(log, catalog, () => true);
  const options = { maxBatchBytes: 1_000, flushMs: 0 };
  const loader = new Loader({ log: feed, catalog, ods, options, logger: createSilentLogger() });
  while (loader.offset() < log.end()) await loader.step(signal);
  return catalog;
}

async function assertHolds(engine: ClickhouseEngine, history: History): Promise<void> {
  for (const [table, expected] of history.expected()) {
    const rows = await engine.rows<Record<string, RowValue>>(`SELECT * FROM ${table} ORDER BY id`);
    expect(rows).toEqual(expected);
  }
}

test('a range replayed at random changes nothing, and a row that was lost comes back', async () => {
  await using opened = await openTestEngine();
  const { engine } = opened;
  const ods = new ClickhouseOds(engine);
  let runs = 0;
  const ranges = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { minLength: 2, maxLength: 3 });
  const compare = async (all: Happening[], places: [number, number][]) => {
    const history = new History(`replay${runs++}`, all);
    await using log = new MemoryLog();
    await appendAll(log, history);
    const truncatedAt = truncations(await loadAll(log, ods));
    const parts = { log, engine, ods, maxBatchBytes: 1_000, truncatedAt };
    for (const [left, right] of places) {
      const [from = 0, to = 0] = [left, right]
        .map((place) => place % (log.end() + 1))
        .sort((one, other) => one - other);
      await replay(parts, { from, to }, () => true, signal);
      await assertHolds(engine, history);
    }
    // As after a disk was restored from yesterday: whatever is gone is in the log.
    const [table = ''] = history.expected().keys();
    await engine.command(`DELETE FROM ${physicalTable(table)} WHERE id >= 2`, {
      settings: { lightweight_deletes_sync: 2 },
    });
    await replay(parts, { from: 0, to: log.end() }, () => true, signal);
    await assertHolds(engine, history);
    for (const name of history.expected().keys()) {
      await engine.command(`DROP TABLE ${physicalTable(name)} SYNC`);
    }
  };
  await fc.assert(fc.asyncProperty(happenings, ranges, compare), {
    numRuns: 6,
    endOnFailure: true,
  });
  const left = await engine.rows("SELECT name FROM system.tables WHERE name LIKE '%~replay%'");
  expect(left).toEqual([]);
});
