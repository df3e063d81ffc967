import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
  /** Take the rows, and answer nothing. */
  readonly hangsUp?: boolean;
}

type Line = Readonly<Record<string, unknown>>;

/**
 * An endpoint as the documentation asks of one: it checks the signature, answers 409 to a key that it has taken, keeps the newest
 * version of each key, and forgets what is swept.
 */
export class WebhookReceiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  /** What is answered instead, once each, from the first on; undefined: as always. */
  readonly replies: (Reply | undefined)[] = [];
  /** Refuses a batch with such a line by 422. */
  refuses: (line: Line) => boolean = () => false;
  readonly #server: Server;
  readonly #secret: string;
  readonly #taken = new Set<string>();
  readonly #tables = new Map<string, Map<string, Line>>();

  private constructor(secret: string) {
    this.#secret = secret;
    this.#server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      const { method = '', url: path = '', headers } = request;
      const received = { method, path, headers, body };
      if (method === 'OPTIONS') return void response.writeHead(204).end();
      this.requests.push(received);
      const reply = this.replies.shift();
      const own = reply === undefined || reply.hangsUp ? this.#take(received) : reply;
      if (reply?.hangsUp) return void request.socket.destroy();
      response.writeHead(own.status, own.headers).end(own.text ?? '');
    });
  }

  static async open(secret = ''): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret);
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/changes/{table}`;
  }

  /** Current rows of a table. */
  rows(target: string): Line[] {
    return [...(this.#tables.get(target)?.values() ?? [])].filter(({ _deleted }) => _deleted !== 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(request: ReceivedRequest): Reply {
    const { headers, body } = request;
    const key = String(headers['idempotency-key']);
    if (!this.#isSigned(headers, body)) return { status: 401, text: 'the signature is wrong' };
    if (this.#taken.has(key)) return { status: 409 };
    const reply = this.#apply(request);
    if (reply.status < 300) this.#taken.add(key);
    return reply;
  }

  #apply({ path, headers, body }: ReceivedRequest): Reply {
    const target = decodeURIComponent(path.slice('/changes/'.length));
    const rows = this.#tables.get(target) ?? new Map<string, Line>();
    this.#tables.set(target, rows);
    if (headers['x-cdc-event'] === 'drop') {
      rows.clear();
      return { status: 204 };
    }
    if (headers['x-cdc-event'] === 'sweep') {
      const { deleteVersionsBelow } = JSON.parse(body) as { deleteVersionsBelow: string };
      for (const [id, { _version }] of rows) {
        if (BigInt(String(_version)) < BigInt(deleteVersionsBelow)) rows.delete(id);
      }
      return { status: 204 };
    }
    const isArray = headers['content-type'] === 'application/json';
    const lines = isArray ? (JSON.parse(body) as Line[]) : linesOf(body);
    if (lines.length !== Number(headers['x-cdc-rows']))
      return { status: 500, text: 'rows missing' };
    if (lines.some(this.refuses)) return { status: 422, text: 'a line is refused' };
    const names = String(headers['x-cdc-key']).split(',').map(decodeURIComponent);
    for (const line of lines) {
      const id = JSON.stringify(names.map((name) => line[name]));
      const before = rows.get(id)?.['_version'] ?? '0';
      if (BigInt(String(before)) <= BigInt(String(line['_version']))) rows.set(id, line);
    }
    return { status: 200 };
  }

  #isSigned(headers: IncomingHttpHeaders, body: string): boolean {
    if (this.#secret === '') return true;
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const expected = createHmac('sha256', this.#secret).update(signed).digest('base64');
    return headers['webhook-signature'] === `v1,${expected}`;
  }
}

function linesOf(body: string): Line[] {
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}
