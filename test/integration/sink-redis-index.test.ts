import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalRedis } from '../../src/demo/server/redis-server.ts';
import { openRedisWithoutLua } from '../support/redis.ts';
import { RedisTable, redisTable } from '../support/redis-table.ts';
import { waitUntil } from '../support/wait-until.ts';

const columns = { id: 'int', student_id: 'int', amount: 'decimal', expires: 'time' };
const byStudent = { key: 'orders:by:student_id:{student_id}' };

let withoutLua: LocalRedis;
beforeAll(async () => {
  withoutLua = await openRedisWithoutLua();
}, 60_000);
afterAll(() => withoutLua[Symbol.asyncDispose]());

describe.each([
  { mode: 'scripts', scripts: true },
  { mode: 'commands only', scripts: false },
])('indexes with $mode', ({ scripts }) => {
  const open = (settings: Record<string, unknown>) =>
    RedisTable.open(
      redisTable(columns, settings),
      { scripts },
      scripts ? undefined : withoutLua.url,
    );
  const membersOf = async (redis: RedisTable, index: string) => {
    const prefix = redis.options.prefix;
    const members = await redis.client.sMembers(redis.key(index));
    return members.map((member) => member.replace(prefix, '')).sort();
  };

  test('an index has the rows with the value, and a row moves when its value changes', async () => {
    await using redis = await open({ indexes: [byStudent] });
    await redis.write([1, '1', '7', '1', null], [2, '2', '7', '1', null], [3, '3', '8', '1', null]);
    expect(await membersOf(redis, 'orders:by:student_id:7')).toEqual(['orders:1', 'orders:2']);
    await redis.write([4, '1', '8', '1', null]);
    expect(await membersOf(redis, 'orders:by:student_id:7')).toEqual(['orders:2']);
    expect(await membersOf(redis, 'orders:by:student_id:8')).toEqual(['orders:1', 'orders:3']);
    await redis.write([5, '1', null, '1', null], [-6, '2', null, null, null]);
    expect(await membersOf(redis, 'orders:by:student_id:8')).toEqual(['orders:3']);
    expect(await redis.client.exists(redis.key('orders:by:student_id:7'))).toBe(0);
    expect(await redis.rows()).toHaveLength(2);
  });

  test('a row that comes too late moves nothing, and a deleted row stays out', async () => {
    await using redis = await open({ indexes: [byStudent] });
    await redis.write([10, '1', '7', '1', null]);
    await redis.write([9, '1', '8', '1', null]);
    expect(await membersOf(redis, 'orders:by:student_id:7')).toEqual(['orders:1']);
    expect(await redis.client.exists(redis.key('orders:by:student_id:8'))).toBe(0);
    await redis.write([-12, '1', null, null, null]);
    await redis.write([11, '1', '8', '1', null]);
    expect(await redis.client.keys(redis.key('orders:*'))).toEqual([]);
  });

  test('a sorted set has members of their own and follows the score', async () => {
    const index = { key: 'orders:ranked:{student_id}', member: '{id}', score: 'amount' };
    await using redis = await open({ indexes: [index, byStudent] });
    await redis.write([1, '1', '7', '2.5', null], [2, '2', '7', '1', null]);
    const ranked = () => redis.client.zRangeWithScores(redis.key('orders:ranked:7'), 0, -1);
    expect(await ranked()).toEqual([
      { value: '2', score: 1 },
      { value: '1', score: 2.5 },
    ]);
    await redis.write([3, '2', '7', '99.25', null]);
    expect(await ranked()).toEqual([
      { value: '1', score: 2.5 },
      { value: '2', score: 99.25 },
    ]);
    await redis.write([4, '2', '7', null, null]);
    expect(await ranked()).toEqual([{ value: '1', score: 2.5 }]);
    expect(await membersOf(redis, 'orders:by:student_id:7')).toEqual(['orders:1', 'orders:2']);
    expect(await redis.rows()).toHaveLength(2);
  });

  test('a row that is missing in an index counts as missing until it is written again', async () => {
    await using redis = await open({ indexes: [byStudent] });
    await redis.write([1, '1', '7', '1', null], [2, '2', '7', '1', null]);
    await redis.client.sRem(redis.key('orders:by:student_id:7'), redis.key('orders:1'));
    expect(await redis.rows()).toEqual(['2\t7\t1\t\\N\t2']);
    await redis.write([1, '1', '7', '1', null]);
    expect(await redis.rows()).toEqual(['1\t7\t1\t\\N\t1', '2\t7\t1\t\\N\t2']);
  });

  test('a member that no row asks for is named with the command that removes it', async () => {
    await using redis = await open({ indexes: [byStudent] });
    await redis.write([1, '1', '7', '1', null]);
    const index = redis.key('orders:by:student_id:9');
    await redis.client.sAdd(index, redis.key('orders:1'));
    await expect(redis.rows()).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      remedy: `redis-cli SREM '${index}' '${redis.key('orders:1')}'`,
    });
  });

  test('an expired row leaves its indexes', async () => {
    await using redis = await open({ indexes: [byStudent], ttl: { column: 'expires' } });
    const soon = new Date(Date.now() + 300).toISOString().replace('T', ' ').replace('Z', '');
    await redis.write([1, '1', '7', '1', soon], [2, '2', '7', '1', null]);
    expect(await membersOf(redis, 'orders:by:student_id:7')).toEqual(['orders:1', 'orders:2']);
    await waitUntil(
      'the row expires',
      async () => (await redis.client.exists(redis.key('orders:1'))) === 0,
    );
    await redis.write();
    expect(await membersOf(redis, 'orders:by:student_id:7')).toEqual(['orders:2']);
    // Its version is remembered: an older row does not come back.
    await redis.write([0, '1', '7', '1', null]);
    expect(await redis.rows()).toEqual(['2\t7\t1\t\\N\t2']);
  });

  test('a table is removed with its indexes and everything beside it', async () => {
    await using redis = await open({ indexes: [byStudent], ttl: { column: 'expires' } });
    await redis.write([1, '1', '7', '1', '2099-01-01 00:00:00.000'], [-2, '2', null, null, null]);
    await redis.sink.drop(redis.table);
    expect(await redis.client.keys(redis.key('*'))).toEqual([]);
  });

  test.each([
    { name: 'a hash', settings: {} },
    { name: 'a hash with an index', settings: { indexes: [byStudent] } },
    { name: 'JSON', settings: { value: 'json' } },
    { name: 'JSON with an index', settings: { value: 'json', indexes: [byStudent] } },
  ])('a key of somebody else is never overwritten by $name', async ({ settings }) => {
    await using redis = await open(settings);
    const key = redis.key('orders:1');
    const others = [
      () => redis.client.set(key, 'theirs'),
      () => redis.client.hSet(key, 'theirs', '1'),
      () => redis.client.sAdd(key, 'theirs'),
    ];
    for (const write of others) {
      await write();
      const before = await redis.client.dump(key);
      await expect(redis.write([5, '1', '7', '1', null])).rejects.toMatchObject({
        code: 'CDC_SINK_REJECTED',
        details: { table: 'shop.orders' },
      });
      expect(await redis.client.dump(key)).toEqual(before);
      await redis.client.del(key);
    }
    await redis.write([5, '1', '7', '1', null]);
    expect(await redis.rows()).toEqual(['1\t7\t1\t\\N\t5']);
  });
});

test('an expired row leaves its indexes also when nothing is written', async () => {
  const settings = { indexes: [byStudent], ttl: { seconds: 1 } };
  await using redis = await RedisTable.open(redisTable(columns, settings));
  await redis.write([1, '1', '7', '1', null]);
  const index = redis.key('orders:by:student_id:7');
  expect(await redis.client.sMembers(index)).toEqual([redis.key('orders:1')]);
  const isEmpty = async () => (await redis.client.exists(index)) === 0;
  await waitUntil('the index is empty', isEmpty, 30_000);
  await redis.write([0, '1', '7', '1', null]);
  expect(await redis.rows()).toEqual([]);
});
