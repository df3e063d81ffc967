import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { readTlsFiles } from '../tls-files.ts';
import type { DorisSinkOptions } from './options.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** Where the answer came from: `http://be1:8040`. */
  readonly origin: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT';
  /** With its slash: `/api/serving/orders/_stream_load`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Buffer[];
  readonly timeoutMs: number;
}

/** A server that does not answer `Expect: 100-continue` gets the body after that, as from curl. */
const continueMs = 3_000;
const maxRedirects = 3;

/**
 * Requests to frontends, and to the backends they redirect to.
 *
 * Redirects are followed here, because other clients drop the credentials on the way: each request carries them anew, and the
 * user that the frontend writes into the address is left out. Where `backends` are given, the path and query of the redirect go to one of
 * them instead. The body is sent to whoever answers `100 Continue`: a frontend redirects before, a gateway may take it itself.
 */
export class HttpClient {
  readonly #options: DorisSinkOptions;
  readonly #http = new HttpAgent({ keepAlive: false });
  readonly #https: HttpsAgent;
  readonly #authorization: string;
  #frontend = 0;
  #backend = 0;

  constructor(options: DorisSinkOptions) {
    this.#options = options;
    const { ssl, user, password, name } = options;
    this.#https = new HttpsAgent({ keepAlive: false, ...(ssl && readTlsFiles(ssl, name)) });
    const login = Buffer.from(`${user}:${password.reveal()}`).toString('base64');
    this.#authorization = `Basic ${login}`;
  }

  /** To a frontend and on; throws what the socket throws. A frontend that does not answer is left for the next call. */
  async request(asked: HttpRequest): Promise<HttpAnswer> {
    const { frontends } = this.#options;
    let url = new URL(asked.path, frontends[this.#frontend % frontends.length]);
    for (let hop = 0; ; hop++) {
      let answer: IncomingMessage;
      try {
        answer = await this.#send(url, asked);
      } catch (error) {
        if (hop === 0) this.#frontend++;
        throw error;
      }
      const { statusCode = 0, headers } = answer;
      if (statusCode !== 307 || headers.location === undefined || hop >= maxRedirects) {
        return { status: statusCode, body: await text(answer), origin: url.origin };
      }
      answer.resume();
      url = this.#reachable(new URL(headers.location, url));
    }
  }

  /** An address that the store has named, as it can be reached from here. */
  #reachable(named: URL): URL {
    const url = new URL(named);
    url.username = '';
    url.password = '';
    const { backends } = this.#options;
    if (backends !== undefined) url.host = backends[this.#backend++ % backends.length] ?? url.host;
    return url;
  }

  /** The page at an address that the store has named, such as an error log, from the server that has answered before. */
  async page(address: string, { origin }: HttpAnswer, timeoutMs: number): Promise<string> {
    const { pathname, search } = new URL(address);
    const path = `${pathname}${search}`;
    return text(await this.#send(new URL(path, origin), { method: 'GET', path, timeoutMs }));
  }

  #send(url: URL, { method, headers, body, timeoutMs }: HttpRequest): Promise<IncomingMessage> {
    const isTls = url.protocol === 'https:';
    const length = body?.reduce((sum, chunk) => sum + chunk.length, 0) ?? 0;
    return new Promise((resolve, reject) => {
      const request = (isTls ? httpsRequest : httpRequest)(url, {
        method,
        agent: isTls ? this.#https : this.#http,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          ...headers,
          authorization: this.#authorization,
          ...(body !== undefined && { expect: '100-continue', 'content-length': length }),
        },
      });
      let isSent = false;
      const sendBody = () => {
        if (isSent) return;
        isSent = true;
        clearTimeout(waiting);
        for (const chunk of body ?? []) request.write(chunk);
        request.end();
      };
      const waiting = body === undefined ? undefined : setTimeout(sendBody, continueMs);
      request.once('continue', sendBody);
      request.once('response', (response: IncomingMessage) => {
        clearTimeout(waiting);
        // Whoever answers without having asked for the body does not want it, and the rest of the connection is of no use.
        if (!isSent && body !== undefined) response.once('close', () => request.destroy());
        resolve(response);
      });
      // After the answer has begun, errors are those of reading it.
      request.on('error', (error) => {
        clearTimeout(waiting);
        reject(error);
      });
      if (body === undefined) request.end();
    });
  }
}
