import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findFreePort } from '../../src/demo/server/free-port.ts';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import { CdcError } from '../../src/errors.ts';
import type { KafkaCluster, KafkaRecord } from '../../src/kafka/kafka-cluster.ts';
import { KafkajsCluster } from '../../src/kafka/kafkajs-cluster.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openTestCluster, randomName } from '../support/kafka.ts';
import { openForeignProducer, sendNumbered } from '../support/kafka-foreign.ts';
import { textsOf } from '../support/kafka-reading.ts';
import { waitUntil } from '../support/wait-until.ts';

/** A client whose patience is short enough for a test. */
function openHastyCluster(broker: string): KafkaCluster {
  return new KafkajsCluster({
    brokers: [broker],
    clientId: 'strata-test',
    logger: createSilentLogger(),
    connectionTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
  });
}

async function newTopic(cluster: KafkaCluster, replication = 1): Promise<string> {
  const topic = randomName('topic');
  await cluster.createTopics([{ topic, partitions: 1, replication, settings: {} }]);
  return topic;
}

/** Reads one partition for as long as it lives, and goes on after errors that pass. */
class Follower {
  readonly records: KafkaRecord[] = [];
  transientErrors = 0;
  readonly #abort = new AbortController();
  readonly #end: Promise<void>;

  constructor(cluster: KafkaCluster, topic: string) {
    this.#end = this.#run(cluster, topic);
  }

  get texts(): string[] {
    return textsOf(this.records);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#end;
  }

  async #run(cluster: KafkaCluster, topic: string): Promise<void> {
    const { signal } = this.#abort;
    let offset = 0;
    while (!signal.aborted) {
      try {
        const places = [{ topic, partition: 0, offset }];
        const options = { maxBytes: 1024 ** 2, maxWaitMs: 200, signal };
        const [found] = await cluster.fetch(places, options);
        this.records.push(...(found?.records ?? []));
        offset = found?.nextOffset ?? offset;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CdcError) || error.kind !== 'transient') throw error;
        this.transientErrors++;
      }
    }
  }
}

describe('a broker that is killed', () => {
  let broker: LocalKafka;
  let cluster: KafkaCluster;

  beforeAll(async () => {
    broker = await LocalKafka.open();
    cluster = await openTestCluster({ brokers: [broker.address()] });
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await broker?.[Symbol.asyncDispose]();
  });

  test('and started again is read on from the same place, with nothing lost and nothing twice', async () => {
    const topic = await newTopic(cluster);
    const brokers = [broker.address()];
    const follower = new Follower(cluster, topic);
    {
      await using producer = await openForeignProducer({ brokers });
      await sendNumbered(producer, topic, { name: 'before', count: 50 });
    }
    await waitUntil('the first records are read', () => follower.records.length === 50);

    await broker.kill();
    await waitUntil('the loss is noticed', () => follower.transientErrors > 0, 60_000);
    await expect(cluster.bounds(topic)).rejects.toMatchObject({
      code: 'CDC_KAFKA_UNREACHABLE',
      kind: 'transient',
      message: expect.stringContaining(broker.address()),
    });
    await broker.start();
    await using producer = await openForeignProducer({ brokers });
    await sendNumbered(producer, topic, { name: 'after', count: 50 });

    await waitUntil('the other records are read', () => follower.records.length >= 100, 60_000);
    await follower.stop();
    const expected = ['before', 'after'].flatMap((name) =>
      Array.from({ length: 50 }, (_, index) => `${name}${index}`),
    );
    expect(follower.texts).toEqual(expected);
    expect(await cluster.bounds(topic)).toEqual([{ partition: 0, low: 0, high: 100 }]);
  });

  test('while it holds its breath, no call waits longer than it may, and all is well afterwards', async () => {
    await using hasty = openHastyCluster(broker.address());
    const topic = await newTopic(cluster);
    const place = { topic, partition: 0, offset: 0 };
    const pid = broker.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      const unreachable = { code: 'CDC_KAFKA_UNREACHABLE' };
      const answers = await Promise.allSettled([
        hasty.bounds(topic),
        hasty.fetch([place], { maxBytes: 1000, maxWaitMs: 10 }),
        hasty.topics(),
      ]);
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 'rejected', reason: unreachable });
      }
    } finally {
      process.kill(pid, 'SIGCONT');
    }

    const answers = await waitUntil(
      'the broker answers again',
      () =>
        Promise.all([hasty.bounds(topic), hasty.fetch([place], { maxBytes: 1000, maxWaitMs: 10 })]),
      60_000,
    );
    expect(answers).toEqual([[{ partition: 0, low: 0, high: 0 }], []]);
  });

  test('never was one: a wrong port is unreachable, and the message names it', async () => {
    const address = `127.0.0.1:${await findFreePort()}`;
    await using nobody = await openTestCluster({ brokers: [address] });

    await expect(nobody.describe()).rejects.toMatchObject({
      code: 'CDC_KAFKA_UNREACHABLE',
      message: expect.stringMatching(new RegExp(`ECONNREFUSED.*${address}`)),
    });
  });

  test('is one of several named, and another one answers', async () => {
    const address = `127.0.0.1:${await findFreePort()}`;
    await using either = await openTestCluster({ brokers: [address, broker.address()] });

    expect((await either.describe()).brokers).toEqual([broker.address()]);
  });

  test('is not waited for by a client that was closed', async () => {
    const closing = await openTestCluster({ brokers: [broker.address()] });
    const topic = await newTopic(closing);
    const place = { topic, partition: 0, offset: 0 };
    const waiting = closing.fetch([place], { maxBytes: 1000, maxWaitMs: 60_000 });
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
    await closing.bounds(topic);

    await closing[Symbol.asyncDispose]();

    await rejected;
    await expect(closing.bounds(topic)).rejects.toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
  });
});

