import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import { MemoryKafka } from '../support/memory-kafka.ts';
import { Random } from '../support/random.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import {
  followChangelog,
  killedEngine,
  memorySink,
  prefix,
  sinkOptions,
} from './sink-kafka-support.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' }, { sourceType: 'varchar(200)' });
const amount = columnOf('amount', { kind: 'float', bits: 64 }, { sourceType: 'double' });
const { signal } = new AbortController();

let world: SinkWorld;
beforeAll(async () => {
  world = await SinkWorld.open();
}, 120_000);
afterAll(() => world?.[Symbol.asyncDispose]());

describe('a changelog in Kafka holds each net change once', () => {
  test.each([1, 2])(
    'whatever breaks off in engine and brokers, 50 times (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      const table = `shop.crashes_${seed}`;
      await world.define(schemaOf(table, [id, note, amount]), 'resnapshot');
      const kafka = new MemoryKafka();
      const options = sinkOptions({ batchRows: 40, partitions: 2 });
      let chance = 0.04;
      kafka.fault = () => {
        if (random.next() >= chance) return undefined;
        return random.next() < 0.5 ? 'before' : 'after';
      };
      const engine = killedEngine(world.engine, random, () => chance);
      let crashes = 0;
      for (let round = 0; crashes < 50 || round < 20; round++) {
        await change(table, random);
        // A new process over the same warehouse and the same topics.
        await using sink = memorySink(kafka, options, engine);
        const copier = world.copier(table, sink, options);
        try {
          for (let isCurrent = false; !isCurrent; ) {
            ({ isCurrent } = await copier.copy(world.feed(table), signal));
          }
        } catch (error) {
          expect(String(error)).toMatch(/killed|broker is away/i);
          crashes++;
        }
      }
      chance = 0;
      await using sink = memorySink(kafka, options, engine);
      await world.copy(table, sink, options);
      expect(await world.differences(table, sink, options)).toEqual([]);
      const rows = followChangelog(kafka.records(`${prefix}.${table}`));
      const [count] = await world.engine.rows<{ rows: string }>(
        `SELECT count() AS rows FROM ${world.feed(table).physical} FINAL`,
      );
      expect(rows.size).toBe(Number(count?.rows));
    },
    240_000,
  );
});

/** Rows that come, change, are written without change, and go. */
async function change(table: string, random: Random): Promise<void> {
  const keys = new Set(Array.from({ length: 60 }, () => random.between(0, 150)));
  const rows = [...keys].map((key): RowValue[] => [
    key,
    random.next() < 0.2 ? null : `note ${random.between(0, 3)}`,
    random.between(0, 2),
  ]);
  const gone = rows.filter(() => random.next() < 0.2);
  await world.put(
    table,
    rows.filter((row) => !gone.includes(row)),
  );
  if (gone.length > 0) await world.put(table, gone, { deleted: true });
}
