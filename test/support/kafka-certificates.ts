import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../src/demo/server/program.ts';

/** Paths of PEM files. */
export interface TestCertificates {
  readonly ca: string;
  /** Key and certificate of a server at 127.0.0.1, in one file. */
  readonly serverKeystore: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** Makes a certificate authority and certificates signed by it, with openssl. */
export async function makeCertificates(folder: string): Promise<TestCertificates> {
  const file = (name: string) => join(folder, name);
  await runProgram('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test-ca'],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
  ]);
  await writeFile(file('extensions'), 'subjectAltName=IP:127.0.0.1\n');
  for (const name of ['server', 'client']) {
    await runProgram('openssl', [
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.csr`)],
    ]);
    await runProgram('openssl', [
      ...['x509', '-req', '-in', file(`${name}.csr`), '-days', '2'],
      ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'],
      ...['-extfile', file('extensions'), '-out', file(`${name}.pem`)],
    ]);
  }
  const parts = await Promise.all([readFile(file('server.key')), readFile(file('server.pem'))]);
  await writeFile(file('keystore.pem'), Buffer.concat(parts), { mode: 0o600 });
  return {
    ca: file('ca.pem'),
    serverKeystore: file('keystore.pem'),
    clientCert: file('client.pem'),
    clientKey: file('client.key'),
  };
}
