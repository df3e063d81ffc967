import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';

/** Pinned in package.json: what follows is the shape of its insides, of which it promises nothing. */
const kafkajsVersion = '2.2.4';

/** An error that kafkajs throws; `type` is the broker's error name. */
export interface KafkajsError extends Error {
  readonly type?: string;
  readonly code?: number | string;
  readonly retriable?: boolean;
}

export interface KafkajsRequestQueue {
  readonly pending: readonly unknown[];
  push(request: {
    entry: {
      apiKey: number;
      apiName: string;
      apiVersion: number;
      correlationId: number;
      resolve(answer: { payload: Buffer }): void;
      reject(error: Error): void;
    };
    expectResponse: boolean;
    requestTimeout: number | null;
    sendRequest(): void;
  }): void;
  waitForPendingRequests(): Promise<void>;
  scheduleCheckPendingRequests(): void;
  destroy(): void;
}

export interface KafkajsConnection {
  readonly broker: string;
  readonly clientId: string;
  readonly sasl: unknown;
  readonly socket?: Socket;
  readonly requestQueue: KafkajsRequestQueue;
  authHandlers: { onError(): void } | null;
  authenticatedAt: unknown;
  connectionStatus: string;
  isConnected(): boolean;
  isAuthenticated(): boolean;
  failIfNotConnected(): void;
  nextCorrelationId(): number;
  rejectRequests(error: Error): void;
}

export interface KafkajsBroker {
  readonly connectionPool: { readonly pool: readonly KafkajsConnection[] };
  connect(): Promise<void>;
  lookupRequest(
    apiKey: number,
    definition: object,
  ): (fields: object) => {
    readonly request: {
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly apiName: string;
      encode(): Promise<{ readonly buffer: Buffer }>;
    };
    readonly response: {
      decode(body: Buffer): Promise<unknown>;
      parse(decoded: unknown): Promise<unknown>;
    };
    readonly requestTimeout?: number;
  };
}

type KafkajsErrorClass = new (message: string, options?: object) => Error;

export interface KafkajsModules {
  readonly Broker: new (options: object) => KafkajsBroker;
  readonly ConnectionPool: new (options: object) => KafkajsBroker['connectionPool'];
  readonly ConnectionError: KafkajsErrorClass;
  readonly ConnectionClosedError: KafkajsErrorClass;
  readonly RequestTimeoutError: KafkajsErrorClass;
  readonly requests: Readonly<Record<string, object>>;
  readonly apiKeys: Readonly<Record<string, number>>;
  readonly createErrorFromCode: (code: number) => KafkajsError;
  readonly createLogger: (options: object) => unknown;
  readonly logLevels: { readonly DEBUG: number; readonly WARN: number };
}

let modules: KafkajsModules | undefined;

/** Loads the insides once. Throws CDC_INTERNAL when kafkajs is not the version whose insides we know. */
export function loadKafkajs(): KafkajsModules {
  if (modules !== undefined) return modules;
  const require = createRequire(import.meta.url);
  const { version } = require('kafkajs/package.json') as { version: string };
  if (version !== kafkajsVersion) throw kafkajsChanged(`${version} is installed`);
  const errors = require('kafkajs/src/errors');
  const protocolErrors = require('kafkajs/src/protocol/error');
  const loggers = require('kafkajs/src/loggers');
  modules = {
    Broker: require('kafkajs/src/broker'),
    ConnectionPool: require('kafkajs/src/network/connectionPool'),
    ConnectionError: errors.KafkaJSConnectionError,
    ConnectionClosedError: errors.KafkaJSConnectionClosedError,
    RequestTimeoutError: errors.KafkaJSRequestTimeoutError,
    requests: require('kafkajs/src/protocol/requests').requests,
    apiKeys: require('kafkajs/src/protocol/requests/apiKeys'),
    createErrorFromCode: protocolErrors.createErrorFromCode,
    createLogger: loggers.createLogger,
    logLevels: loggers.LEVELS,
  };
  return modules;
}

/** For insides that are not what this file says; never happens with the pinned version. */
export function kafkajsChanged(how: string): CdcError {
  return new CdcError(
    'CDC_INTERNAL',
    `The Kafka client kafkajs is not ${kafkajsVersion}: ${how}.`,
    {
      remedy: `Install the version that this tool was built with: npm install kafkajs@${kafkajsVersion}`,
    },
  );
}

/** What kafkajs logs as an error it throws as well, so it is said once, by whoever gives up. */
export function createKafkajsLogger(logger: Logger): unknown {
  const kafkajs = loadKafkajs();
  const { DEBUG, WARN } = kafkajs.logLevels;
  return kafkajs.createLogger({
    level: logger.isLevelEnabled('debug') ? DEBUG : WARN,
    logCreator: () => (line: { level: number; namespace: string; log: { message: string } }) => {
      const fields = { namespace: line.namespace, kafkajs: line.log.message };
      if (line.level === WARN) logger.warn(fields, 'The Kafka client warns.');
      else logger.debug(fields, 'The Kafka client says.');
    },
  });
}
