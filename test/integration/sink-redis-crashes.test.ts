import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LocalRedis } from '../../src/demo/server/redis-server.ts';
import { Random } from '../support/random.ts';
import { crashRows, crashState, crashTable } from '../support/redis-batches.ts';
import { RedisTable } from '../support/redis-table.ts';

const writer = fileURLToPath(new URL('../support/redis-crash-writer.ts', import.meta.url));

/** Lets a process write until the store is at `enough`, and kills it a moment later. Returns where it said it was. */
async function runUntilKilled(options: object, enough: number, delayMs: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', writer, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let reached = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    const isFirst = reached < enough;
    reached = Number(line);
    if (reached < enough || !isFirst) continue;
    void delay(delayMs).then(() => child.kill('SIGKILL'));
  }
  await ended;
  return reached;
}

describe.each([
  { mode: 'scripts', scripts: true, kills: 25 },
  { mode: 'commands only', scripts: false, kills: 10 },
])('a Redis sink with $mode after crashes', ({ scripts, kills }) => {
  test('has every batch, and its indexes are right, however often its process was killed', async () => {
    const random = new Random(5);
    await using redis = await RedisTable.open(crashTable, { scripts });
    const { host, port, database, prefix } = redis.options;
    const options = {
      type: 'redis',
      name: 'cache',
      tables: ['shop.*'],
      host,
      port,
      database,
      prefix,
      scripts,
    };
    let reached = 0;
    for (let kill = 0; kill < kills; kill++) {
      reached = await runUntilKilled(
        options,
        reached + random.between(1, 4),
        random.between(0, 15),
      );
      const { sequence = 0 } = (await redis.sink.progress()).get(crashTable.source) ?? {};
      expect([reached, reached + 1]).toContain(sequence);
    }
    const { sequence = 0 } = (await redis.sink.progress()).get(crashTable.source) ?? {};
    // What was cut off is written again, as the copier does.
    await redis.sink.write(redis.batch(crashRows(sequence + 1), sequence));
    expect(await redis.rows()).toEqual(crashState(sequence + 1));
  }, 600_000);

  test('has every batch after the server was killed in the middle', async () => {
    await using server = await LocalRedis.open();
    await using redis = await RedisTable.open(crashTable, { scripts }, server.url);
    let sequence = 0;
    let dying = Promise.resolve();
    for (let crash = 0; crash < 6; crash++) {
      const writing = (async () => {
        for (;;) {
          await redis.sink.write(redis.batch(crashRows(sequence + 1), sequence));
          sequence += 1;
          if (sequence % 4 === 0) dying = server.kill();
        }
      })();
      await expect(writing).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
      await dying;
      await server.start();
      const found = (await redis.sink.progress()).get(crashTable.source)?.sequence ?? 0;
      expect([sequence, sequence + 1]).toContain(found);
      sequence = found;
    }
    await redis.sink.write(redis.batch(crashRows(sequence + 1), sequence));
    expect(await redis.rows()).toEqual(crashState(sequence + 1));
  }, 120_000);
});
