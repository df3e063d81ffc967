import type { TestProject } from 'vitest/node';
import { LocalPostgres } from '../../src/demo/server/postgres-server.ts';
import { offerServer } from './server-on-demand.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers GET with the URL of the shared PostgreSQL, which the first GET starts; see postgres.ts. */
    postgresOfferUrl: string;
  }
}

export async function offerPostgres(project: TestProject): Promise<AsyncDisposable> {
  const offer = await offerServer(async () => {
    const server = await LocalPostgres.open();
    const { host, port, user, password } = server.address;
    return {
      address: `postgres://${user}:${password.reveal()}@${host}:${port}`,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  });
  project.provide('postgresOfferUrl', offer.url);
  return offer;
}
