import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** An answer in place of the right one, for the next call that it fits. */
interface Fault {
  readonly op: string;
  readonly status: number;
  readonly exception: string;
  readonly message: string;
}

/**
 * WebHDFS as its documentation says, in memory: a name node that takes no data and redirects to a data node, and refuses what HDFS
 * refuses. Two addresses of name nodes, of which one is on standby.
 */
export class WebhdfsDouble implements AsyncDisposable {
  readonly files = new Map<string, Buffer>();
  /** What is asked of the data node and the name nodes, in order. */
  readonly calls: string[] = [];
  readonly faults: Fault[] = [];
  readonly #servers: Server[] = [];

  static async open(): Promise<WebhdfsDouble> {
    const double = new WebhdfsDouble();
    for (const handle of [double.#standby, double.#nameNode, double.#dataNode]) {
      const server = createServer((request, response) => {
        handle.call(double, request, response).catch((error: unknown) => {
          response.writeHead(500).end(String(error));
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      double.#servers.push(server);
    }
    return double;
  }

  /** Of the name nodes; the first one is on standby. */
  get urls(): string[] {
    return [this.#url(0), this.#url(1)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  #url(index: number): string {
    const address = this.#servers[index]?.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async #standby(_: IncomingMessage, response: ServerResponse): Promise<void> {
    refuse(
      response,
      403,
      'StandbyException',
      'Operation category READ is not supported in state standby',
    );
  }

  async #nameNode(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { op, path, query } = parse(request);
    this.calls.push(`${request.method} ${op}`);
    const body = await bodyOf(request);
    if (query.get('user.name') !== 'writer') {
      return refuse(response, 401, 'SecurityException', 'Authentication required');
    }
    const at = this.faults.findIndex((fault) => fault.op === op);
    const [fault] = at < 0 ? [] : this.faults.splice(at, 1);
    if (fault !== undefined) return refuse(response, fault.status, fault.exception, fault.message);
    if (body.length > 0) return refuse(response, 400, 'IllegalArgumentException', 'no data here');
    const { method } = request;
    if (method === 'PUT' && op === 'CREATE') return this.#redirect(request, response);
    if (method === 'GET' && op === 'OPEN') {
      if (this.files.has(path)) return this.#redirect(request, response);
      return refuse(response, 404, 'FileNotFoundException', `File does not exist: ${path}`);
    }
    if (method === 'GET' && op === 'LISTSTATUS') return this.#list(path, response);
    if (method === 'PUT' && op === 'RENAME') return this.#rename(path, query, response);
    if (method === 'DELETE' && op === 'DELETE')
      return answer(response, { boolean: this.files.delete(path) });
    refuse(response, 400, 'UnsupportedOperationException', `${method} ${op}`);
  }

  async #dataNode(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { op, path, query } = parse(request);
    this.calls.push(`data ${request.method} ${op}`);
    if (op === 'OPEN') {
      response.end(this.files.get(path));
      return;
    }
    if (this.files.has(path) && query.get('overwrite') !== 'true') {
      return refuse(response, 403, 'FileAlreadyExistsException', path);
    }
    this.files.set(path, await bodyOf(request));
    response.writeHead(201).end();
  }

  #redirect(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(307, { location: `${this.#url(2)}${request.url}` }).end();
  }

  #rename(from: string, query: URLSearchParams, response: ServerResponse): void {
    const to = query.get('destination') ?? '';
    const body = this.files.get(from);
    // Unlike a local rename it replaces nothing, and says so by `false` only.
    const isDone = body !== undefined && !this.files.has(to);
    if (isDone) {
      this.files.delete(from);
      this.files.set(to, body);
    }
    answer(response, { boolean: isDone });
  }

  #list(path: string, response: ServerResponse): void {
    const prefix = path === '/' ? '/' : `${path}/`;
    const below = [...this.files].filter(([name]) => name.startsWith(prefix));
    if (below.length === 0) {
      refuse(response, 404, 'FileNotFoundException', `File ${path} does not exist.`);
      return;
    }
    const entries = new Map(
      below.map(([name, body]) => {
        const [first = '', ...rest] = name.slice(prefix.length).split('/');
        const isFile = rest.length === 0;
        const type = isFile ? 'FILE' : 'DIRECTORY';
        const length = isFile ? body.length : 0;
        return [first, { pathSuffix: first, type, length, modificationTime: 1 }];
      }),
    );
    answer(response, { FileStatuses: { FileStatus: [...entries.values()] } });
  }
}

function parse(request: IncomingMessage) {
  const url = new URL(request.url ?? '', 'http://double');
  const path = decodeURIComponent(url.pathname.replace(/^\/webhdfs\/v1/, '')) || '/';
  return { op: url.searchParams.get('op') ?? '', path, query: url.searchParams };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(
  response: ServerResponse,
  status: number,
  exception: string,
  message: string,
): void {
  const javaClassName = `org.apache.hadoop.${exception}`;
  const body = JSON.stringify({ RemoteException: { exception, javaClassName, message } });
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}
