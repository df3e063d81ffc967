import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import type { KafkaConnection } from '../../src/kafka/options.ts';
import { RecordBatchWriter } from '../../src/kafka/record-batch-writer.ts';
import { openTestCluster, randomName, testKafka } from '../support/kafka.ts';
import { openForeignProducer, sendNumbered } from '../support/kafka-foreign.ts';
import { readToEnd, textsOf } from '../support/kafka-reading.ts';
import { waitUntil } from '../support/wait-until.ts';

let connection: KafkaConnection;
let cluster: KafkaCluster;

beforeAll(async () => {
  connection = await testKafka();
  cluster = await openTestCluster(connection);
});

afterAll(() => cluster?.[Symbol.asyncDispose]());

async function newTopic(partitions = 1, settings: Record<string, string> = {}): Promise<string> {
  const topic = randomName('topic');
  await cluster.createTopics([{ topic, partitions, replication: undefined, settings }]);
  return topic;
}

describe('topics of a cluster', () => {
  test('are created with partitions and settings, described, and listed', async () => {
    const topic = await newTopic(3, { 'cleanup.policy': 'compact', 'retention.ms': '3600000' });
    const missing = randomName('missing');

    const described = await cluster.describeTopics([topic, missing, 'no/name at all']);

    expect(described.get(topic)?.partitions).toEqual([
      { id: 0, replicas: 1 },
      { id: 1, replicas: 1 },
      { id: 2, replicas: 1 },
    ]);
    const settings = described.get(topic)?.settings;
    expect(settings?.get('cleanup.policy')).toBe('compact');
    expect(settings?.get('retention.ms')).toBe('3600000');
    expect(settings?.get('max.message.bytes')).toBe('1048588');
    expect(described.has(missing)).toBe(true);
    expect(described.get(missing)).toBeUndefined();
    expect(described.get('no/name at all')).toBeUndefined();
    const names = await cluster.topics();
    expect(names).toContain(topic);
    expect(names.filter((name) => name.startsWith('__'))).toEqual([]);
    expect(await cluster.describeTopics([])).toEqual(new Map());
  });

  test('that exist are left as they are by another creation', async () => {
    const topic = await newTopic(2, { 'retention.ms': '1000' });
    const other = { topic, partitions: 5, replication: 1, settings: { 'retention.ms': '2000' } };

    await cluster.createTopics([other]);

    const described = (await cluster.describeTopics([topic])).get(topic);
    expect(described?.partitions).toHaveLength(2);
    expect(described?.settings.get('retention.ms')).toBe('1000');
  });

  test.each([
    { name: 'a setting that Kafka does not know', settings: { 'no.such': '1' }, replication: 1 },
    { name: 'more replicas than brokers', settings: {}, replication: 99 },
  ])('are refused with the reason of the broker: $name', async ({ settings, replication }) => {
    const topic = randomName('topic');

    const refused = cluster.createTopics([{ topic, partitions: 1, replication, settings }]);

    await expect(refused).rejects.toMatchObject({
      code: 'CDC_KAFKA_REJECTED',
      message: expect.stringMatching(/no\.such|replication factor/i),
      details: { topic, kafkaCode: expect.stringMatching(/^INVALID_/) },
    });
  });

  test('that do not exist are an error that names them, in every question about offsets', async () => {
    const topic = randomName('missing');
    const expected = { code: 'CDC_KAFKA_TOPIC_NOT_FOUND', details: { topic } };
    const places = [{ topic, partition: 0, offset: 0 }];

    await expect(cluster.bounds(topic)).rejects.toMatchObject(expected);
    await expect(cluster.offsetsAt(topic, 0)).rejects.toMatchObject(expected);
    await expect(cluster.deleteRecords(topic, 0, 1)).rejects.toMatchObject(expected);
    await expect(cluster.fetch(places, { maxBytes: 1000, maxWaitMs: 10 })).rejects.toMatchObject(
      expected,
    );
  });

  test('name the cluster and its brokers', async () => {
    const described = await cluster.describe();

    expect(described.clusterId).toMatch(/^\S{22}$/);
    expect(described.brokers.length).toBeGreaterThan(0);
  });
});

