import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KafkaConnections } from '../../kafka/kafka-connections.ts';
import { createSilentLogger } from '../../ops/logger.ts';
import { findFreePort } from './free-port.ts';
import type { JavaProgram } from './java-program.ts';
import { installKafka } from './kafka-program.ts';
import { openPrivateServer, PrivateServer } from './private-server.ts';
import { runProgram } from './program.ts';

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

/** A private Kafka, as a rule of one node. Topics are not made by themselves. */
export class LocalKafka extends PrivateServer {
  protected override readonly startLimitMs = 120_000;
  protected override readonly pollMs = 100;
  readonly #program: JavaProgram;
  readonly #options: LocalKafkaOptions;
  #ports: ReadonlyMap<Listener, number> = new Map();

  private constructor(program: JavaProgram, folder: string, options: LocalKafkaOptions) {
    super(folder);
    this.#program = program;
    this.#options = options;
  }

  /** Installs Kafka when needed, and starts it. Throws CDC_DEMO_SERVER_MISSING with the end of its log. */
  static async open(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
    const program = await installKafka(options.report ?? (() => {}));
    const make = (folder: string) => new LocalKafka(program, folder, options);
    return openPrivateServer('kafka', make, (server) => server.startOnFreePorts());
  }

  /** `host:port` of a listener; clients use any but CONTROLLER. */
  address(listener: Listener = 'PLAINTEXT'): string {
    const port = this.#ports.get(listener);
    if (port === undefined) throw new RangeError(`the broker has no ${listener} listener`);
    return `127.0.0.1:${port}`;
  }

  protected override command(): readonly string[] {
    return [...this.#java('-Xms256m', '-Xmx1g'), 'kafka.Kafka', this.#settings];
  }

  /** A broker is named by the metadata once the controller lets it serve. */
  protected override async isReady(): Promise<boolean> {
    using connections = new KafkaConnections({
      brokers: [this.address()],
      clientId: 'strata-local-kafka',
      logger: createSilentLogger(),
      connectionTimeoutMs: 5_000,
      requestTimeoutMs: 5_000,
    });
    try {
      const { brokers } = await connections.metadata('all');
      return brokers.some((broker) => broker.nodeId === this.#nodeId);
    } catch {
      return false; // not yet; `start` gives up when the process ends or the time is over
    }
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

  protected override async choosePorts(): Promise<void> {
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

  protected override async configure(): Promise<void> {
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
