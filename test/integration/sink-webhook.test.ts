import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type WebhookSinkOptions, webhookSinkOptions } from '../../src/sink/webhook/options.ts';
import { WebhookSink } from '../../src/sink/webhook/webhook-sink.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { WebhookReceiver } from './sink-webhook-receiver.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' });
const { signal } = new AbortController();

describe('a webhook', () => {
  let world: SinkWorld;
  let number = 0;
  beforeAll(async () => {
    world = await SinkWorld.open();
  }, 120_000);
  afterAll(() => world?.[Symbol.asyncDispose]());

  async function opened(url: string, rest: object = {}) {
    number += 1;
    const table = `shop.t${number}`;
    await world.define(schemaOf(table, [id, note]), 'resnapshot');
    await world.put(table, [
      [1, 'one'],
      [2, 'two'],
    ]);
    const options: WebhookSinkOptions = webhookSinkOptions.parse({
      ...{ type: 'webhook', name: `hook${number}`, tables: ['shop.*'], url, ...rest },
    });
    const sink = new WebhookSink(options, world);
    const copier = world.copier(table, sink, options);
    return { table, sink, copy: () => copier.copy(world.feed(table), signal) };
  }

  test('gets lines with what it needs to know in the headers', async () => {
    await using receiver = await WebhookReceiver.open();
    const rest = { bearer: 'token', headers: { 'X-Team': 'data' } };
    const { sink, copy, table } = await opened(receiver.url, rest);
    await using _sink = sink;
    await copy();
    const [request] = receiver.requests;
    expect(request).toMatchObject({
      method: 'POST',
      path: `/changes/${table.slice(5)}`,
      headers: {
        ...{ authorization: 'Bearer token', 'x-team': 'data' },
        ...{ 'content-type': 'application/x-ndjson', 'x-cdc-event': 'rows', 'x-cdc-rows': '2' },
        ...{ 'x-cdc-key': 'id', 'x-cdc-source': table, 'x-cdc-table': table.slice(5) },
        'idempotency-key': expect.stringMatching(/^[0-9a-f]{40}$/),
        'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      },
    });
    expect(request?.headers).not.toHaveProperty('webhook-signature');
    const lines = request?.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { id: 1, note: 'one', _version: expect.stringMatching(/^\d+$/), _deleted: 0 },
      { id: 2, note: 'two', _version: expect.stringMatching(/^\d+$/), _deleted: 0 },
    ]);
  }, 60_000);

  test('is asked again when it is busy, and not before it has said', async () => {
    await using receiver = await WebhookReceiver.open();
    const { sink, copy, table } = await opened(receiver.url);
    await using _sink = sink;
    receiver.replies.push({ status: 503, headers: { 'Retry-After': '2' } }, { status: 500 });
    const startedAt = Date.now();
    await copy();
    // A busy machine makes it later, never earlier.
    expect(Date.now() - startedAt).toBeGreaterThan(1_900);
    expect(receiver.requests).toHaveLength(3);
    expect(receiver.rows(table.slice(5))).toHaveLength(2);
  }, 60_000);

  test('gets a batch again under the same key when its answer was lost, and may say so', async () => {
    await using receiver = await WebhookReceiver.open();
    const { sink, copy } = await opened(receiver.url);
    await using _sink = sink;
    receiver.replies.push({ status: 200, hangsUp: true });
    await copy();
    const keys = receiver.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  }, 60_000);

  test('that never answers is given up after the time-out, and the rows wait', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const { sink, table } = await opened(`http://127.0.0.1:${port}`, { timeoutSeconds: 1 });
    await using _sink = sink;
    expect(await sink.preflight()).toEqual([
      expect.objectContaining({ code: 'CDC_SINK_UNREACHABLE', severity: 'error' }),
    ]);
    expect((await sink.progress()).has(table)).toBe(false);
    silent.close();
  }, 60_000);

  test('that redirects or asks for a log-in stops the sink, and gets nothing twice', async () => {
    await using receiver = await WebhookReceiver.open('the right secret');
    const wrong = await opened(receiver.url, { signingSecret: 'another one' });
    await using _wrong = wrong.sink;
    await expect(wrong.copy()).rejects.toMatchObject({
      code: 'CDC_SINK_ACCESS_DENIED',
      details: {},
    });
    const { sink, copy } = await opened(receiver.url, { signingSecret: 'the right secret' });
    await using _sink = sink;
    receiver.replies.push({ status: 302, headers: { Location: 'http://elsewhere/' } });
    await expect(copy()).rejects.toMatchObject({
      code: 'CDC_SINK_FAILED',
      message: expect.stringContaining('redirects to http://elsewhere/'),
    });
    expect(receiver.requests).toHaveLength(2);
    await copy();
    expect(receiver.requests).toHaveLength(3);
  }, 60_000);

  test('cannot be read back, and says so', async () => {
    const { sink, table } = await opened('http://127.0.0.1:9/');
    await using _sink = sink;
    const { table: planned } = await world
      .copier(
        table,
        sink,
        webhookSinkOptions.parse({
          type: 'webhook',
          name: 'x',
          tables: ['shop.*'],
          url: 'http://x',
        }),
      )
      .plan(world.feed(table));
    await expect(sink.readBack(planned).next()).rejects.toMatchObject({
      code: 'CDC_SINK_UNREADABLE',
    });
  }, 60_000);
});
