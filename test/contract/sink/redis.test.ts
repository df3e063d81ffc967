import { createSilentLogger } from '../../../src/ops/logger.ts';
import type { RedisSinkOptions } from '../../../src/sink/redis/options.ts';
import { RedisSink } from '../../../src/sink/redis/redis-sink.ts';
import { openRedisClient, redisOptions } from '../../support/redis.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

const byNote = { key: 'by:{note}' };
const indexed = (tables: string) => ({ tables, settings: { indexes: [byNote] } });

/** Each kind of value, with and without what goes beside it, and a server that must do without Lua. */
const kinds: readonly { readonly name: string; readonly options: Record<string, unknown> }[] = [
  { name: 'hashes', options: {} },
  {
    name: 'JSON',
    options: { overrides: [{ tables: '*.*', settings: { value: 'json' } }] },
  },
  {
    name: 'hashes without scripts',
    options: { scripts: false },
  },
  {
    name: 'JSON without scripts',
    options: { scripts: false, overrides: [{ tables: '*.*', settings: { value: 'json' } }] },
  },
  { name: 'hashes with an index', options: { overrides: [indexed('shop.replayed')] } },
];

for (const { name, options } of kinds) {
  describeSinkContract<RedisSinkOptions>({
    name: `Redis with ${name}`,
    options: () => redisOptions(options),
    open: async (own) => new RedisSink(own, { logger: createSilentLogger() }),
    rows: 10_000,
    // A key of another type, as somebody else's data would be.
    refuse: async ({ prefix }, target) => {
      using client = await openRedisClient();
      for (const id of [17, 49]) await client.sAdd(`${prefix}${target}:${id}`, 'a set');
    },
    accept: async ({ prefix }, target) => {
      using client = await openRedisClient();
      for (const id of [17, 49]) await client.del(`${prefix}${target}:${id}`);
    },
  });
}
