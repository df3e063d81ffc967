import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openSink } from '../../src/sink/open-sink.ts';
import { sinkOptions } from '../../src/sink/options.ts';
import { makeCertificates } from '../support/kafka-certificates.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestEngine } from '../support/test-engine.ts';
import { WebhookReceiver } from './sink-webhook-receiver.ts';

test('ClickHouse and an endpoint are reached through TLS, with certificates of one’s own and no others', async () => {
  await using folder = await openTempFolder();
  await using server = await openTestEngine();
  await using receiver = await WebhookReceiver.open();
  const {
    ca,
    clientCert: cert,
    clientKey: key,
    serverKeystore,
  } = await makeCertificates(folder.path);
  await using clickhouse = await terminateTls(server.record.port, { ca, serverKeystore });
  await using endpoint = await terminateTls(Number(new URL(receiver.url).port), {
    ca,
    serverKeystore,
  });
  const { password } = server.record;
  const problems = async (type: string, port: number, ssl: object) => {
    const url = `https://127.0.0.1:${port}`;
    const own = type === 'clickhouse' ? { password } : {};
    const options = sinkOptions.parse({
      type,
      name: 'store',
      tables: ['shop.*'],
      url,
      ssl,
      ...own,
    });
    await using sink = await openSink(options, {
      ...{ engine: server.engine, stateFolder: folder.path, project: 'test' },
      logger: createSilentLogger(),
    });
    return await sink.preflight();
  };
  for (const { type, port } of [
    { type: 'clickhouse', port: clickhouse.port },
    { type: 'webhook', port: endpoint.port },
  ]) {
    expect(await problems(type, port, { ca, cert, key })).toEqual([]);
    const unreachable = [expect.objectContaining({ code: 'CDC_SINK_UNREACHABLE' })];
    // Neither a server whose certificate nobody has signed, nor without the certificate that it asks for.
    expect(await problems(type, port, { cert, key })).toEqual(unreachable);
    expect(await problems(type, port, { ca })).toEqual(unreachable);
  }
}, 60_000);

/** TLS in front of a port, for clients with a certificate of the same authority. */
async function terminateTls(
  port: number,
  { ca, serverKeystore }: { readonly ca: string; readonly serverKeystore: string },
): Promise<AsyncDisposable & { readonly port: number }> {
  const pem = readFileSync(serverKeystore);
  const server = createServer(
    { key: pem, cert: pem, ca: readFileSync(ca), requestCert: true, rejectUnauthorized: true },
    (client) => {
      const upstream = connect(port, '127.0.0.1');
      client.on('error', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
      client.pipe(upstream).pipe(client);
    },
  );
  server.on('tlsClientError', (_, client) => client.destroy());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
