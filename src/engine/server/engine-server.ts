import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { areEqual, type Credentials, shownCredentials } from './credentials.ts';
import { readParameters } from './http-parameters.ts';
import { HttpOutput } from './http-response.ts';
import { readStatementText } from './request-body.ts';
import { ServerException } from './server-exception.ts';
import type { StatementRunner } from './statement-runner.ts';

/** URLs and headers up to this; an INSERT of a wide table comes in the URL. */
const maxHeaderBytes = 1024 ** 2;

export interface EngineServerOptions {
  readonly runner: StatementRunner;
  readonly credentials: Credentials;
  readonly engineVersion: string;
  /** Called when the last holder has gone. */
  readonly onUnheld: () => void;
  /** Called when there is a first holder again. */
  readonly onHeld: () => void;
}

/**
 * ClickHouse's HTTP interface on 127.0.0.1.
 *
 * - `/ping` and a bare `/` answer without a password. `/cdc/hold` is ours: an answer that never ends;
 *   the engine lives while somebody has one open.
 * - Whoever has the password may do what the owner of the process may: SQL can read and write files
 *   (`file()`) and reach other servers (`mysql()`, `url()`).
 * - What a server has and this has not: sessions, multipart bodies, ClickHouse's own compression
 *   (`compress=1`), `client_protocol_version`, users and roles. Statements are told apart by
 *   `log_comment`, which is the client's query id; KILL QUERY understands both.
 */
export class EngineServer implements AsyncDisposable {
  readonly #options: EngineServerOptions;
  readonly #server: Server;
  readonly #holders = new Set<ServerResponse>();

  constructor(options: EngineServerOptions) {
    this.#options = options;
    // A statement may take hours; the client decides how long it waits.
    this.#server = createServer(
      { maxHeaderSize: maxHeaderBytes, requestTimeout: 0, keepAliveTimeout: 0 },
      (request, response) => {
        // What fails here is the sending of an error: the client has gone.
        this.#handle(request, response).catch(() => response.destroy());
      },
    );
  }

  /** Port 0 takes a free one. Throws EADDRINUSE. */
  async listen(port: number): Promise<number> {
    const listening = once(this.#server, 'listening');
    this.#server.listen(port, '127.0.0.1');
    await listening;
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts every connection; statements are killed with the clients they were for. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await this.#options.runner.idle();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/ping' || url.pathname === '/replicas_status') return ok(response);
    if (url.pathname !== '/' && url.pathname !== '/cdc/hold')
      return notFound(response, url.pathname);
    const isBare = url.search === '' && (request.method === 'GET' || request.method === 'HEAD');
    if (url.pathname === '/' && isBare) return ok(response);
    const gone = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const queryId = url.searchParams.get('query_id') || randomUUID();
    const output = new HttpOutput(request, response, {
      queryId,
      engineVersion: this.#options.engineVersion,
      mayCompress: url.searchParams.get('enable_http_compression') === '1',
      signal: gone.signal,
    });
    try {
      this.#authenticate(request, response, url);
      if (url.pathname === '/cdc/hold') return this.#hold(response);
      const parameters = readParameters(request, url);
      const text = await readStatementText(parameters.query, request);
      await this.#options.runner.run({ text, parameters, queryId, signal: gone.signal }, output);
    } catch (error) {
      if (gone.signal.aborted) return;
      await output.sendException(ServerException.from(error));
      // The rest of a body nobody wants; without it the connection could not be used again.
      request.resume();
    }
  }

  #authenticate(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const shown = shownCredentials(request, url);
    if (shown !== undefined && areEqual(shown, this.#options.credentials)) return;
    if (shown === undefined) {
      response.setHeader('WWW-Authenticate', 'Basic realm="ClickHouse server HTTP API"');
    }
    throw ServerException.of(
      'AUTHENTICATION_FAILED',
      `${shown?.user ?? 'default'}: Authentication failed: password is incorrect, or there is no user with such name`,
    );
  }

  #hold(response: ServerResponse): void {
    if (this.#holders.size === 0) this.#options.onHeld();
    this.#holders.add(response);
    response.on('close', () => {
      this.#holders.delete(response);
      if (this.#holders.size === 0) this.#options.onUnheld();
    });
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.write('held\n');
  }
}

function ok(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=UTF-8' });
  response.end('Ok.\n');
}

function notFound(response: ServerResponse, path: string): void {
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=UTF-8' });
  response.end(
    `There is no handle ${path}\n\nUse / or /ping for health checks, / for statements.\n`,
  );
}
