import { describe, expect, test } from 'vitest';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { RedisSink } from '../../src/sink/redis/redis-sink.ts';
import { openTestCluster, randomName, testKafka } from '../support/kafka.ts';
import { readToEnd } from '../support/kafka-reading.ts';
import { openRedisClient, redisOptions } from '../support/redis.ts';
import { batchOf, RedisTable, redisTable } from '../support/redis-table.ts';

const table = redisTable({ id: 'int', name: 'text' });

interface Told {
  readonly key: string;
  readonly message: {
    readonly table: string;
    readonly key: string;
    readonly version: string;
    readonly deleted: boolean;
  };
}

async function readMessages(cluster: KafkaCluster, topic: string): Promise<Told[]> {
  const told: Told[] = [];
  for (const { partition } of await cluster.bounds(topic)) {
    const { records } = await readToEnd(cluster, topic, { partition });
    for (const { key, value } of records) {
      told.push({ key: String(key), message: JSON.parse(String(value)) });
    }
  }
  return told;
}

describe('messages about changed keys', () => {
  test('name key, version and deletion, in the order of each key', async () => {
    const connection = await testKafka();
    const topic = randomName('redis');
    const trigger = { ...connection, topic, partitions: 3 };
    await using redis = await RedisTable.open(table, { trigger });
    await redis.write([1, '1', 'x'], [2, '2', '学']);
    await redis.write([3, '1', 'y'], [-4, '2', null]);
    await using cluster = await openTestCluster(connection);
    const told = await readMessages(cluster, topic);
    const of = (key: string) =>
      told.filter((each) => each.key === redis.key(key)).map(({ message }) => message);
    const message = (key: string, version: number, deleted: boolean) => ({
      table: 'shop.orders',
      key: redis.key(key),
      version: String(version).padStart(19, '0'),
      deleted,
    });
    expect(of('orders:1')).toEqual([message('orders:1', 1, false), message('orders:1', 3, false)]);
    expect(of('orders:2')).toEqual([message('orders:2', 2, false), message('orders:2', 4, true)]);
    expect((await cluster.describeTopics([topic])).get(topic)?.partitions).toHaveLength(3);
  });

  test('come when Redis has the rows, so that a follower never reads an older one', async () => {
    const connection = await testKafka();
    const topic = randomName('redis');
    await using redis = await RedisTable.open(table, {
      trigger: { ...connection, topic, partitions: 1 },
    });
    await redis.write([1, '1', 'x']);
    await using cluster = await openTestCluster(connection);
    const last = 40;
    let checked = 0;
    const follow = async () => {
      for (let offset = 0; checked < last * 3; ) {
        const places = [{ topic, partition: 0, offset }];
        const [found] = await cluster.fetch(places, { maxBytes: 1024 ** 2, maxWaitMs: 1000 });
        for (const { value } of found?.records ?? []) {
          const { key, version } = JSON.parse(String(value)) as Told['message'];
          const stored = await redis.client.hGet(key, '_version');
          expect(stored === null || stored >= version).toBe(true);
          expect(stored).not.toBeNull();
          checked++;
        }
        offset = found?.nextOffset ?? offset;
      }
    };
    const following = follow();
    for (let round = 1; round <= last; round++) {
      await redis.write(
        ...['1', '2', '3'].map((id, at) => [round * 10 + at, id, `round ${round}`] as const),
      );
    }
    await following;
    expect(checked).toBeGreaterThanOrEqual(last * 3);
  });

  test('are sent again when they could not be sent, and the progress waits for them', async () => {
    const connection = await testKafka();
    const topic = randomName('redis');
    const away = { brokers: ['127.0.0.1:1'], topic };
    await using redis = await RedisTable.open(table, { trigger: away });
    await expect(redis.write([1, '1', 'x'])).rejects.toMatchObject({ kind: 'transient' });
    expect(await redis.client.hGet(redis.key('orders:1'), 'name')).toBe('x');
    expect(await redis.sink.progress()).toEqual(new Map());
    expect(await redis.sink.preflight()).toContainEqual(
      expect.objectContaining({ code: 'CDC_KAFKA_UNREACHABLE' }),
    );
    const options = await redisOptions({
      prefix: redis.options.prefix,
      trigger: { ...connection, topic, key: 'row' },
    });
    await using again = new RedisSink(options, { logger: createSilentLogger() });
    await again.write(batchOf(table, [[1, '1', 'x']], 0));
    await using cluster = await openTestCluster(connection);
    expect((await readMessages(cluster, topic)).map(({ key }) => key)).toEqual(['{"id":1}']);
    expect((await again.progress()).get('shop.orders')).toMatchObject({ sequence: 1 });
    using client = await openRedisClient();
    expect(await client.hGet(redis.key('orders:1'), 'name')).toBe('x');
  });
});
