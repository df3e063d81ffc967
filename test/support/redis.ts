import { randomBytes } from 'node:crypto';
import { createClient } from 'redis';
import { inject } from 'vitest';
import { LocalRedis } from '../../src/demo/server/redis-server.ts';
import { type RedisSinkOptions, redisSinkOptions } from '../../src/sink/redis/options.ts';
import { askForServer } from './server-on-demand.ts';

/**
 * The shared Redis of this run, started by the first who asks; CDC_TEST_REDIS_URL
 * (redis://user:password@host:port/database) replaces it. Its keys are shared too: use `redisOptions`, which gives a prefix.
 */
export async function testRedis(): Promise<string> {
  const given = process.env['CDC_TEST_REDIS_URL'];
  return given || (await askForServer('Redis', inject('redisOfferUrl')));
}

/** Options of a sink with a prefix of its own. */
export async function redisOptions(
  rest: Readonly<Record<string, unknown>> = {},
  url?: string,
): Promise<RedisSinkOptions> {
  const { hostname, port, username, password, pathname } = new URL(url ?? (await testRedis()));
  return redisSinkOptions.parse({
    ...{ type: 'redis', name: 'cache', tables: ['shop.*'], host: hostname },
    ...(port !== '' && { port: Number(port) }),
    ...(username !== '' && { user: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 && { database: Number(pathname.slice(1)) }),
    prefix: `test_${randomBytes(5).toString('hex')}:`,
    ...rest,
  });
}

/** A server of its own without Lua, as Pika is. */
export function openRedisWithoutLua(): Promise<LocalRedis> {
  const settings = ['EVAL', 'EVALSHA', 'SCRIPT'].map((name) => `rename-command ${name} ""`);
  return LocalRedis.open({ settings });
}

export type RedisClient = Awaited<ReturnType<typeof openRedisClient>>;

/** Somebody else's connection, closed by `using`. */
export async function openRedisClient(url?: string) {
  const client = createClient({ url: url ?? (await testRedis()), RESP: 2 });
  client.on('error', () => {}); // calls reject by themselves
  await client.connect();
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}
