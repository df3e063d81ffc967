import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openLakeSink } from '../../src/sink/lake/lake-sink.ts';
import { lakeSinkOptions } from '../../src/sink/lake/options.ts';
import { Random } from '../support/random.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import type { LakeWriterTask } from './sink-lake-writer.ts';

const kills = 17;
const rowsInTable = 400;

let world: SinkWorld;
let folder: Awaited<ReturnType<typeof openTempFolder>>;
beforeAll(async () => {
  [world, folder] = await Promise.all([SinkWorld.open(), openTempFolder()]);
}, 120_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' });

function startWriter(task: LakeWriterTask) {
  const script = fileURLToPath(new URL('./sink-lake-writer.ts', import.meta.url));
  const arguments_ = ['--import', 'tsx', script, JSON.stringify(task)];
  const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] });
  return { child, ended: once(child, 'exit'), lines: createInterface({ input: child.stdout }) };
}

test.each(['parquet', 'delta', 'iceberg'] as const)(
  `${kills} kills while %s is written, compacted and cleaned lose and double nothing`,
  async (format) => {
    const plain = {
      ...{ type: 'lake', name: 'lake', tables: ['shop.*'], format },
      ...{ path: join(folder.path, randomBytes(4).toString('hex')), compactFiles: 3, keepHours: 0 },
    };
    const options = lakeSinkOptions.parse(plain);
    const table = `shop.killed_${format}`;
    await world.define(schemaOf(table, [id, note]), 'resnapshot');
    const random = new Random(format.length);
    const change = async (round: number) => {
      const row = (at: number): RowValue[] => [at, `round ${round} ${random.next()}`];
      const keys = new Set(Array.from({ length: 40 }, () => random.between(0, rowsInTable)));
      await world.put(table, [...keys].map(row));
      await world.put(table, [...keys].slice(0, 9).map(row), { deleted: true });
    };
    const { readTo: _, ...feed } = world.feed(table);
    const { stateFolder, owner } = world;
    for (let round = 0; round < kills; round++) {
      await change(round);
      const { child, ended, lines } = startWriter({ stateFolder, owner, options: plain, feed });
      // Somewhere in the step after so many, the first one included.
      let steps = random.between(0, 2);
      let stepMs = 1000;
      for await (const line of lines) {
        stepMs = Number(line) || stepMs;
        if (steps-- === 0) break;
        await change(round);
      }
      const changing = change(round);
      await delay(random.between(0, stepMs));
      child.kill('SIGKILL');
      await Promise.all([ended, changing]);
      expect(child.signalCode).toBe('SIGKILL');
    }
    const { engine } = world;
    await using sink = await openLakeSink(options, {
      ...{ engine, stateFolder, logger: createSilentLogger(), project: 'test' },
    });
    const copier = world.copier(table, sink, options);
    await world.copy(table, sink, options, copier);
    expect(await world.differences(table, sink, options)).toEqual([]);
    expect((await sink.progress()).get(table)?.sequence).toBeGreaterThan(kills / 3);
  },
  600_000,
);
