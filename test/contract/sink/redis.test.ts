import { afterAll, beforeAll } from 'vitest';
import type { LocalRedis } from '../../../src/demo/server/redis-server.ts';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import type { RedisSinkOptions } from '../../../src/sink/redis/options.ts';
import { RedisSink } from '../../../src/sink/redis/redis-sink.ts';
import {
  openRedisClient,
  openRedisWithoutLua,
  redisOptions,
  testRedis,
} from '../../support/redis.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

/** As Pika is: no Lua. */
let withoutLua: LocalRedis;
beforeAll(async () => {
  withoutLua = await openRedisWithoutLua();
}, 60_000);
afterAll(() => withoutLua[Symbol.asyncDispose]());

const indexes = [
  { key: 'by:note:{note}' },
  { key: 'by:amount:{note}', member: '{id}', score: 'amount' },
];
const fields = ['id', 'note', 'amount'].map((column, at) => ({ number: at + 1, column }));
const as = (settings: object, ...tables: readonly string[]) =>
  tables.map((table) => ({ tables: `shop.${table}`, settings }));

const json = { overrides: [{ tables: '*.*', settings: { value: 'json' } }] };
const mixed = {
  overrides: [
    ...as({ value: { fields } }, 'basics', 'handed_over'),
    ...as({ value: { template: '{note}|{amount}' }, indexes }, 'repaired'),
    ...as({ value: { template: '{note}' } }, 'composite'),
    ...as({ value: 'json', indexes, ttl: { seconds: 86_400 } }, 'fenced', 'reread', 'foreign'),
    ...as({ indexes: indexes.slice(0, 1) }, 'replayed', 'evolved', 'many', 'refused'),
  ],
};

const kinds = [
  { name: 'hashes', options: {} },
  { name: 'JSON', options: json },
  { name: 'indexes, protobuf, templates and expiry', options: mixed },
  { name: 'hashes without scripts', options: { scripts: false } },
  { name: 'JSON without scripts', options: { ...json, scripts: false } },
  {
    name: 'indexes, protobuf, templates and expiry without scripts',
    options: { ...mixed, scripts: false },
  },
];

for (const { name, options } of kinds) {
  const url = async () => ('scripts' in options ? withoutLua.url : await testRedis());
  describeSinkContract<RedisSinkOptions>({
    name: `Redis with ${name}`,
    options: async () => redisOptions(options, await url()),
    open: async (own) => new RedisSink(own, { logger: createSilentLogger() }),
    rows: 10_000,
    // A key of another type, as somebody else's data would be.
    refuse: async ({ prefix }, target) => {
      using client = await openRedisClient(await url());
      for (const id of [17, 49]) await client.sAdd(`${prefix}${target}:${id}`, 'a set');
    },
    accept: async ({ prefix }, target) => {
      using client = await openRedisClient(await url());
      for (const id of [17, 49]) await client.del(`${prefix}${target}:${id}`);
    },
  });
}
