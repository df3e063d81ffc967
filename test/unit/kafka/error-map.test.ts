import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { CdcError } from '../../../src/errors.ts';
import {
  isConnectionFault,
  isTransientFault,
  kafkaCodeOf,
  toCdcError,
} from '../../../src/kafka/error-map.ts';
import { protocolError } from '../../../src/kafka/kafkajs-internals.ts';

const errors = createRequire(import.meta.url)('kafkajs/src/errors');

function connectionError(message: string, code?: string): Error {
  return new errors.KafkaJSConnectionError(message, { broker: 'kafka1:9092', code });
}

describe('an error code of the protocol', () => {
  test.each([
    { number: -1, name: 'UNKNOWN', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 1, name: 'OFFSET_OUT_OF_RANGE', code: 'CDC_KAFKA_OFFSET_LOST' },
    { number: 3, name: 'UNKNOWN_TOPIC_OR_PARTITION', code: 'CDC_KAFKA_TOPIC_NOT_FOUND' },
    { number: 5, name: 'LEADER_NOT_AVAILABLE', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 6, name: 'NOT_LEADER_FOR_PARTITION', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 10, name: 'MESSAGE_TOO_LARGE', code: 'CDC_LOG_MESSAGE_TOO_LARGE' },
    { number: 16, name: 'NOT_COORDINATOR_FOR_GROUP', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 19, name: 'NOT_ENOUGH_REPLICAS', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 29, name: 'TOPIC_AUTHORIZATION_FAILED', code: 'CDC_KAFKA_ACCESS_DENIED' },
    { number: 37, name: 'INVALID_PARTITIONS', code: 'CDC_KAFKA_REJECTED' },
    { number: 44, name: 'POLICY_VIOLATION', code: 'CDC_KAFKA_REJECTED' },
    { number: 47, name: 'INVALID_PRODUCER_EPOCH', code: 'CDC_LOG_FENCED' },
    { number: 56, name: 'KAFKA_STORAGE_ERROR', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 89, name: 'THROTTLING_QUOTA_EXCEEDED', code: 'CDC_KAFKA_UNREACHABLE' },
    { number: 90, name: 'PRODUCER_FENCED', code: 'CDC_LOG_FENCED' },
  ])('$number is $name and becomes $code', ({ number, name, code }) => {
    const error = protocolError(number);

    const ours = toCdcError(error, 'Reading');

    expect(ours).toMatchObject({ code, details: { kafkaCode: name }, cause: error });
    expect(ours.message).toContain(name);
    expect(kafkaCodeOf(error)).toBe(name);
    expect(kafkaCodeOf(ours)).toBe(name);
    expect(isTransientFault(error)).toBe(code === 'CDC_KAFKA_UNREACHABLE');
    expect(isTransientFault(ours)).toBe(code === 'CDC_KAFKA_UNREACHABLE');
    expect(isConnectionFault(error)).toBe(false);
  });

  test('that nobody knows is refused with its number', () => {
    const ours = toCdcError(protocolError(9999), 'Reading');

    expect(ours).toMatchObject({ code: 'CDC_KAFKA_REJECTED' });
    expect(ours.message).toContain('9999');
  });
});

describe('an error of a connection', () => {
  test.each([
    { name: 'refused', error: connectionError('connect ECONNREFUSED', 'ECONNREFUSED') },
    { name: 'a name without address', error: connectionError('getaddrinfo', 'ENOTFOUND') },
    { name: 'closed', error: new errors.KafkaJSConnectionClosedError('Closed connection') },
    { name: 'too late', error: new errors.KafkaJSRequestTimeoutError('Request timed out') },
    {
      name: 'closed while logging in',
      error: new errors.KafkaJSSASLAuthenticationError(
        'SASL PLAIN authentication failed: Connection closed by the server',
      ),
    },
  ])('passes: $name', ({ error }) => {
    expect(isConnectionFault(error)).toBe(true);
    expect(isTransientFault(error)).toBe(true);
    expect(toCdcError(error, 'Reading')).toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
  });

  test.each([
    {
      name: 'a certificate nobody vouches for',
      error: connectionError('self-signed certificate', 'SELF_SIGNED_CERT_IN_CHAIN'),
    },
    { name: 'a certificate that is over', error: connectionError('expired', 'CERT_HAS_EXPIRED') },
    {
      name: 'a certificate of another host',
      error: connectionError('altname', 'ERR_TLS_CERT_ALTNAME_INVALID'),
    },
    {
      name: 'a broker that wants a certificate',
      error: connectionError('alert', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
    },
    {
      name: 'a wrong password',
      error: new errors.KafkaJSSASLAuthenticationError(
        'SASL PLAIN authentication failed: Authentication failed: Invalid username or password',
      ),
    },
  ])('does not pass: $name', ({ error }) => {
    expect(isTransientFault(error)).toBe(false);
    expect(toCdcError(error, 'Reading')).toMatchObject({
      code: 'CDC_KAFKA_ACCESS_DENIED',
      kind: 'operator',
    });
  });

  test('is told with what was being done and with which broker', () => {
    const ours = toCdcError(connectionError('connect ECONNREFUSED'), 'Reading topic a');

    expect(ours.message).toBe('Reading topic a: connect ECONNREFUSED (kafka1:9092).');
  });
});

test('an error that is ours already, or an abort, is passed on as it is', () => {
  const ours = new CdcError('CDC_KAFKA_OFFSET_LOST', 'lost');
  const abort = new DOMException('stop', 'AbortError');

  expect(toCdcError(ours, 'Reading')).toBe(ours);
  expect(toCdcError(abort, 'Reading')).toBe(abort);
});

test('an error that is nobody’s is a bug, and the topic of an error goes into its details', () => {
  expect(toCdcError(new TypeError('x is undefined'), 'Reading')).toMatchObject({
    code: 'CDC_INTERNAL',
  });
  const error = Object.assign(protocolError(3), { topic: 'shop.orders' });
  expect(toCdcError(error, 'Reading', { partition: 2 })).toMatchObject({
    details: { topic: 'shop.orders', partition: 2, kafkaCode: 'UNKNOWN_TOPIC_OR_PARTITION' },
  });
});
