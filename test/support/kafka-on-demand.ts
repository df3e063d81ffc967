import type { TestProject } from 'vitest/node';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import { offerServer } from './server-on-demand.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers GET with the address of the shared broker, which the first GET starts; see kafka.ts. */
    kafkaOfferUrl: string;
  }
}

export async function offerKafka(project: TestProject): Promise<AsyncDisposable> {
  const offer = await offerServer(async () => {
    const broker = await LocalKafka.open();
    return {
      address: broker.address(),
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  });
  project.provide('kafkaOfferUrl', offer.url);
  return offer;
}
