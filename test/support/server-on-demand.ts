import { once } from 'node:events';
import { createServer } from 'node:http';

/** A server of this run that the first who asks starts. */
export interface OfferedServer extends AsyncDisposable {
  /** What those who ask get: where it is. */
  readonly address: string;
}

/**
 * Workers are processes of their own, so they ask for the one server of the run over HTTP: GET of the URL returned answers with
 * its address, and the first GET starts it.
 */
export async function offerServer(
  open: () => Promise<OfferedServer>,
): Promise<AsyncDisposable & { readonly url: string }> {
  let offered: Promise<OfferedServer> | undefined;
  const server = createServer((_, response) => {
    offered ??= open();
    offered.then(
      (started) => response.end(started.address),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await (await offered?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

/** Asks for the server; `what` is for the failure. */
export async function askForServer(what: string, offerUrl: string): Promise<string> {
  const response = await fetch(offerUrl);
  const text = await response.text();
  if (!response.ok) throw new Error(`there is no ${what} in this run: ${text}`);
  return text;
}