describe('offsets of a topic', () => {
  test('are bounded by the first record there is and the end', async () => {
    const topic = await newTopic(2);
    await using producer = await openForeignProducer(connection);
    await sendNumbered(producer, topic, { name: 'a', count: 5 });
    expect(await cluster.bounds(topic)).toEqual([
      { partition: 0, low: 0, high: 5 },
      { partition: 1, low: 0, high: 0 },
    ]);

    await cluster.deleteRecords(topic, 0, 3);

    expect(await cluster.bounds(topic)).toEqual([
      { partition: 0, low: 3, high: 5 },
      { partition: 1, low: 0, high: 0 },
    ]);
    const { records } = await readToEnd(cluster, topic, { offset: 3 });
    expect(textsOf(records)).toEqual(['a3', 'a4']);
  });

  test('are found by time, the end where nothing is as young', async () => {
    const topic = await newTopic(2);
    await using producer = await openForeignProducer(connection);
    const messages = [1000, 2000, 3000].map((timestamp) => ({
      ...{ partition: 0, value: 'x', timestamp: String(timestamp) },
    }));
    await producer.send({ topic, messages });

    const at = async (timeMs: number) => [...(await cluster.offsetsAt(topic, timeMs))].sort();

    expect(await at(0)).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect((await at(2000))[0]).toEqual([0, 1]);
    expect((await at(2001))[0]).toEqual([0, 2]);
    expect((await at(3001))[0]).toEqual([0, 3]);
  });
});

