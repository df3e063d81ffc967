import kafkajs, { type Kafka, type Producer, type Transaction } from 'kafkajs';
import type { KafkaConnection } from '../../src/kafka/options.ts';

/** Plain kafkajs, as another tool would use it: nothing of ours is in it. */
export function foreignKafka(connection: KafkaConnection): Kafka {
  return new kafkajs.Kafka({
    brokers: [...connection.brokers],
    clientId: 'somebody-else',
    logLevel: kafkajs.logLevel.NOTHING,
  });
}

/** A producer of somebody else, connected; `transactionalId` makes it one with transactions. */
export async function openForeignProducer(
  connection: KafkaConnection,
  transactionalId?: string,
): Promise<Producer & AsyncDisposable> {
  const producer = foreignKafka(connection).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    ...(transactionalId && { transactionalId, idempotent: true, maxInFlightRequests: 1 }),
  });
  await producer.connect();
  return Object.assign(producer, { [Symbol.asyncDispose]: () => producer.disconnect() });
}

/** Sends messages `${name}0`, `${name}1`, ... in one batch to partition 0. */
export async function sendNumbered(
  producer: Producer | Transaction,
  topic: string,
  options: { readonly name: string; readonly count: number },
): Promise<void> {
  const { name, count } = options;
  const messages = Array.from({ length: count }, (_, index) => ({
    partition: 0,
    key: `key-${name}${index}`,
    value: `${name}${index}`,
  }));
  await producer.send({ topic, messages });
}
