import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import type { KafkaConnection } from '../../src/kafka/options.ts';
import { Secret } from '../../src/lib/secret.ts';
import { openTestCluster, randomName } from '../support/kafka.ts';
import { makeCertificates, type TestCertificates } from '../support/kafka-certificates.ts';
import { openTempFolder } from '../support/temp-folder.ts';

const login = { username: 'alice', password: 'alice-knows-this' };

let folder: Awaited<ReturnType<typeof openTempFolder>>;
let files: TestCertificates;
let broker: LocalKafka;

beforeAll(async () => {
  folder = await openTempFolder();
  files = await makeCertificates(folder.path);
  broker = await LocalKafka.open({
    sasl: login,
    ssl: { keystoreFile: files.serverKeystore },
    properties: {
      'ssl.client.auth': 'required',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': files.ca,
    },
  });
});

afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** Makes a topic and reads from it, over connections of both kinds. */
async function use(connection: KafkaConnection): Promise<string> {
  await using cluster = await openTestCluster(connection);
  const topic = randomName('topic');
  await cluster.createTopics([{ topic, partitions: 1, replication: 1, settings: {} }]);
  const places = [{ topic, partition: 0, offset: 0 }];
  expect(await cluster.fetch(places, { maxBytes: 1000, maxWaitMs: 1 })).toEqual([]);
  return 'allowed';
}

async function refusalOf(connection: KafkaConnection): Promise<Error> {
  return await use(connection).then(
    () => new Error('it was not refused'),
    (error: Error) => error,
  );
}

describe('a broker that asks for a log-in', () => {
  const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

  function withPassword(mechanism: (typeof mechanisms)[number], password: string): KafkaConnection {
    const sasl = { mechanism, username: login.username, password: new Secret(password) };
    return { brokers: [broker.address('SASL_PLAINTEXT')], sasl };
  }

  test.each(mechanisms)('lets in who knows the password, by %s', async (mechanism) => {
    expect(await use(withPassword(mechanism, login.password))).toBe('allowed');
  });

  test.each(mechanisms)('refuses another password at once, by %s', async (mechanism) => {
    const error = await refusalOf(withPassword(mechanism, 'wrong-guess'));

    expect(error).toMatchObject({ code: 'CDC_KAFKA_ACCESS_DENIED', kind: 'operator' });
    expect(error.message).toMatch(/authentication failed/i);
    expect(error.message).not.toContain('wrong-guess');
  });

  test('without one is unreachable, and the message says what may be missing', async () => {
    const error = await refusalOf({ brokers: [broker.address('SASL_PLAINTEXT')] });

    expect(error).toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
    expect(error.message).toContain('expects ssl or sasl');
  });
});

describe('a broker with TLS', () => {
  function withTls(ssl: Partial<NonNullable<KafkaConnection['ssl']>>): KafkaConnection {
    return { brokers: [broker.address('SSL')], ssl: { rejectUnauthorized: true, ...ssl } };
  }

  test('is used with its authority and our certificate', async () => {
    const { ca, clientCert: cert, clientKey: key } = files;

    expect(await use(withTls({ ca, cert, key }))).toBe('allowed');
    expect(await use(withTls({ rejectUnauthorized: false, cert, key }))).toBe('allowed');
  });

  test('is refused when nothing says that its certificate is to be trusted', async () => {
    const { clientCert: cert, clientKey: key } = files;
    const error = await refusalOf(withTls({ cert, key }));

    expect(error).toMatchObject({ code: 'CDC_KAFKA_ACCESS_DENIED' });
    expect(error.message).toMatch(/certificate/);
  });

  test('refuses who brings no certificate where it asks for one', async () => {
    const error = await refusalOf(withTls({ ca: files.ca }));

    expect(error).toMatchObject({ code: 'CDC_KAFKA_ACCESS_DENIED' });
    expect(error.message).toMatch(/certificate/);
  });

  test('is not spoken to without TLS, nor one without TLS with it', async () => {
    const plain = await refusalOf({ brokers: [broker.address('SSL')] });
    const tls = await refusalOf({
      brokers: [broker.address()],
      ssl: { rejectUnauthorized: true },
    });

    expect(plain).toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
    expect(plain.message).toContain('expects ssl or sasl');
    expect(tls).toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
    expect(tls.message).toContain('expects no ssl');
  });

  test('with a file that cannot be read is a matter of the project file', async () => {
    const error = await refusalOf(withTls({ ca: '/no/such/ca.pem' }));

    expect(error).toMatchObject({ code: 'CDC_CONFIG_INVALID' });
    expect(error.message).toContain('ssl.ca');
    expect(error.message).toContain('/no/such/ca.pem');
  });
});
