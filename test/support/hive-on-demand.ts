import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { LocalHive } from '../../src/demo/server/hive-server.ts';
import { offerServer } from './server-on-demand.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers GET with the shared Hive as CDC_TEST_HIVE names it, which the first GET starts; see hive.ts. */
    hiveOfferUrl: string;
  }
}

export async function offerHive(project: TestProject): Promise<AsyncDisposable> {
  const offer = await offerServer(async () => {
    const server = await LocalHive.open();
    return {
      address: `${server.address}${join(server.folder, 'lake')}`,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  });
  project.provide('hiveOfferUrl', offer.url);
  return offer;
}
