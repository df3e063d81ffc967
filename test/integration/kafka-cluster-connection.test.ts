import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isConnectionFault } from '../../src/kafka/error-map.ts';
import { findKafkajsProblem, KafkajsNode } from '../../src/kafka/kafkajs-internals.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { waitUntil } from '../support/wait-until.ts';

const apiVersions = 18;
const echo = 1000;

interface Request {
  readonly apiKey: number;
  readonly correlationId: number;
  readonly body: Buffer;
  readonly socket: Socket;
}

/** Speaks just enough of the protocol: says which versions there are, and echoes. */
class FakeBroker implements AsyncDisposable {
  readonly requests: Request[] = [];
  connections = 0;
  /** What becomes of an echo. */
  answer: (request: Request) => void = (request) => this.echo(request);
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));

  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  echo({ socket, correlationId, body }: Request): void {
    socket.write(framed(correlationId, body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    let bytes = Buffer.alloc(0);
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const end = 4 + bytes.readInt32BE(0);
        this.#take(socket, bytes.subarray(4, end));
        bytes = bytes.subarray(end);
      }
    });
  }

  /** Header: api key INT16, version INT16, correlation id INT32, client id STRING. */
  #take(socket: Socket, bytes: Buffer): void {
    const apiKey = bytes.readInt16BE(0);
    const correlationId = bytes.readInt32BE(4);
    if (apiKey === apiVersions) {
      // error_code INT16, no versions, throttle_time_ms INT32
      socket.write(framed(correlationId, Buffer.alloc(10)));
      return;
    }
    const body = bytes.subarray(10 + bytes.readInt16BE(8));
    const request = { apiKey, correlationId, body, socket };
    this.requests.push(request);
    this.answer(request);
  }
}

function framed(correlationId: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(4 + body.length, 0);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, body]);
}

describe('a connection to a broker', () => {
  let broker: FakeBroker;
  let node: KafkajsNode;
  let openHastyNode: () => KafkajsNode;

  beforeEach(async () => {
    broker = new FakeBroker();
    const address = { host: '127.0.0.1', port: await broker.open() };
    const settings = {
      clientId: 'strata-test',
      logger: createSilentLogger(),
      connectionTimeoutMs: 10_000,
    };
    node = new KafkajsNode(address, { ...settings, requestTimeoutMs: 10_000 });
    openHastyNode = () => {
      node = new KafkajsNode(address, { ...settings, requestTimeoutMs: 300 });
      return node;
    };
  });

  afterEach(async () => {
    node.close();
    await broker[Symbol.asyncDispose]();
  });

  async function send(...texts: string[]): Promise<string> {
    const parts = texts.map((text) => Buffer.from(text));
    const answer = await node.send({ apiKey: echo, apiVersion: 0, apiName: 'Echo', parts });
    return answer.toString();
  }

  test('is made once for all who ask at the same time, and keeps the order of their requests', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `request ${index}`);

    expect(await Promise.all(texts.map((text) => send(text)))).toEqual(texts);

    expect(broker.connections).toBe(1);
    expect(broker.requests.map(({ body }) => body.toString())).toEqual(texts);
  });

  test('carries the parts of a request one behind the other', async () => {
    expect(await send('one', '', ' and two')).toBe('one and two');
  });

  test('that breaks in the middle of an answer rejects what is under way, and the next answer is whole', async () => {
    const long = 'x'.repeat(50_000);
    broker.answer = ({ socket, correlationId, body }) => {
      socket.end(framed(correlationId, body).subarray(0, 20_000));
    };
    const first = await Promise.allSettled([send(long), send('another')]);
    for (const { status, ...rest } of first) {
      expect(status).toBe('rejected');
      expect(isConnectionFault((rest as { reason: unknown }).reason)).toBe(true);
    }
    broker.answer = (request) => broker.echo(request);

    expect(await send(long)).toBe(long);
    expect(broker.connections).toBe(2);
  });

  test('that is reset is made again at once, also by the handler of the error', async () => {
    broker.answer = ({ socket }) => {
      broker.answer = (request) => broker.echo(request);
      socket.resetAndDestroy();
    };

    expect(await send('first').catch(() => send('again'))).toBe('again');
  });

  test('that the broker has closed while it was idle is made again at once', async () => {
    await send('first');
    broker.requests[0]?.socket.end();
    await waitUntil('the end is noticed', () => !node.isConnected);

    expect(await send('again')).toBe('again');
  });

  test('that gives no answer in time is given up with all that waits on it', async () => {
    const hasty = openHastyNode();
    broker.answer = () => {};
    const waiting = await Promise.allSettled([send('one'), send('two')]);
    for (const result of waiting) {
      expect(result).toMatchObject({ status: 'rejected' });
      expect(isConnectionFault((result as { reason: unknown }).reason)).toBe(true);
    }
    expect(hasty.isConnected).toBe(false);
    broker.answer = (request) => broker.echo(request);

    expect(await send('three')).toBe('three');
  });

  test('waits longer for a request that says so', async () => {
    broker.answer = (request) => {
      setTimeout(() => broker.echo(request), 600);
    };
    const request = { apiKey: echo, apiVersion: 0, apiName: 'Echo', parts: [Buffer.from('late')] };

    const hasty = openHastyNode();
    expect((await hasty.send({ ...request, timeoutMs: 10_000 })).toString()).toBe('late');
  });

  test('that was closed by us stays closed', async () => {
    broker.answer = () => {};
    const waiting = expect(send('one')).rejects.toThrow('closed by this process');
    await waitUntil('the request has arrived', () => broker.requests.length === 1);

    node.close();

    await waiting;
    await expect(send('two')).rejects.toThrow('closed by this process');
    expect(broker.connections).toBe(1);
  });
});

test('the kafkajs that is installed has the insides that are used', () => {
  expect(findKafkajsProblem()).toBeUndefined();
});
