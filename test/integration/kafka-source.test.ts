import { expect, test } from 'vitest';
import { hasReached, type Position } from '../../src/change/position.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import { CdcError } from '../../src/errors.ts';
import type { KafkaConnection } from '../../src/kafka/options.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { KafkaSource } from '../../src/source/kafka/kafka-source.ts';
import { kafkaSourceOptions } from '../../src/source/kafka/options.ts';
import type { StreamItem } from '../../src/source/source.ts';
import { openTestCluster, randomName, testKafka } from '../support/kafka.ts';
import { debeziumKey, debeziumValue, orderFields } from '../support/tool-messages.ts';
import { TopicWriter } from '../support/topic-writer.ts';
import { waitUntil } from '../support/wait-until.ts';

function openSource(connection: KafkaConnection, tables: readonly object[]): KafkaSource {
  const options = { type: 'kafka', ...connection, tables, discoverySeconds: 0.2 };
  return new KafkaSource(kafkaSourceOptions.parse(options), {
    openCluster: () => openTestCluster(connection),
    logger: createSilentLogger(),
    log: { schemas: () => new Map<string, TableSchema>() },
  });
}

const order = (id: number, partition = 0) => ({
  value: debeziumValue(
    { op: 'c', after: { id, customer: null, amount: null, at: null }, pos: id },
    orderFields,
  ),
  key: debeziumKey(id, true),
  partition,
});

/** `partition/offset` of every line. */
function placesOf({ batch }: StreamItem): string[] {
  return batch.sections
    .filter((section) => section.kind === 'messages')
    .flatMap(({ bytes }) => [...bytes.toString().matchAll(/"p":(\d+),"o":(\d+),"t":/g)])
    .map(([, partition, offset]) => `${partition}/${offset}`);
}

/** Follows in the background, from where it stopped again after a transient error, as the capture does. */
class Following implements AsyncDisposable {
  readonly places: string[] = [];
  position: Position;
  failure: unknown;
  restarts = 0;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;

  constructor(source: KafkaSource, from: Position) {
    this.position = from;
    this.#ended = this.#run(source).catch((error: unknown) => {
      this.failure = error;
    });
  }

  async reaches(count: number): Promise<void> {
    await waitUntil(
      `${count} messages came, not only ${this.places.length}`,
      () => this.places.length >= count || this.failure !== undefined,
      60_000,
    );
    if (this.failure !== undefined) throw this.failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }

  async #run(source: KafkaSource): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        for await (const item of source.stream(this.position, signal)) {
          this.places.push(...placesOf(item));
          this.position = item.batch.position;
        }
      } catch (error) {
        if (!(error instanceof CdcError) || error.kind !== 'transient') throw error;
        this.restarts++;
      }
    }
  }
}

test('partitions, topics and single messages are taken in while the stream runs', async () => {
  const connection = await testKafka();
  await using writer = await TopicWriter.open(connection);
  const prefix = randomName('grow');
  await writer.createTopic(`${prefix}.orders`);
  await writer.write(`${prefix}.orders`, [order(1), order(2)]);
  await using source = openSource(connection, [
    { topic: `${prefix}.*`, table: 'shop.*', format: 'debezium' },
  ]);
  const asked: string[] = [];
  source.onSnapshotNeeded((table) => asked.push(table));
  await using following = new Following(source, await source.currentPosition());
  await following.reaches(2);
  await writer.write(`${prefix}.orders`, [order(3)]);
  await following.reaches(3);
  await writer.addPartitions(`${prefix}.orders`, 2);
  await writer.write(`${prefix}.orders`, [order(4, 1)]);
  await following.reaches(4);
  await writer.createTopic(`${prefix}.stock`);
  await writer.write(`${prefix}.stock`, [order(5)]);
  await following.reaches(5);
  expect(following.places).toEqual(['0/0', '0/1', '0/2', '1/0', '0/0']);
  await waitUntil('the new table asks for its snapshot', () => asked.length > 0);
  expect(asked).toEqual(['shop.stock']);
  const { position, bytes } = await source.endPosition(following.position);
  expect([hasReached(following.position, position), bytes]).toEqual([true, 0]);
});

test('a broker that is killed and comes again loses no message and gives none twice', async () => {
  await using broker = await LocalKafka.open();
  const connection = { brokers: [broker.address()] };
  await using writer = await TopicWriter.open(connection);
  await writer.createTopic('orders', 2);
  await using source = openSource(connection, [
    { topic: 'orders', table: 'shop.orders', format: 'debezium' },
  ]);
  const orders = (from: number) => Array.from({ length: 500 }, (_, at) => order(from + at, at % 2));
  await writer.write('orders', orders(0));
  await using following = new Following(source, await source.currentPosition());
  await following.reaches(100);
  await broker.kill();
  await broker.start();
  await waitUntil(
    'messages can be written again',
    () => writer.write('orders', orders(500)).then(() => true),
    60_000,
  );
  await following.reaches(1_000);
  expect(new Set(following.places).size).toBe(following.places.length);
}, 180_000);

test('messages removed before they were read are named with what is lost', async () => {
  const connection = await testKafka();
  await using writer = await TopicWriter.open(connection);
  await using cluster = await openTestCluster(connection);
  const topic = randomName('retention');
  await writer.createTopic(topic);
  await writer.write(topic, [order(1), order(2), order(3)]);
  await using source = openSource(connection, [
    { topic, table: 'shop.orders', format: 'debezium' },
  ]);
  const from = await source.currentPosition();
  await cluster.deleteRecords(topic, 0, 2);
  await using following = new Following(source, from);
  await waitUntil('the stream fails', () => following.failure !== undefined, 30_000);
  expect(following.failure).toMatchObject({ code: 'CDC_KAFKA_OFFSET_LOST' });
  expect((following.failure as Error).message).toMatch(
    new RegExp(`${topic}.*\\b0\\b.*\\b2\\b`, 's'),
  );
});

test('a topic deleted, or deleted and created again, is named instead of being read from elsewhere', async () => {
  const connection = await testKafka();
  await using writer = await TopicWriter.open(connection);
  const topic = randomName('gone');
  await writer.createTopic(topic);
  await writer.write(topic, [order(1), order(2)]);
  await using source = openSource(connection, [
    { topic, table: 'shop.orders', format: 'debezium' },
  ]);
  await using following = new Following(source, await source.currentPosition());
  await following.reaches(2);
  await writer.deleteTopic(topic);
  await waitUntil('the stream fails', () => following.failure !== undefined, 30_000);
  expect(following.failure).toMatchObject({
    code: 'CDC_KAFKA_OFFSET_LOST',
    details: { topic },
  });

  await waitUntil(
    'the name is free again',
    () => writer.createTopic(topic).then(() => true),
    30_000,
  );
  await writer.write(topic, [order(1)]);
  await using again = new Following(source, following.position);
  await waitUntil('the stream fails again', () => again.failure !== undefined, 30_000);
  expect(again.failure).toMatchObject({ code: 'CDC_KAFKA_OFFSET_LOST' });
}, 120_000);

test('brokers that do not answer are a problem of the check, and nothing is thrown', async () => {
  await using source = openSource({ brokers: ['127.0.0.1:1'] }, []);
  const problems = await source.preflight();
  expect(problems).toMatchObject([
    { code: 'CDC_KAFKA_UNREACHABLE', where: '127.0.0.1:1', severity: 'error' },
  ]);
}, 60_000);