describe('a cluster of two brokers', () => {
  let first: LocalKafka;
  let second: LocalKafka;
  let cluster: KafkaCluster;

  beforeAll(async () => {
    first = await LocalKafka.open();
    second = await LocalKafka.open({ joins: first });
    cluster = await openTestCluster({ brokers: [first.address()] });
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
    await first?.[Symbol.asyncDispose]();
  });

  test('gives what the busy one has while the idle one is still asked', async () => {
    const topic = randomName('topic');
    await cluster.createTopics([{ topic, partitions: 4, replication: 1, settings: {} }]);
    const brokers = [first.address()];
    await using producer = await openForeignProducer({ brokers });
    let places = [0, 1, 2, 3].map((partition) => ({ topic, partition, offset: 0 }));
    for (const partition of [0, 1, 2, 3, 0, 1, 2, 3]) {
      const waiting = cluster.fetch(places, { maxBytes: 100_000, maxWaitMs: 60_000 });
      await producer.send({ topic, messages: [{ partition, value: `to ${partition}` }] });

      const [found, ...others] = await waiting;

      expect(others).toEqual([]);
      expect(found).toMatchObject({ partition });
      expect(textsOf(found?.records ?? [])).toEqual([`to ${partition}`]);
      places = places.map((place) =>
        place.partition === partition
          ? { ...place, offset: found?.nextOffset ?? place.offset }
          : place,
      );
    }
  });

  test('whose leader dies is read on from the other', async () => {
    const topic = randomName('topic');
    await cluster.createTopics([{ topic, partitions: 6, replication: 2, settings: {} }]);
    const brokers = [first.address(), second.address()];
    const places = [0, 1, 2, 3, 4, 5].map((partition) => ({ topic, partition, offset: 0 }));
    const messages = places.map(({ partition }) => ({ partition, value: `in ${partition}` }));
    await using producer = await openForeignProducer({ brokers });
    await producer.send({ topic, messages });
    await cluster.bounds(topic); // the leaders are known now

    await second.kill();

    const read = await waitUntil(
      'all partitions are read from the broker that is left',
      async () => {
        const seen = new Set<string>();
        let open = places;
        while (open.length > 0) {
          const found = await cluster.fetch(open, { maxBytes: 100_000, maxWaitMs: 1_000 });
          for (const { records } of found) for (const text of textsOf(records)) seen.add(text);
          const done = new Set(found.map(({ partition }) => partition));
          open = open.filter(({ partition }) => !done.has(partition));
        }
        return seen;
      },
      60_000,
    );
    expect([...read].sort()).toEqual(messages.map(({ value }) => value));
  });
});
