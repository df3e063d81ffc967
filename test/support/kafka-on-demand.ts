import { once } from 'node:events';
import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers GET with the address of the shared broker, which the first GET starts; see kafka.ts. */
    kafkaOfferUrl: string;
  }
}

/** Workers are processes of their own, so they ask for the one broker of the run over HTTP. */
export async function offerKafka(project: TestProject): Promise<AsyncDisposable> {
  let broker: Promise<LocalKafka> | undefined;
  const server = createServer((_, response) => {
    broker ??= LocalKafka.open();
    broker.then(
      (started) => response.end(started.address()),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  project.provide('kafkaOfferUrl', `http://127.0.0.1:${port}`);
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await (await broker?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}
