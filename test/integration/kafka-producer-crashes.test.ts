import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import type { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import { randomName } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { waitUntil } from '../support/wait-until.ts';
import {
  batchOf,
  LossyProxy,
  numbers,
  openCluster,
  openProducer,
  valuesOf,
} from './kafka-producer-support.ts';

let proxy: LossyProxy;
let broker: LocalKafka;
let brokers: readonly string[];
let cluster: KafkaCluster;

beforeAll(async () => {
  proxy = await LossyProxy.open();
  const advertised = `PLAINTEXT://${proxy.address}`;
  broker = await LocalKafka.open({ properties: { 'advertised.listeners': advertised } });
  proxy.target = broker.address();
  brokers = [proxy.address];
  cluster = await openCluster(brokers);
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

async function newTopic(partitions: number): Promise<string> {
  const topic = randomName('producer');
  await cluster.createTopics([{ topic, partitions, replication: 1, settings: {} }]);
  return topic;
}

/** Numbers, `count` of them in each partition, ten batches of a partition on their way at a time. */
async function sendNumbers(
  producer: IdempotentProducer,
  topic: string,
  options: { partitions: number; count: number; batch: number; onBatch?: (sent: number) => void },
): Promise<void> {
  let sent = 0;
  const one = async (partition: number) => {
    const sends: Promise<number>[] = [];
    for (let start = 0; start < options.count; start += options.batch) {
      const batch = await batchOf(numbers(start, options.batch), 'lz4');
      const send = producer.send(topic, partition, batch);
      send.catch(() => {}); // awaited below
      sends.push(send);
      if (sends.length >= 10) await sends[sends.length - 10];
      options.onBatch?.(++sent);
    }
    const starts = await Promise.all(sends);
    const first = starts[0] ?? 0; // the marker of a fence may lie before it
    expect(starts).toEqual(starts.map((_, index) => first + index * options.batch));
  };
  await Promise.all(Array.from({ length: options.partitions }, (_, partition) => one(partition)));
}

async function expectNumbers(topic: string, partitions: number, count: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const values = await valuesOf(cluster, topic, partition);
    const wrong = values.findIndex((value, index) => value !== String(index));
    expect({ partition, wrong, count: values.length }).toEqual({ partition, wrong: -1, count });
  }
}

describe('a producer loses and doubles nothing', () => {
  test('of 200,000 records while the broker is killed three times', async () => {
    const topic = await newTopic(4);
    await using producer = await openProducer(brokers, { writerId: randomName('writer') });
    await producer.fence(new Map([[topic, [0, 1, 2, 3]]]));
    let restarts = 0;
    let restart = Promise.resolve();
    const onBatch = (sent: number) => {
      if (sent % 200 !== 100 || restarts === 3) return;
      restarts++;
      restart = restart.then(() => broker.kill()).then(() => broker.start());
    };
    await sendNumbers(producer, topic, { partitions: 4, count: 50_000, batch: 250, onBatch });
    await restart;
    expect(restarts).toBe(3);
    await expectNumbers(topic, 4, 50_000);
  });

  test.each([1, 2, 3])('while connections are cut again and again (seed %i)', async (seed) => {
    const random = new Random(seed);
    const topic = await newTopic(3);
    await using producer = await openProducer(brokers);
    const onBatch = () => {
      if (random.next() < 0.05) proxy.losesAnswers = true;
      if (random.next() < 0.1) {
        proxy.losesAnswers = false;
        proxy.cut();
      }
    };
    const cuts = setInterval(onBatch, 20);
    try {
      await sendNumbers(producer, topic, { partitions: 3, count: 10_000, batch: 20, onBatch });
    } finally {
      clearInterval(cuts);
      proxy.losesAnswers = false;
    }
    await expectNumbers(topic, 3, 10_000);
  });

  const endings = [
    { how: 'stopped', end: () => broker.stop() },
    { how: 'killed', end: () => broker.kill() },
  ];
  test.each(endings)(
    'when the broker was $how before the answers to several batches came',
    async ({ end }) => {
      const topic = await newTopic(1);
      await using producer = await openProducer(brokers);
      // Once one batch is answered, several may be on their way.
      expect(await producer.send(topic, 0, await batchOf(['0']))).toBe(0);

      proxy.lostBytes = 0;
      proxy.losesAnswers = true;
      const batches = await Promise.all(numbers(1, 4).map((text) => batchOf([text])));
      const sends = Promise.all(batches.map((batch) => producer.send(topic, 0, batch)));
      const answerBytes = 50 + topic.length;
      await waitUntil('four answers to be lost', () => proxy.lostBytes >= 4 * answerBytes);
      await end();
      proxy.losesAnswers = false;
      proxy.cut();
      await broker.start();

      expect(await sends).toEqual([1, 2, 3, 4]);
      expect(await producer.send(topic, 0, await batchOf(['5']))).toBe(5);
      await expectNumbers(topic, 1, 6);
    },
  );

  test('and is not shut out by its own fence when the answers to it are lost', async () => {
    const topic = await newTopic(2);
    await using producer = await openProducer(brokers, { writerId: randomName('writer') });
    for (const [round, steps] of [1, 2, 3, 4].entries()) {
      let answers = 0;
      const fence = producer.fence(new Map([[topic, [0, 1]]]));
      proxy.onAnswer = () => {
        proxy.losesAnswers = ++answers === steps;
        if (proxy.losesAnswers) setImmediate(() => proxy.cut());
      };
      await fence;
      proxy.onAnswer = () => {};
      proxy.losesAnswers = false;
      expect(answers).toBeGreaterThan(steps);
      for (const partition of [0, 1]) {
        await producer.send(topic, partition, await batchOf([String(round)]));
      }
    }
    await expectNumbers(topic, 2, 4);
  });
});

describe('an answer', () => {
  /** Size and correlation id, topics, name, partitions, the one about ours, throttle time. */
  function isProduceAnswer(answer: Buffer, topic: string): boolean {
    return answer.length === 8 + 4 + 2 + topic.length + 4 + 30 + 4 && answer.includes(topic);
  }

  /** Sends a batch, and puts error codes in place of success into the first answers to it. */
  async function sendAnswered(codes: readonly number[]): Promise<number> {
    const topic = await newTopic(1);
    await using producer = await openProducer(brokers);
    await producer.send(topic, 0, await batchOf(['0', '1']));
    const left = [...codes];
    proxy.onAnswer = (answer) => {
      if (!isProduceAnswer(answer, topic)) return;
      const code = left.shift();
      if (code !== undefined) answer.writeInt16BE(code, 4 + 4 + 4 + 2 + topic.length + 4 + 4);
    };
    try {
      return await producer.send(topic, 0, await batchOf(['2', '3']));
    } finally {
      proxy.onAnswer = () => {};
      expect(left).toEqual([]);
      await expectNumbers(topic, 1, 4);
    }
  }

  const passing = [
    { name: 'NOT_LEADER_OR_FOLLOWER', codes: [6] },
    { name: 'NOT_ENOUGH_REPLICAS, several times', codes: [19, 19, 19, 19] },
    { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', codes: [20] },
    { name: 'REQUEST_TIMED_OUT', codes: [7] },
    { name: 'LEADER_NOT_AVAILABLE', codes: [5] },
    { name: 'KAFKA_STORAGE_ERROR', codes: [56] },
    { name: 'UNKNOWN_TOPIC_OR_PARTITION of a topic that is there', codes: [3] },
    { name: 'DUPLICATE_SEQUENCE_NUMBER', codes: [46] },
    { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER to a batch that may be stored', codes: [7, 45] },
    { name: 'UNKNOWN_PRODUCER_ID to a batch that may be stored', codes: [7, 59] },
  ];
  test.each(passing)('$name leaves the batch stored once', async ({ codes }) => {
    expect(await sendAnswered(codes)).toBe(2);
  });

  test('that asks for a pause gets one', async () => {
    const topic = await newTopic(1);
    await using producer = await openProducer(brokers);
    proxy.onAnswer = (answer) => {
      if (isProduceAnswer(answer, topic)) answer.writeInt32BE(400, answer.length - 4);
    };
    await producer.send(topic, 0, await batchOf(['0']));
    proxy.onAnswer = () => {};
    const start = performance.now();
    await producer.send(topic, 0, await batchOf(['1']));
    expect(performance.now() - start).toBeGreaterThan(300);
  });

  const final = [
    { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', codes: [45], code: 'CDC_KAFKA_UNREACHABLE' },
    { name: 'UNKNOWN_PRODUCER_ID', codes: [59], code: 'CDC_KAFKA_UNREACHABLE' },
    { name: 'INVALID_PRODUCER_EPOCH', codes: [47], code: 'CDC_LOG_FENCED' },
    { name: 'PRODUCER_FENCED', codes: [90], code: 'CDC_LOG_FENCED' },
    { name: 'TOPIC_AUTHORIZATION_FAILED', codes: [29], code: 'CDC_KAFKA_ACCESS_DENIED' },
    { name: 'INVALID_RECORD', codes: [87], code: 'CDC_KAFKA_REJECTED' },
    { name: 'RECORD_LIST_TOO_LARGE', codes: [18], code: 'CDC_LOG_MESSAGE_TOO_LARGE' },
  ];
  test.each(final)('$name is $code', async ({ codes, code }) => {
    await expect(sendAnswered(codes)).rejects.toMatchObject({ code });
  });
});

test('a producer fails for good when the broker stays away', async () => {
  const topic = await newTopic(1);
  await using producer = await openProducer(brokers, { patienceMs: 300 });
  await producer.send(topic, 0, await batchOf(['0']));
  await broker.kill();
  const failure = { code: 'CDC_KAFKA_UNREACHABLE', kind: 'transient' };
  await expect(producer.send(topic, 0, await batchOf(['1']))).rejects.toMatchObject(failure);
  await broker.start();
  await expect(producer.send(topic, 0, await batchOf(['1']))).rejects.toMatchObject(failure);
  await expectNumbers(topic, 1, 1);
});
