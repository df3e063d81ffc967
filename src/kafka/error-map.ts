import { CdcError, type ErrorCode, type ErrorDetails } from '../errors.ts';

/** What a broker's error name means for us; a name that is not here is CDC_KAFKA_REJECTED. */
const codeOfName: Readonly<Record<string, ErrorCode>> = {
  ...entries('CDC_KAFKA_UNREACHABLE', [
    'LEADER_NOT_AVAILABLE',
    'NOT_LEADER_FOR_PARTITION',
    'REQUEST_TIMED_OUT',
    'BROKER_NOT_AVAILABLE',
    'REPLICA_NOT_AVAILABLE',
    'NETWORK_EXCEPTION',
    'CORRUPT_MESSAGE',
    'GROUP_LOAD_IN_PROGRESS',
    'GROUP_COORDINATOR_NOT_AVAILABLE',
    'NOT_COORDINATOR_FOR_GROUP',
    'NOT_ENOUGH_REPLICAS',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'NOT_CONTROLLER',
    'CONCURRENT_TRANSACTIONS',
    'KAFKA_STORAGE_ERROR',
    'UNKNOWN_LEADER_EPOCH',
    'FENCED_LEADER_EPOCH',
    'OFFSET_NOT_AVAILABLE',
    'THROTTLING_QUOTA_EXCEEDED',
    // Something broke inside the broker, as when its disk is full.
    'UNKNOWN',
  ]),
  ...entries('CDC_KAFKA_ACCESS_DENIED', [
    'TOPIC_AUTHORIZATION_FAILED',
    'GROUP_AUTHORIZATION_FAILED',
    'CLUSTER_AUTHORIZATION_FAILED',
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    'SASL_AUTHENTICATION_FAILED',
    'UNSUPPORTED_SASL_MECHANISM',
    'ILLEGAL_SASL_STATE',
  ]),
  UNKNOWN_TOPIC_OR_PARTITION: 'CDC_KAFKA_TOPIC_NOT_FOUND',
  OFFSET_OUT_OF_RANGE: 'CDC_KAFKA_OFFSET_LOST',
  MESSAGE_TOO_LARGE: 'CDC_LOG_MESSAGE_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'CDC_LOG_MESSAGE_TOO_LARGE',
  INVALID_PRODUCER_EPOCH: 'CDC_LOG_FENCED',
  PRODUCER_FENCED: 'CDC_LOG_FENCED',
};

/** A socket's error codes of a TLS handshake that one of the two sides refused. */
const tlsRefusal = /^(ERR_SSL_|ERR_TLS_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

const connectionFaults = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
]);

/** The broker's name of an error, such as NOT_LEADER_FOR_PARTITION; undefined when no broker sent it. */
export function kafkaCodeOf(error: unknown): string | undefined {
  if (error instanceof CdcError) {
    const { kafkaCode } = error.details;
    return typeof kafkaCode === 'string' ? kafkaCode : undefined;
  }
  return error instanceof Error && 'type' in error ? String(error.type) : undefined;
}

/** Whether the connection to a broker was lost, never made, or gave no answer in time. */
export function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error) || isTlsRefusal(error)) return false;
  return connectionFaults.has(error.name) || isLogInCutOff(error);
}

/**
 * Whether the same request may succeed in a moment, with connections and metadata made anew. Not so for a
 * topic that is missing: it may have been made a moment ago, and a caller who knows that may wait for it.
 */
export function isTransientFault(error: unknown): boolean {
  if (error instanceof CdcError) return error.kind === 'transient';
  const name = kafkaCodeOf(error);
  return isConnectionFault(error) || codeOfName[name ?? ''] === 'CDC_KAFKA_UNREACHABLE';
}

/**
 * An error of kafkajs as ours; `doing` in gerund form. A topic that kafkajs names goes into the details. An
 * error that is ours already, or an abort, stays as it is.
 */
export function toCdcError(error: unknown, doing: string, details: ErrorDetails = {}): Error {
  if (error instanceof CdcError) return error;
  if (!(error instanceof Error)) return new CdcError('CDC_INTERNAL', `${doing}: ${String(error)}`);
  if (error.name === 'AbortError') return error;
  const kafkaCode = kafkaCodeOf(error);
  const topic = 'topic' in error && typeof error.topic === 'string' ? { topic: error.topic } : {};
  const broker = 'broker' in error ? ` (${String(error.broker)})` : '';
  return new CdcError(codeOf(error), `${doing}: ${reasonOf(error)}${broker}.`, {
    cause: error,
    details: { ...topic, ...details, ...(kafkaCode !== undefined && { kafkaCode }) },
  });
}

function codeOf(error: Error): ErrorCode {
  if (isConnectionFault(error)) return 'CDC_KAFKA_UNREACHABLE';
  if (isTlsRefusal(error)) return 'CDC_KAFKA_ACCESS_DENIED';
  const name = kafkaCodeOf(error);
  if (name !== undefined) return codeOfName[name] ?? 'CDC_KAFKA_REJECTED';
  if (error.name === 'KafkaJSSASLAuthenticationError') return 'CDC_KAFKA_ACCESS_DENIED';
  return error.name.startsWith('KafkaJS') ? 'CDC_KAFKA_REJECTED' : 'CDC_INTERNAL';
}

function reasonOf(error: Error): string {
  const name = kafkaCodeOf(error);
  const text = error.message.replace(/\.$/, '');
  if (error.name === 'KafkaJSConnectionClosedError') {
    return `${text}; a broker does so too when it expects ssl or sasl on this port and gets none`;
  }
  if (text.includes('before secure TLS connection')) {
    return `${text}; a broker does so too when it expects no ssl on this port`;
  }
  return name === undefined ? text : `${text} [${name}]`;
}

function isTlsRefusal(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && tlsRefusal.test(error.code);
}

/** kafkajs calls every end of a log-in a refusal; a broker that refuses says so before it closes. */
function isLogInCutOff(error: Error): boolean {
  return (
    error.name === 'KafkaJSSASLAuthenticationError' &&
    error.message.includes('Connection closed by the server')
  );
}

function entries(code: ErrorCode, names: readonly string[]): Record<string, ErrorCode> {
  return Object.fromEntries(names.map((name) => [name, code]));
}
