import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DorisSink } from '../../src/sink/doris/doris-sink.ts';
import { HttpClient } from '../../src/sink/doris/http-client.ts';
import { DorisDouble } from '../support/doris-double/doris-double.ts';
import { dorisOptions } from '../support/doris-double/doris-options.ts';
import { makeCertificates, type TestCertificates } from '../support/kafka-certificates.ts';
import { openTempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof openTempFolder>>;
let certificates: TestCertificates;
let double: DorisDouble;
let frontend: Server;
/** What arrived, as `method path user`. */
const asked: string[] = [];

beforeAll(async () => {
  folder = await openTempFolder();
  certificates = await makeCertificates(folder.path);
  double = await DorisDouble.open();
  const pem = await readFile(certificates.serverKeystore);
  frontend = createServer({ key: pem, cert: pem, ca: await readFile(certificates.ca) });
  frontend.on('request', ({ method, url, headers }, response) => {
    const login = Buffer.from(headers.authorization?.slice('Basic '.length) ?? '', 'base64');
    asked.push(`${method} ${url} ${login}`);
    response.end('{"code":0}');
  });
  await new Promise<void>((resolve) => frontend.listen(0, '127.0.0.1', resolve));
}, 60_000);
afterAll(async () => {
  frontend.closeAllConnections();
  await new Promise((resolve) => frontend.close(resolve));
  await double[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const secure = (ssl: object) =>
  dorisOptions(double, {
    frontends: [`https://127.0.0.1:${(frontend.address() as AddressInfo).port}`],
    ssl,
  });

test('a frontend with TLS is asked with the credentials when its certificate verifies', async () => {
  const client = new HttpClient(secure({ ca: certificates.ca }));
  const answer = await client.request({ method: 'GET', path: '/api/x', timeoutMs: 10_000 });
  expect(answer.status).toBe(200);
  expect(asked).toEqual(['GET /api/x root:secret']);
});

test('a certificate that does not verify, and a query port without TLS, are named beforehand', async () => {
  await using sink = new DorisSink(secure({}));
  const problems = await sink.preflight();
  expect(problems.map(({ code }) => code)).toEqual([
    'CDC_SINK_ACCESS_DENIED',
    'CDC_SINK_ACCESS_DENIED',
  ]);
  expect(problems.map(({ message }) => message).join('\n')).toMatch(
    /does not support secure connection[\s\S]*self-signed|unable to verify/i,
  );
});

test('a file of certificates that cannot be read is named', async () => {
  const missing = `${folder.path}/missing.pem`;
  expect(() => new DorisSink(secure({ ca: missing }))).toThrow(
    expect.objectContaining({ code: 'CDC_CONFIG_INVALID', details: { path: missing } }),
  );
});
