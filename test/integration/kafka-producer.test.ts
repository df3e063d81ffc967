import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compressions } from '../../src/kafka/compression.ts';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { waitUntil } from '../support/wait-until.ts';
import { registerCodecs } from '../unit/kafka/kafkajs-protocol.ts';
import { batchOf, numbers, openCluster, openProducer, valuesOf } from './kafka-producer-support.ts';

let brokers: readonly string[];
let cluster: KafkaCluster;

beforeAll(async () => {
  ({ brokers } = await testKafka());
  cluster = await openCluster(brokers);
  registerCodecs();
});

afterAll(() => cluster[Symbol.asyncDispose]());

async function newTopic(partitions = 1, settings: Record<string, string> = {}): Promise<string> {
  const topic = randomName('producer');
  await cluster.createTopics([{ topic, partitions, replication: 1, settings }]);
  return topic;
}

describe('a producer', () => {
  test('stores batches of many partitions in the order of their sends and tells where', async () => {
    const topic = await newTopic(4);
    await using producer = await openProducer(brokers);
    const sends: Promise<number>[] = [];
    const expected: number[] = [];
    for (let round = 0; round < 200; round++) {
      const partition = round % 4;
      const start = Math.floor(round / 4) * 10;
      sends.push(producer.send(topic, partition, await batchOf(numbers(start, 10))));
      expected.push(start);
    }
    expect(await Promise.all(sends)).toEqual(expected);
    for (let partition = 0; partition < 4; partition++) {
      expect(await valuesOf(cluster, topic, partition)).toEqual(numbers(0, 500));
    }
  });

  test.each(compressions)('writes %s batches that kafkajs reads', async (compression) => {
    const topic = await newTopic();
    const texts = [...numbers(0, 500), randomBytes(50_000).toString('hex'), 'last'];
    await using producer = await openProducer(brokers);
    await producer.send(topic, 0, await batchOf(texts, compression));
    await producer.send(topic, 0, await batchOf(['small'], compression));

    const { Kafka, logLevel } = kafkajs;
    const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: randomName('group') });
    const read: (string | undefined)[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => void read.push(message.value?.toString()),
    });
    await waitUntil('all messages', () => read.length > texts.length, 30_000);
    await consumer.disconnect();
    expect(read).toEqual([...texts, 'small']);
  });

  test.each(compressions)('%s batches that kafkajs writes are read by us', async (compression) => {
    const topic = await newTopic();
    const texts = [...numbers(0, 500), 'last'];
    const { Kafka, logLevel } = kafkajs;
    const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    const messages = texts.map((value) => ({ value }));
    await producer.send({ topic, messages, compression: compressions.indexOf(compression) });
    await producer.disconnect();
    expect(await valuesOf(cluster, topic, 0)).toEqual(texts);
  });

  test('fails a batch that is too large with its sizes, those behind it too, and goes on afterwards', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '20000' });
    await using producer = await openProducer(brokers);
    await producer.send(topic, 0, await batchOf(['first']));
    const large = producer.send(topic, 0, await batchOf(['x'.repeat(30_000)]));
    const behind = producer.send(topic, 0, await batchOf(['behind']));
    const refusal = {
      code: 'CDC_LOG_MESSAGE_TOO_LARGE',
      message: expect.stringMatching(
        new RegExp(`${topic}: 300\\d\\d bytes .* max.message.bytes of 20000`),
      ),
      details: { topic, partition: 0, bytes: expect.any(Number), limit: 20_000 },
    };
    const outcomes = await Promise.allSettled([large, behind]);
    for (const outcome of outcomes) {
      expect(outcome).toEqual({ status: 'rejected', reason: expect.objectContaining(refusal) });
    }
    expect(await producer.send(topic, 0, await batchOf(['after']))).toBe(1);
    expect(await valuesOf(cluster, topic, 0)).toEqual(['first', 'after']);
  });

  test('says which topic does not exist, or exists no more, and sends to the others', async () => {
    const [kept, deleted] = [await newTopic(), await newTopic()];
    await using producer = await openProducer(brokers);
    await producer.send(deleted, 0, await batchOf(['x']));
    const { Kafka, logLevel } = kafkajs;
    const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [deleted] });
    await admin.disconnect();

    const missing = ['never_made', deleted].map(async (topic) => ({
      topic,
      outcome: await Promise.allSettled([producer.send(topic, 0, await batchOf(['y']))]),
    }));
    expect(await producer.send(kept, 0, await batchOf(['z']))).toBe(0);
    for (const { topic, outcome } of await Promise.all(missing)) {
      const reason = { code: 'CDC_KAFKA_TOPIC_NOT_FOUND', details: { topic } };
      expect(outcome[0]).toMatchObject({ status: 'rejected', reason });
    }
    await cluster.createTopics([{ topic: deleted, partitions: 1, replication: 1, settings: {} }]);
    expect(await producer.send(deleted, 0, await batchOf(['anew']))).toBe(0);
  });

  test('rejects what is not answered when it is closed', async () => {
    const topic = await newTopic();
    const producer = await openProducer(brokers);
    const send = producer.send(topic, 0, await batchOf(['x']));
    await Promise.all([
      expect(send).rejects.toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' }),
      producer[Symbol.asyncDispose](),
    ]);
  });
});