describe('fetching', () => {
  test('gives keys, values, headers and times as they were written, nulls too', async () => {
    const topic = await newTopic();
    await using producer = await openForeignProducer(connection);
    const bytes = Buffer.from([0, 255, 128, 10]);
    await producer.send({
      topic,
      messages: [
        {
          key: 'k',
          value: bytes,
          headers: { one: 'eins', two: bytes },
          timestamp: '1700000000123',
        },
        { key: null, value: 'only a value', timestamp: '1700000000001' },
        { key: 'tombstone', value: null, headers: { __proto__x: '1' }, timestamp: '1700000099999' },
        { key: '', value: '' },
      ],
    });

    const { records, nextOffset } = await readToEnd(cluster, topic);

    expect(nextOffset).toBe(4);
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    expect(records[0]).toEqual({
      offset: 0,
      timestampMs: 1_700_000_000_123,
      key: Buffer.from('k'),
      value: bytes,
      headers: { one: Buffer.from('eins'), two: bytes },
    });
    expect(records[1]).toMatchObject({ key: null, timestampMs: 1_700_000_000_001, headers: {} });
    expect(records[2]).toMatchObject({ value: null, timestampMs: 1_700_000_099_999 });
    expect(records[3]).toMatchObject({ key: Buffer.alloc(0), value: Buffer.alloc(0) });
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'])(
    'reads what Kafka’s own codecs have written: %s',
    async (codec) => {
      // The broker compresses what comes uncompressed, with the libraries of the Java client.
      const topic = await newTopic(1, { 'compression.type': codec });
      await using producer = await openForeignProducer(connection);
      const values = Array.from({ length: 500 }, (_, index) => `${index} ${'abc'.repeat(index)}`);
      const messages = values.map((value) => ({ key: 'k', value, headers: { n: 'x' } }));
      await producer.send({ topic, messages: messages.slice(0, 3) });
      await producer.send({ topic, messages: messages.slice(3) });

      const { records } = await readToEnd(cluster, topic);

      expect(textsOf(records)).toEqual(values);
      // From inside a batch: what lies before is left out.
      const rest = await readToEnd(cluster, topic, { offset: 321 });
      expect(textsOf(rest.records)).toEqual(values.slice(321));
    },
  );

  test('reads what kafkajs has compressed, and what came through a producer of ours', async () => {
    const topic = await newTopic();
    await using foreign = await openForeignProducer(connection);
    const compression = kafkajs.CompressionTypes.GZIP;
    const messages = [{ key: 'k', value: 'by kafkajs '.repeat(100), headers: { n: '1' } }];
    await foreign.send({ topic, messages, compression });
    const batch = new RecordBatchWriter();
    batch.begin(1_700_000_000_000);
    batch.nullKey();
    const { writer } = batch;
    writer.offset += writer.buffer.write('by us', writer.offset);
    batch.endValue();
    batch.endRecord();
    await using producer = await cluster.openProducer({ writerId: randomName('writer') });

    expect(await producer.send(topic, 0, await batch.seal('none'))).toBe(1);

    const { records } = await readToEnd(cluster, topic);
    expect(textsOf(records)).toEqual(['by kafkajs '.repeat(100), 'by us']);
  });

  test('stamps records with the time of the broker where the topic says so', async () => {
    const topic = await newTopic(1, { 'message.timestamp.type': 'LogAppendTime' });
    const before = Date.now();
    await using producer = await openForeignProducer(connection);
    const messages = ['1000', '2000'].map((timestamp) => ({ value: timestamp, timestamp }));
    await producer.send({ topic, messages });

    const { records } = await readToEnd(cluster, topic);

    expect(records).toHaveLength(2);
    for (const { timestampMs } of records) expect(timestampMs).toBeGreaterThanOrEqual(before);
  });

  test('waits for a record that comes, and gives nothing when none does', async () => {
    const topic = await newTopic();
    await using producer = await openForeignProducer(connection);
    const place = { topic, partition: 0, offset: 0 };
    expect(await cluster.fetch([place], { maxBytes: 1000, maxWaitMs: 20 })).toEqual([]);
    expect(await cluster.fetch([], { maxBytes: 1000, maxWaitMs: 60_000 })).toEqual([]);

    const waiting = cluster.fetch([place], { maxBytes: 1000, maxWaitMs: 60_000 });
    await sendNumbered(producer, topic, { name: 'late', count: 1 });

    expect(textsOf((await waiting)[0]?.records ?? [])).toEqual(['late0']);
  });

  test('ends when it is aborted, and neither waiting nor aborted ones hold up other calls', async () => {
    const topic = await newTopic();
    const abort = new AbortController();
    const place = { topic, partition: 0, offset: 0 };
    const options = { maxBytes: 1000, maxWaitMs: 30_000 };
    const waiting = cluster.fetch([place], { ...options, signal: abort.signal });
    const other = randomName('other');
    const others = await Promise.all([
      cluster.bounds(topic),
      cluster.createTopics([{ topic: other, partitions: 1, replication: 1, settings: {} }]),
      cluster.fetch([place], { maxBytes: 999, maxWaitMs: 10 }),
    ]);
    expect(others[2]).toEqual([]);

    abort.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
    await expect(cluster.fetch([place], { ...options, signal: abort.signal })).rejects.toThrow(
      'enough',
    );
  });

  test('goes on through many partitions of several topics until all has been read', async () => {
    const topics = [await newTopic(4), await newTopic(3)];
    await using producer = await openForeignProducer(connection);
    const expected = new Set<string>();
    for (const [index, topic] of topics.entries()) {
      const messages = Array.from({ length: 400 }, (_, count) => ({
        partition: count % (index === 0 ? 4 : 3),
        value: `${topic}/${count} ${'v'.repeat(300)}`,
      }));
      for (const { value } of messages) expected.add(value);
      await producer.send({ topic, messages });
    }
    let places = topics.flatMap((topic, index) =>
      Array.from({ length: index === 0 ? 4 : 3 }, (_, partition) => ({
        ...{ topic, partition, offset: 0 },
      })),
    );
    const seen: string[] = [];
    await waitUntil('all records are read', async () => {
      const found = await cluster.fetch(places, { maxBytes: 20_000, maxWaitMs: 100 });
      for (const { topic, partition, records, nextOffset } of found) {
        seen.push(...textsOf(records));
        places = places.map((place) =>
          place.topic === topic && place.partition === partition
            ? { ...place, offset: nextOffset }
            : place,
        );
      }
      return seen.length >= expected.size;
    });

    expect(seen).toHaveLength(expected.size);
    expect(new Set(seen)).toEqual(expected);
  });

  test('a place outside of what the partition holds is named with its bounds', async () => {
    const topic = await newTopic();
    await using producer = await openForeignProducer(connection);
    await sendNumbered(producer, topic, { name: 'a', count: 5 });
    await cluster.deleteRecords(topic, 0, 2);
    const options = { maxBytes: 1000, maxWaitMs: 10 };

    for (const offset of [1, 6]) {
      const lost = cluster.fetch([{ topic, partition: 0, offset }], options);
      await expect(lost).rejects.toMatchObject({
        code: 'CDC_KAFKA_OFFSET_LOST',
        details: { topic, partition: 0, offset, firstOffset: 2, endOffset: 5 },
      });
    }
    expect(await cluster.fetch([{ topic, partition: 0, offset: 5 }], options)).toEqual([]);
  });

  test('shows a record larger than what was asked for, so that reading goes on', async () => {
    const topic = await newTopic();
    await using producer = await openForeignProducer(connection);
    const value = 'x'.repeat(300_000);
    await producer.send({ topic, messages: [{ value }] });

    const [found] = await cluster.fetch([{ topic, partition: 0, offset: 0 }], {
      ...{ maxBytes: 1000, maxWaitMs: 1000 },
    });

    expect(textsOf(found?.records ?? [])).toEqual([value]);
  });
});

describe('transactions of others', () => {
  test('are seen when they were committed, not while they are open, never when they were aborted', async () => {
    const topic = await newTopic();
    await using producer = await openForeignProducer(connection, randomName('transaction'));
    await using plain = await openForeignProducer(connection);
    const committed = await producer.transaction();
    await sendNumbered(committed, topic, { name: 'committed', count: 2 });
    await committed.commit();
    const aborted = await producer.transaction();
    await sendNumbered(aborted, topic, { name: 'aborted', count: 3 });
    await sendNumbered(plain, topic, { name: 'between', count: 1 });
    await aborted.abort();
    await waitUntil('the abort marker is written', async () => {
      const [bounds] = await cluster.bounds(topic);
      return bounds?.high === 8;
    });
    await sendNumbered(plain, topic, { name: 'plain', count: 1 });
    const open = await producer.transaction();
    await sendNumbered(open, topic, { name: 'open', count: 1 });

    // committed0-1, marker, aborted0-2, between0, marker, plain0, open0
    const whileOpen = await readToEnd(cluster, topic);
    expect(textsOf(whileOpen.records)).toEqual(['committed0', 'committed1', 'between0', 'plain0']);
    expect(whileOpen.records.map(({ offset }) => offset)).toEqual([0, 1, 6, 8]);
    expect(await cluster.bounds(topic)).toEqual([{ partition: 0, low: 0, high: 9 }]);
    // From the middle of the aborted one on.
    const later = await readToEnd(cluster, topic, { offset: 4 });
    expect(textsOf(later.records)).toEqual(['between0', 'plain0']);

    await open.commit();

    const [first] = await cluster.fetch([{ topic, partition: 0, offset: 9 }], {
      ...{ maxBytes: 1000, maxWaitMs: 30_000 },
    });
    expect(textsOf(first?.records ?? [])).toEqual(['open0']);
    const [marker] = await cluster.fetch([{ topic, partition: 0, offset: 10 }], {
      ...{ maxBytes: 1000, maxWaitMs: 30_000 },
    });
    expect(marker).toMatchObject({ records: [], nextOffset: 11 });
  });
});
