import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import {
  createKafkajsLogger,
  type KafkajsBroker,
  type KafkajsConnection,
  type KafkajsError,
  type KafkajsRequestQueue,
  kafkajsChanged,
  loadKafkajs,
} from './kafkajs-modules.ts';

/*
 * The one place that uses the insides of kafkajs (kafkajs-modules.ts loads them). What is taken from it: a
 * connection with TLS and SASL, the negotiation of versions, the matching of answers to requests, and
 * its codecs of protocol messages. What is not: its cluster, producer and consumer.
 *
 * Mended here, because kafkajs 2.2.4 gets it wrong: a connection made again keeps half an answer of the
 * old one; two callers may open one connection twice; a request that timed out leaves the dead connection
 * in place; a log-in without an answer waits for ever; logging in again while requests are on their way
 * takes their answers for its own; small packets wait (no TCP_NODELAY); a timer runs each millisecond.
 */

export interface SaslLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface NodeSettings {
  readonly clientId: string;
  readonly logger: Logger;
  readonly ssl?: ConnectionOptions;
  readonly sasl?: SaslLogin;
  /** How long a connection may take, log-in included. */
  readonly connectionTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** A request whose body is made by us; versions with flexible headers cannot be sent. */
export interface RawRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** The body after the header. Written to the socket as they are: they must not change until the answer. */
  readonly parts: readonly Buffer[];
  /** Default: the node's. A longer one for requests that wait at the broker. */
  readonly timeoutMs?: number;
}

/**
 * One connection to one broker, made when it is needed and again after it was lost. Requests are answered
 * in their order, so one that waits at the broker needs a `KafkajsNode` of its own. All errors are
 * kafkajs's; a lost connection rejects every request on its way with KafkaJSConnectionError or a subclass.
 */
export class KafkajsNode {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #settings: NodeSettings;
  #broker: KafkajsBroker | undefined;
  #opening: Promise<KafkajsConnection> | undefined;
  #isClosed = false;

  constructor(address: { readonly host: string; readonly port: number }, settings: NodeSettings) {
    this.#address = address;
    this.#settings = settings;
  }

