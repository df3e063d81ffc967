import { once } from 'node:events';
import {
  type Agent,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { sinkError } from '../sink-errors.ts';
import { tlsAgent } from '../tls-agent.ts';
import type { Answer } from './answer.ts';
import type { WebhookSinkOptions } from './options.ts';

const longestText = 500;

export interface Post {
  readonly url: string;
  readonly method: 'POST' | 'OPTIONS';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly Buffer[];
}

/** Connections to one endpoint. Nothing is repeated here, and no redirect followed. */
export class Endpoint implements Disposable {
  readonly #agent: Agent;
  readonly #isTls: boolean;
  readonly #timeoutMs: number;

  constructor({ name, url, ssl, timeoutSeconds, parallelTables }: WebhookSinkOptions) {
    const options = { keepAlive: true, maxSockets: parallelTables };
    this.#isTls = url.startsWith('https:');
    this.#timeoutMs = timeoutSeconds * 1000;
    if (!this.#isTls) this.#agent = new HttpAgent(options);
    else this.#agent = ssl ? tlsAgent(ssl, name, options) : new HttpsAgent(options);
  }

  /** Whatever the endpoint answers. Throws CDC_SINK_UNREACHABLE when it does not, which says nothing of what it has done. */
  async send({ url, method, headers, body }: Post, doing: string): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const request = (this.#isTls ? httpsRequest : httpRequest)(url, {
      method,
      agent: this.#agent,
      signal,
      headers: { ...headers, 'Content-Length': body.reduce((sum, { length }) => sum + length, 0) },
    });
    // An error after the answer has begun is seen on the answer.
    request.on('error', () => undefined);
    try {
      for (const chunk of body) request.write(chunk);
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return {
        status: response.statusCode ?? 0,
        retryAfter: response.headers['retry-after'],
        location: response.headers.location,
        text: await beginningOf(response),
      };
    } catch (error) {
      const limit = this.#timeoutMs / 1000;
      const reason = error instanceof Error ? error.message : String(error);
      const why = signal.aborted ? `it did not answer within ${limit} s` : reason;
      throw sinkError('CDC_SINK_UNREACHABLE', doing, `${url}: ${why}.`, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Reads all of an answer, so that its connection can be used again, and keeps its beginning. */
async function beginningOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    if (text.length < longestText) text += chunk;
  }
  return text.slice(0, longestText).trim();
}
