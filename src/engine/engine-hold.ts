import { once } from 'node:events';
import { type Agent, get, type IncomingMessage } from 'node:http';
import type { EngineRecord } from './engine-file.ts';

const answerMs = 10_000;

/** The way to a running embedded engine, which lives at least until this is closed. */
export interface EngineConnection extends AsyncDisposable {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** For TLS with certificates of one's own. */
  readonly agent?: Agent;
  /** True once the engine has gone, or this is closed; open another connection then. */
  readonly isLost: boolean;
  /** Lets go of the engine. It ends about a second after everybody has. */
  close(): Promise<void>;
}

/**
 * Opens the request whose answer never ends: while it is open, the engine lives; when it breaks, the
 * engine is gone. Undefined when the engine does not answer (yet, or any more).
 */
export async function holdEngine(record: EngineRecord): Promise<EngineConnection | undefined> {
  const { user, password, port } = record;
  const url = `http://127.0.0.1:${port}`;
  const request = get(`${url}/cdc/hold`, {
    agent: false,
    headers: { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password },
  });
  // Whatever breaks later is seen on the answer.
  request.on('error', () => undefined);
  let response: IncomingMessage;
  try {
    [response] = await once(request, 'response', { signal: AbortSignal.timeout(answerMs) });
  } catch {
    request.destroy();
    return undefined;
  }
  if (response.statusCode !== 200) {
    request.destroy();
    return undefined;
  }
  response.on('error', () => undefined).resume();
  // A process that has forgotten to close may still end.
  response.socket.unref();
  const close = async () => {
    response.destroy();
  };
  return {
    url,
    user,
    password,
    get isLost() {
      return response.destroyed;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