describe('a fence', () => {
  test('ends what earlier producers of the writer append, in every partition at once', async () => {
    const topic = await newTopic(3);
    const writerId = randomName('writer');
    const partitions = new Map([[topic, [0, 1, 2]]]);
    await using old = await openProducer(brokers, { writerId });
    await old.fence(partitions);
    // The old one sends without a pause in between, as one that was cut off for a while does.
    const ends = [0, 1, 2].map(async (partition) => {
      for (let number = 0; ; number += 10) {
        await old.send(topic, partition, await batchOf(numbers(number, 10)));
      }
    });
    const endings = Promise.allSettled(ends);
    await waitUntil('records of the old one', async () =>
      (await cluster.bounds(topic)).every(({ high }) => high > 100),
    );

    await using next = await openProducer(brokers, { writerId });
    await next.fence(partitions);
    const atFence = await cluster.bounds(topic);
    for (const ending of await endings) {
      const reason = { code: 'CDC_LOG_FENCED' };
      expect(ending).toMatchObject({ status: 'rejected', reason });
    }
    expect(await cluster.bounds(topic)).toEqual(atFence);
    for (const { partition, high } of atFence) {
      expect(await next.send(topic, partition, await batchOf(['next']))).toBe(high);
    }
    await expect(old.fence(partitions)).rejects.toMatchObject({ code: 'CDC_LOG_FENCED' });
  });

  test('of partitions used later goes between batches of the others, and leaves them in order', async () => {
    const [first, second] = [await newTopic(2), await newTopic(2)];
    await using producer = await openProducer(brokers, { writerId: randomName('writer') });
    await producer.fence(new Map([[first, [0, 1]]]));
    const sends: Promise<number>[] = [];
    for (let number = 0; number < 300; number += 10) {
      for (const partition of [0, 1]) {
        sends.push(producer.send(first, partition, await batchOf(numbers(number, 10))));
      }
      if (number === 100) sends.push(producer.fence(new Map([[second, [0, 1]]])).then(() => 0));
      if (number === 200) sends.push(producer.fence(new Map([[first, [0]]])).then(() => 0));
    }
    sends.push(producer.send(second, 1, await batchOf(['x'])));
    await Promise.all(sends);
    for (const partition of [0, 1]) {
      expect(await valuesOf(cluster, first, partition)).toEqual(numbers(0, 300));
    }
    expect(await valuesOf(cluster, second, 1)).toEqual(['x']);
  });

  test('does nothing without a writer id, and nothing for no partitions', async () => {
    const topic = await newTopic();
    await using nobody = await openProducer(brokers);
    await nobody.fence(new Map([[topic, [0]]]));
    await using somebody = await openProducer(brokers, { writerId: randomName('writer') });
    await somebody.fence(new Map());
    expect(await nobody.send(topic, 0, await batchOf(['x']))).toBe(0);
    expect(await somebody.send(topic, 0, await batchOf(['y']))).toBe(1);
  });

  test('of a topic that does not exist names it', async () => {
    await using producer = await openProducer(brokers, { writerId: randomName('writer') });
    const failure = { code: 'CDC_KAFKA_TOPIC_NOT_FOUND', details: { topic: 'never_made' } };
    await expect(producer.fence(new Map([['never_made', [0]]]))).rejects.toMatchObject(failure);
  });
});
