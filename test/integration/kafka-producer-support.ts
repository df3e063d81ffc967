import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import type { Compression } from '../../src/kafka/compression.ts';
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import { KafkaConnections } from '../../src/kafka/kafka-connections.ts';
import { openKafkaCluster } from '../../src/kafka/kafkajs-cluster.ts';
import type { SealedBatch } from '../../src/kafka/record-batch.ts';
import { RecordBatchWriter } from '../../src/kafka/record-batch-writer.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';

const context = { clientId: 'test', logger: createSilentLogger() };

export function openCluster(brokers: readonly string[]): Promise<KafkaCluster> {
  return openKafkaCluster({ brokers: [...brokers] }, context);
}

/** A producer that is less patient than the one that a cluster opens. */
export function openProducer(
  brokers: readonly string[],
  options: { writerId?: string; patienceMs?: number; maxInFlight?: number } = {},
): Promise<IdempotentProducer> {
  const timeouts = { connectionTimeoutMs: 5_000, requestTimeoutMs: 30_000 };
  const connections = new KafkaConnections({ brokers, ...context, ...timeouts });
  return IdempotentProducer.open({ connections, ...options });
}

/** A batch of records without keys, its values these texts. */
export async function batchOf(
  texts: readonly string[],
  compression: Compression = 'none',
): Promise<SealedBatch> {
  const batch = new RecordBatchWriter();
  for (const text of texts) {
    batch.begin(Date.now());
    batch.nullKey();
    const value = Buffer.from(text);
    batch.writer.reserve(value.length);
    batch.writer.offset += value.copy(batch.writer.buffer, batch.writer.offset);
    batch.endValue();
    batch.endRecord();
  }
  return await batch.seal(compression);
}

/** Numbers as texts: from, from + 1, ... */
export function numbers(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}

/** Values of a whole partition, in their order. */
export async function valuesOf(
  cluster: KafkaCluster,
  topic: string,
  partition: number,
): Promise<string[]> {
  const bounds = await cluster.bounds(topic);
  const end = bounds.find((each) => each.partition === partition)?.high ?? 0;
  const values: string[] = [];
  for (let offset = 0; offset < end; ) {
    const place = { topic, partition, offset };
    const [answer] = await cluster.fetch([place], { maxBytes: 8 * 1024 ** 2, maxWaitMs: 500 });
    for (const { value } of answer?.records ?? []) values.push(value?.toString() ?? '');
    offset = answer?.nextOffset ?? offset;
  }
  return values;
}

/**
 * Stands between clients and a broker that names this address as its own. While `losesAnswers`, requests reach
 * the broker, and its answers nobody.
 */
export class LossyProxy implements AsyncDisposable {
  target = '';
  losesAnswers = false;
  /** Bytes of answers lost so far. */
  lostBytes = 0;
  /** Sees, and may change, an answer before it is passed on or lost. */
  onAnswer: (answer: Buffer) => void = () => {};
  readonly #server = createServer((client) => this.#join(client));
  readonly #sockets = new Set<Socket>();

  static async open(): Promise<LossyProxy> {
    const proxy = new LossyProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** Ends all connections; clients may connect again. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
  }

  #join(client: Socket): void {
    const [host, port] = this.target.split(':');
    const broker = connectTcp({ host: host ?? '', port: Number(port) });
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (bytes) => broker.write(bytes));
    broker.on('data', (bytes) => {
      this.onAnswer(bytes);
      if (this.losesAnswers) this.lostBytes += bytes.length;
      else client.write(bytes);
    });
  }
}
