import type { TestProject } from 'vitest/node';
import { LocalRedis } from '../../src/demo/server/redis-server.ts';
import { offerServer } from './server-on-demand.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers GET with the URL of the shared Redis, which the first GET starts; see redis.ts. */
    redisOfferUrl: string;
  }
}

export async function offerRedis(project: TestProject): Promise<AsyncDisposable> {
  const offer = await offerServer(async () => {
    const server = await LocalRedis.open();
    return {
      address: server.url,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  });
  project.provide('redisOfferUrl', offer.url);
  return offer;
}
