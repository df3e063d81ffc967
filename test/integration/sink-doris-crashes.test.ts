import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { CdcError } from '../../src/errors.ts';
import { DorisSink } from '../../src/sink/doris/doris-sink.ts';
import { DorisDouble } from '../support/doris-double/doris-double.ts';
import { dorisOptions, dorisSettings } from '../support/doris-double/doris-options.ts';
import { runUntilKilled } from '../support/killed-writer.ts';
import { ordersTable, stateAfter } from '../support/order-batches.ts';
import { Random } from '../support/random.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';

const writer = fileURLToPath(new URL('../support/doris-double/doris-writer.ts', import.meta.url));
const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' }, { sourceType: 'varchar(200)' });
const { signal } = new AbortController();

let double: DorisDouble;
beforeEach(async () => {
  double = await DorisDouble.open();
});
afterEach(() => double[Symbol.asyncDispose]());

describe('a sink to Doris after crashes', () => {
  test('has every row once after 50 kills of its process', async () => {
    const random = new Random(11);
    const settings = dorisSettings(double);
    const last = 100_000;
    let reached = 0;
    for (let kill = 0; kill < 50; kill++) {
      const enough = reached + random.between(1, 6);
      const delayMs = random.between(0, 25);
      const args = [JSON.stringify(settings), String(last)];
      reached = await runUntilKilled(writer, args, { enough, delayMs });
    }
    // What was on its way when the last one was killed ends by itself.
    await using sink = new DorisSink(dorisOptions(double, settings));
    const { sequence = 0 } = (await sink.progress()).get(ordersTable.source) ?? {};
    expect(sequence).toBeGreaterThanOrEqual(reached);
    const stored = double.cluster.table(settings.database, 'orders').rows;
    const found = new Map(stored.map((row) => [Number(row.get('id')), row.get('note') ?? null]));
    // The rows of the next batch may be there before its progress is.
    expect([stateAfter(sequence), stateAfter(sequence + 1)]).toContainEqual(found);
  }, 600_000);

  test.each([1, 2])(
    'has what the warehouse has, whatever breaks off 60 times (seed %i)',
    async (seed) => {
      await using world = await SinkWorld.open();
      const random = new Random(seed);
      const table = 'shop.crashes';
      await world.define(schemaOf(table, [id, note]), 'resnapshot');
      const options = dorisOptions(double, { batchRows: 25, twoPhaseCommit: seed === 2 });
      let mishaps = 0;
      double.mishap = () => {
        const happens = mishaps < 60 && random.next() < 0.04;
        mishaps += Number(happens);
        return happens;
      };
      while (mishaps < 60) {
        const keys = new Set(Array.from({ length: 40 }, () => random.between(0, 120)));
        const rows = [...keys].map((key): RowValue[] => [key, `note ${random.between(0, 9)}`]);
        await world.put(table, rows.slice(5));
        await world.put(table, rows.slice(0, 5), { deleted: true });
        // A new process each round.
        await using sink = new DorisSink(options);
        const copier = world.copier(table, sink, options);
        try {
          for (let isCurrent = false; !isCurrent; ) {
            ({ isCurrent } = await copier.copy(world.feed(table), signal));
          }
        } catch (error) {
          expect((error as CdcError).kind).toBe('transient');
        }
      }
      await using sink = new DorisSink(options);
      await world.copy(table, sink, options);
      expect(await world.differences(table, sink, options)).toEqual([]);
    },
    300_000,
  );
});
