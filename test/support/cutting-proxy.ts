import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be cut at a chosen moment. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * Cuts the connection that sends `text` next, when the server has answered: what was asked is done, and the client does not
   * learn of it. Resolves when that has happened.
   */
  cutAfter(text: string): Promise<void>;
  /** Nothing is passed on any more, and nobody is told. */
  fallSilent(): void;
}

export async function openCuttingProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let armed: { readonly text: string; readonly done: () => void } | undefined;
  let isSilent = false;
  const server = createServer((client) => {
    const upstream = connect(target);
    let cut: (() => void) | undefined;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      if (isSilent) return;
      if (armed !== undefined && chunk.includes(armed.text)) {
        cut = armed.done;
        armed = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (isSilent) return;
      if (cut === undefined) {
        client.write(chunk);
        return;
      }
      client.destroy();
      cut();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutAfter: (text) =>
      new Promise((done) => {
        armed = { text, done };
      }),
    fallSilent: () => {
      isSilent = true;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