  get isConnected(): boolean {
    return isOpen(this.#connection);
  }

  /** Sends a request and resolves to the body of its answer; error codes in it are the caller's. */
  async send(request: RawRequest): Promise<Buffer> {
    // On an open connection nothing waits before the write, so the order of calls is the order on the wire.
    const connection = this.#usableNow() ?? (await this.#open());
    try {
      return await writeRequest(connection, request);
    } catch (error) {
      if (error instanceof loadKafkajs().RequestTimeoutError) drop(connection, error);
      throw error;
    }
  }

  /** Sends a request that kafkajs can write, in the newest version both sides know, and returns what it reads. */
  async call(api: string, fields: object): Promise<unknown> {
    const { apiKeys, requests } = loadKafkajs();
    if (this.#usableNow() === undefined) await this.#open();
    const definition = requests[api];
    const key = apiKeys[api];
    if (definition === undefined || key === undefined || this.#broker === undefined) {
      throw kafkajsChanged(`it has no request ${api}`);
    }
    const prepared = this.#broker.lookupRequest(key, definition)(fields);
    const { apiKey, apiVersion, apiName } = prepared.request;
    const body = (await prepared.request.encode()).buffer;
    const answer = await this.send({
      ...{ apiKey, apiVersion, apiName, parts: [body] },
      ...(prepared.requestTimeout && { timeoutMs: prepared.requestTimeout }),
    });
    const decoded = await prepared.response.decode(answer);
    return itemwise.has(api) ? decoded : prepared.response.parse(decoded);
  }

  /** Ends the connection for good: requests on their way, and later ones, are rejected. */
  close(): void {
    this.#isClosed = true;
    if (this.#connection !== undefined) drop(this.#connection, closedByUs());
  }

  get #connection(): KafkajsConnection | undefined {
    return this.#broker?.connectionPool.pool[0];
  }

  #usableNow(): KafkajsConnection | undefined {
    const connection = this.#connection;
    const isUsable =
      this.#opening === undefined &&
      isOpen(connection) &&
      (connection.sasl === null || connection.isAuthenticated());
    return isUsable ? connection : undefined;
  }

  /** One attempt at a time, whoever asks. */
  #open(): Promise<KafkajsConnection> {
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openOnce(): Promise<KafkajsConnection> {
    if (this.#isClosed) throw closedByUs();
    // An open one is here because its log-in expires; a lost one is never mended but replaced.
    if (isOpen(this.#connection)) await this.#connection.requestQueue.waitForPendingRequests();
    if (!isOpen(this.#connection)) this.#broker = createBroker(this.#address, this.#settings);
    const broker = this.#broker;
    const connection = this.#connection;
    if (broker === undefined || connection === undefined) {
      throw kafkajsChanged('its pool has no connection');
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const { ConnectionError } = loadKafkajs();
      const error = new ConnectionError('Connection timeout', { broker: connection.broker });
      timer = setTimeout(() => reject(error), this.#settings.connectionTimeoutMs);
    });
    try {
      await Promise.race([broker.connect(), late]);
      if (this.#isClosed) throw closedByUs();
      return connection;
    } catch (error) {
      drop(connection, error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Error codes that are younger than kafkajs. */
const youngerNames: Readonly<Record<number, string>> = {
  89: 'THROTTLING_QUOTA_EXCEEDED',
  90: 'PRODUCER_FENCED',
};

/** The error that kafkajs would throw for an error code of the protocol. */
export function protocolError(code: number): KafkajsError {
  const error = loadKafkajs().createErrorFromCode(code);
  const type = youngerNames[code];
  return type === undefined ? error : Object.assign(error, { type });
}

/** Why the installed kafkajs cannot be used, or undefined. `KafkajsNode` throws CDC_INTERNAL then. */
export function findKafkajsProblem(): string | undefined {
  try {
    loadKafkajs();
    return undefined;
  } catch (error) {
    return error instanceof CdcError ? error.message : String(error);
  }
}

/** Requests about many things: kafkajs would throw the error of one thing and hide the answers about the others. */
const itemwise = new Set([
  'Metadata',
  'CreateTopics',
  'DescribeConfigs',
  'ListOffsets',
  'DeleteRecords',
  'AddPartitionsToTxn',
]);

function createBroker(
  address: { readonly host: string; readonly port: number },
  settings: NodeSettings,
): KafkajsBroker {
  const kafkajs = loadKafkajs();
  const logger = createKafkajsLogger(settings.logger);
  const connectionPool = new kafkajs.ConnectionPool({
    ...address,
    logger,
    socketFactory: createSocket,
    clientId: settings.clientId,
    ssl: settings.ssl ?? null,
    sasl: settings.sasl ?? null,
    connectionTimeout: settings.connectionTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    enforceRequestTimeout: true,
    maxInFlightRequests: null,
    instrumentationEmitter: null,
  });
  for (const { requestQueue } of connectionPool.pool) calmTimers(requestQueue);
  return new kafkajs.Broker({ connectionPool, logger, allowAutoTopicCreation: false });
}

function closedByUs(): Error {
  const { ConnectionClosedError } = loadKafkajs();
  return new ConnectionClosedError('The connection was closed by this process');
}

/** kafkajs calls a connection that it is ending connected, too. */
function isOpen(connection: KafkajsConnection | undefined): connection is KafkajsConnection {
  return connection?.connectionStatus === 'connected';
}

function drop(connection: KafkajsConnection, error: Error): void {
  connection.connectionStatus = 'disconnected';
  connection.authenticatedAt = null;
  connection.authHandlers?.onError();
  connection.rejectRequests(error);
  connection.requestQueue.destroy();
  connection.socket?.destroy();
}

/** Header (request header v1): api key INT16, version INT16, correlation id INT32, client id STRING, after the size INT32. */
function writeRequest(connection: KafkajsConnection, request: RawRequest): Promise<Buffer> {
  const { apiKey, apiVersion, apiName, parts, timeoutMs } = request;
  connection.failIfNotConnected();
  const correlationId = connection.nextCorrelationId();
  const clientIdBytes = Buffer.byteLength(connection.clientId);
  const header = Buffer.allocUnsafe(14 + clientIdBytes);
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  header.writeInt32BE(10 + clientIdBytes + bodyBytes, 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(apiVersion, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(clientIdBytes, 12);
  header.write(connection.clientId, 14);
  return new Promise((resolve, reject) => {
    connection.requestQueue.push({
      entry: {
        ...{ apiKey, apiName, apiVersion, correlationId, reject },
        resolve: ({ payload }) => resolve(payload),
      },
      expectResponse: true,
      requestTimeout: timeoutMs ?? null,
      sendRequest() {
        const { socket } = connection;
        socket?.cork();
        socket?.write(header);
        for (const part of parts) socket?.write(part);
        socket?.uncork();
      },
    });
  });
}

function createSocket(options: {
  host: string;
  port: number;
  ssl: ConnectionOptions | null;
  onConnect: () => void;
}): Socket {
  const { host, port, ssl, onConnect } = options;
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket =
    ssl === null
      ? connectTcp({ host, port }, onConnect)
      : connectTls({ host, port, ...servername, ...ssl }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return socket;
}

/** Its check for requests held back starts itself again for ever; it is needed only while some are. */
function calmTimers(queue: KafkajsRequestQueue): void {
  const schedule = queue.scheduleCheckPendingRequests.bind(queue);
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule();
  };
}
