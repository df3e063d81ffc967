import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaConnections } from '../../kafka/kafka-connections.ts';
import { createSilentLogger } from '../../ops/logger.ts';
import { findFreePort } from './free-port.ts';
import type { JavaProgram } from './java-program.ts';
import { installKafka } from './kafka-program.ts';
import { runProgram } from './program.ts';
import { ServerProcess } from './server-process.ts';

const startLimitMs = 120_000;
const pollMs = 100;
const portAttempts = 3;
/** Any 16 bytes in base64; the data are private, so nobody meets two clusters of this id. */
const clusterId = 'c3RyYXRhLWxvY2FsLWtnYQ';

export interface LocalKafkaOptions {
  /** Server properties beside, or instead of, those every broker gets. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Present: a listener that asks for this log-in, by PLAIN or SCRAM. */
  readonly sasl?: { readonly username: string; readonly password: string };
  /** Present: a listener with TLS. Path of a PEM file with the server's key (PKCS 8) and certificate. */
  readonly ssl?: { readonly keystoreFile: string };
  /** Present: the second broker of that one's cluster, which stays its only controller. */
  readonly joins?: LocalKafka;
  readonly report?: (line: string) => void;
}

type Listener = 'PLAINTEXT' | 'CONTROLLER' | 'SASL_PLAINTEXT' | 'SSL';

/**
 * A private Kafka, as a rule of one node: a child process with temporary data on free loopback ports, which never
 * outlives this process. Topics are not made by themselves. Data and ports survive `stop` and `kill`
 * until it is disposed.
 */
export class LocalKafka implements AsyncDisposable {
  /** Holds data, settings and log. */
  readonly folder: string;
  readonly #program: JavaProgram;
  readonly #options: LocalKafkaOptions;
  #ports: ReadonlyMap<Listener, number> = new Map();
  #process: ServerProcess | undefined;

  private constructor(program: JavaProgram, folder: string, options: LocalKafkaOptions) {
    this.#program = program;
    this.folder = folder;
    this.#options = options;
  }

  /** Installs Kafka when needed, and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
    const program = await installKafka(options.report ?? (() => {}));
    const folder = await mkdtemp(join(tmpdir(), 'strata-kafka-'));
    const server = new LocalKafka(program, folder, options);
    try {
      await server.#startOnFreePorts();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Process id of the broker, undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.isRunning ? this.#process.pid : undefined;
  }

  /** `host:port` of a listener; clients use any but CONTROLLER. */
  address(listener: Listener = 'PLAINTEXT'): string {
    const port = this.#ports.get(listener);
    if (port === undefined) throw new RangeError(`the broker has no ${listener} listener`);
    return `127.0.0.1:${port}`;
  }

  /** Starts a broker that was stopped or killed, on the same data and ports. */
  async start(): Promise<void> {
    if (this.#process?.isRunning) return;
    const command = [...this.#java('-Xms256m', '-Xmx1g'), 'kafka.Kafka', this.#settings];
    const logFile = join(this.folder, 'log');
    const child = new ServerProcess(command, { folder: this.folder, logFile });
    this.#process = child;
    const deadline = Date.now() + startLimitMs;
    using connections = new KafkaConnections({
      brokers: [this.address()],
      clientId: 'strata-local-kafka',
      logger: createSilentLogger(),
      connectionTimeoutMs: 5_000,
      requestTimeoutMs: 5_000,
    });
    while (!(await isReady(connections, this.#nodeId))) {
      if (!child.isRunning || Date.now() > deadline) throw await child.startFailure();
      await delay(pollMs);
    }
  }

  /** Shuts down in order and waits for the end of the process. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }

  /** Ends the broker as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  /** Ends the broker and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #nodeId(): number {
    return this.#options.joins === undefined ? 1 : 2;
  }

  get #settings(): string {
    return join(this.folder, 'server.properties');
  }

  #java(...options: readonly string[]): [string, ...string[]] {
    const { java, classPath } = this.#program;
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    return [java, ...options, quiet, '-cp', classPath];
  }

  async #startOnFreePorts(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#choosePorts();
      await this.#format();
      try {
        return await this.start();
      } catch (error) {
        await this.kill();
        // Somebody may take a port between our look and the broker's.
        const taken = /address already in use/i.test(error instanceof Error ? error.message : '');
        if (!taken || attempt === portAttempts) throw error;
      }
    }
  }

  async #choosePorts(): Promise<void> {
    const listeners: Listener[] = ['PLAINTEXT'];
    if (this.#options.joins === undefined) listeners.push('CONTROLLER');
    if (this.#options.sasl !== undefined) listeners.push('SASL_PLAINTEXT');
    if (this.#options.ssl !== undefined) listeners.push('SSL');
    const ports = new Map<Listener, number>();
    for (const listener of listeners) {
      let port = await findFreePort();
      while ([...ports.values()].includes(port)) port = await findFreePort();
      ports.set(listener, port);
    }
    this.#ports = ports;
  }

  async #format(): Promise<void> {
    const lines = Object.entries(this.#properties()).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(this.#settings, lines.join(''), { mode: 0o600 });
    await rm(join(this.folder, 'data'), { recursive: true, force: true });
    const { sasl } = this.#options;
    const scram = sasl && `[name=${sasl.username},password=${sasl.password}]`;
    const [java, ...args] = this.#java();
    await runProgram(java, [
      ...[...args, 'kafka.tools.StorageTool', 'format', '-t', clusterId],
      ...['-c', this.#settings],
      ...(scram ? ['--add-scram', `SCRAM-SHA-256=${scram}`] : []),
      ...(scram ? ['--add-scram', `SCRAM-SHA-512=${scram}`] : []),
    ]);
  }

  #properties(): Record<string, string> {
    const listeners = [...this.#ports].map(([name, port]) => `${name}://127.0.0.1:${port}`);
    const { joins } = this.#options;
    return {
      'process.roles': joins === undefined ? 'broker,controller' : 'broker',
      'node.id': String(this.#nodeId),
      'controller.quorum.voters': `1@${(joins ?? this).address('CONTROLLER')}`,
      listeners: listeners.join(','),
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map':
        'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL',
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': join(this.folder, 'data'),
      'auto.create.topics.enable': 'false',
      'num.partitions': '3',
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '3',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'transaction.state.log.num.partitions': '3',
      'group.initial.rebalance.delay.ms': '0',
      // A broker that was killed is let in again only when its old session is over.
      'broker.session.timeout.ms': '3000',
      'broker.heartbeat.interval.ms': '500',
      ...saslProperties(this.#options),
      ...sslProperties(this.#options),
      ...this.#options.properties,
    };
  }
}

/** A broker is named by the metadata once the controller lets it serve. */
async function isReady(connections: KafkaConnections, nodeId: number): Promise<boolean> {
  try {
    const { brokers } = await connections.metadata('all');
    return brokers.some((broker) => broker.nodeId === nodeId);
  } catch {
    return false; // not yet; `start` gives up when the process ends or the time is over
  }
}

function saslProperties({ sasl }: LocalKafkaOptions): Record<string, string> {
  if (sasl === undefined) return {};
  const { username, password } = sasl;
  const module = 'org.apache.kafka.common.security';
  const scram = `${module}.scram.ScramLoginModule required;`;
  const listener = 'listener.name.sasl_plaintext';
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${listener}.plain.sasl.jaas.config`]: `${module}.plain.PlainLoginModule required user_${username}="${password}";`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: scram,
  };
}

function sslProperties({ ssl }: LocalKafkaOptions): Record<string, string> {
  if (ssl === undefined) return {};
  return { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': ssl.keystoreFile };
}
