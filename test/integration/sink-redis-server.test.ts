import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LocalRedis } from '../../src/demo/server/redis-server.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { RedisSink } from '../../src/sink/redis/redis-sink.ts';
import { makeCertificates } from '../support/kafka-certificates.ts';
import { openRedisClient, redisOptions } from '../support/redis.ts';
import { batchOf, RedisTable, redisTable } from '../support/redis-table.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const table = redisTable({ id: 'int', name: 'text' });
const open = async (options: Record<string, unknown>, url?: string) =>
  new RedisSink(await redisOptions(options, url), { logger: createSilentLogger() });
const write = (sink: RedisSink) => sink.write(batchOf(table, [[1, '1', 'x']], 0));

describe('servers that refuse', () => {
  test('a wrong password and a missing right stop the sink, and are found before it runs', async () => {
    await using server = await LocalRedis.open({
      settings: ['requirepass right', 'user reader on >word ~* +@read +info +hello +select'],
    });
    for (const login of [{ password: 'wrong' }, {}, { user: 'reader', password: 'word' }]) {
      await using sink = await open(login, server.url);
      await expect(write(sink)).rejects.toMatchObject({ code: 'CDC_SINK_ACCESS_DENIED' });
      const [problem] = await sink.preflight();
      expect(problem).toMatchObject({ code: 'CDC_SINK_ACCESS_DENIED', severity: 'error' });
    }
    await using sink = await open({ password: 'right', database: 3 }, server.url);
    expect(await sink.preflight()).toEqual([]);
    await write(sink);
    using client = await openRedisClient(`redis://:right@127.0.0.1:${server.port}/3`);
    expect(await client.dbSize()).toBe(2);
  });

  test('a replica is read-only', async () => {
    await using primary = await LocalRedis.open();
    await using replica = await LocalRedis.open({
      settings: [`replicaof 127.0.0.1 ${primary.port}`],
    });
    await using sink = await open({}, replica.url);
    await expect(write(sink)).rejects.toMatchObject({ code: 'CDC_SINK_READ_ONLY' });
    expect(await sink.preflight()).toContainEqual(
      expect.objectContaining({ code: 'CDC_SINK_READ_ONLY', severity: 'error' }),
    );
  });

  test('a full server says so, and takes the same batch when there is room', async () => {
    await using server = await LocalRedis.open();
    await using redis = await RedisTable.open(table, {}, server.url);
    await redis.client.configSet('maxmemory', '1');
    for (const scripts of [true, false]) {
      const sink = new RedisSink({ ...redis.options, scripts }, { logger: createSilentLogger() });
      await using _ = sink;
      await expect(write(sink)).rejects.toMatchObject({
        code: 'CDC_SINK_FULL',
        remedy: expect.stringMatching(/maxmemory/),
      });
    }
    await redis.client.configSet('maxmemory', '0');
    await redis.write([1, '1', 'x']);
    expect(await redis.rows()).toEqual(['1\tx\t1']);
  });

  test('eviction is warned of', async () => {
    await using server = await LocalRedis.open({
      settings: ['maxmemory 100mb', 'maxmemory-policy allkeys-lru'],
    });
    await using sink = await open({}, server.url);
    expect(await sink.preflight()).toEqual([
      expect.objectContaining({
        severity: 'warning',
        message: expect.stringMatching(/allkeys-lru.*any row/),
      }),
    ]);
  });

  test('a server without Lua is told from one that is out of order', async () => {
    await using server = await LocalRedis.open({ settings: ['rename-command EVALSHA ""'] });
    await using sink = await open({}, server.url);
    await expect(write(sink)).rejects.toMatchObject({
      code: 'CDC_SINK_FAILED',
      remedy: expect.stringMatching(/scripts: false/),
    });
    const [problem] = await sink.preflight();
    expect(problem).toMatchObject({ remedy: expect.stringMatching(/scripts: false/) });
  });
});

describe('servers that go away', () => {
  test('a server that is not there is transient, and the sink goes on when it comes', async () => {
    await using server = await LocalRedis.open();
    await using redis = await RedisTable.open(table, {}, server.url);
    await redis.write([1, '1', 'x']);
    await server.kill();
    await expect(redis.write([2, '1', 'y'])).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
      kind: 'transient',
    });
    await expect(redis.sink.progress()).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
    expect(await redis.sink.preflight()).toHaveLength(1);
    await server.start();
    expect((await redis.sink.progress()).get('shop.orders')).toMatchObject({ sequence: 1 });
    await redis.write([2, '1', 'y']);
    expect(await redis.rows()).toEqual(['1\ty\t2']);
  });

  test('a server that falls silent is given up, and what it did meanwhile is found', async () => {
    await using server = await LocalRedis.open();
    await using redis = await RedisTable.open(table, { timeoutSeconds: 1 }, server.url);
    await redis.write([1, '1', 'x']);
    process.kill(server.pid as number, 'SIGSTOP');
    const late = redis.write([2, '1', 'y']);
    await expect(late).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
    process.kill(server.pid as number, 'SIGCONT');
    // The batch was in the socket: it arrived although nobody answered.
    expect((await redis.sink.progress()).get('shop.orders')).toMatchObject({ sequence: 2 });
    await expect(redis.write([3, '1', 'z'])).rejects.toMatchObject({ code: 'CDC_SINK_STALE' });
    expect(await redis.sink.progress()).toEqual(
      new Map([['shop.orders', { sequence: 2, value: '{"at":1}' }]]),
    );
  });

  test('a script that the server has forgotten is sent again', async () => {
    await using server = await LocalRedis.open();
    await using redis = await RedisTable.open(table, {}, server.url);
    await redis.write([1, '1', 'x']);
    await redis.client.scriptFlush();
    await redis.write([2, '1', 'y']);
    expect(await redis.rows()).toEqual(['1\ty\t2']);
  });
});

test('TLS is checked against the authority that is named', async () => {
  await using folder = await openTempFolder();
  const { ca } = await makeCertificates(folder.path);
  const file = (name: string) => join(folder.path, name);
  const tls = { certificateFile: file('server.pem'), keyFile: file('server.key') };
  await using server = await LocalRedis.open({ tls });
  await using sink = await open({ ssl: { ca } }, server.url);
  await write(sink);
  expect((await sink.progress()).size).toBe(1);
  await using trusting = await open({ ssl: {} }, server.url);
  await expect(write(trusting)).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
});

test('a sink in a cluster finds the node of its hash tag, and follows it', async () => {
  const settings = ['cluster-enabled yes', 'cluster-require-full-coverage no'];
  await using first = await LocalRedis.open({ settings });
  await using second = await LocalRedis.open({ settings });
  using left = await openRedisClient(first.url);
  using right = await openRedisClient(second.url);
  const slot = String(await left.sendCommand(['CLUSTER', 'KEYSLOT', '{shop}']));
  await right.sendCommand(['CLUSTER', 'ADDSLOTS', slot]);
  await left.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(second.port)]);
  await using sink = await open({ prefix: '{shop}:' }, first.url);
  const isWritten = () => write(sink).then(() => true);
  await waitUntil('the first node points at the second', isWritten, 20_000);
  expect(await right.dbSize()).toBe(2);
  await using untagged = await open({ prefix: 'shop:' }, first.url);
  expect(await untagged.preflight()).toContainEqual(
    expect.objectContaining({ remedy: 'Give `prefix` a hash tag, such as {shop}:' }),
  );
});
