import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import type { KafkaCluster } from '../../src/kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../../src/kafka/kafkajs-cluster.ts';
import { partitionOf } from '../../src/kafka/murmur2.ts';
import { RecordBatchWriter } from '../../src/kafka/record-batch-writer.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import { type KafkaSink, openKafkaSink } from '../../src/sink/kafka/kafka-sink.ts';
import type { KafkaSinkOptions } from '../../src/sink/kafka/options.ts';
import { openTestCluster, randomName, testKafka } from '../support/kafka.ts';
import { administer } from '../support/kafka-admin.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { waitUntil } from '../support/wait-until.ts';
import { followChangelog, recordsOf, sinkOptions } from './sink-kafka-support.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' }, { sourceType: 'longtext' });
const { signal } = new AbortController();

let world: SinkWorld;
let brokers: readonly string[];
let cluster: KafkaCluster;
beforeAll(async () => {
  world = await SinkWorld.open();
  const connection = await testKafka();
  brokers = connection.brokers;
  cluster = await openTestCluster(connection);
}, 180_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

function options(more: object = {}): KafkaSinkOptions {
  return sinkOptions({ prefix: randomName('sink'), brokers, ...more });
}

function open(chosen: KafkaSinkOptions): Promise<KafkaSink> {
  const { engine, stateFolder } = world;
  const logger = createSilentLogger();
  return openKafkaSink(chosen, { engine, stateFolder, logger, project: 'test' });
}

async function table(name: string): Promise<string> {
  await world.define(schemaOf(`shop.${name}`, [id, note]), 'resnapshot');
  return `shop.${name}`;
}

/** What a reader sees of the messages in a topic. */
async function messages(topic: string) {
  const records = await recordsOf(cluster, topic);
  return records.map(({ value, headers }) => {
    const message = value && JSON.parse(String(value));
    return {
      op: message?.op ?? null,
      before: message?.before?.note,
      after: message?.after?.note,
      version: String(headers['version']),
    };
  });
}

describe('a table as a changelog in Kafka', () => {
  test('has the row before and after, and no message where nothing changed', async () => {
    const chosen = options({ partitions: 1 });
    await using sink = await open(chosen);
    const source = await table('images');
    const copier = world.copier(source, sink, chosen);
    const put = async (value: string, deleted = false) => {
      await world.put(source, [[1, value]], { deleted });
      await world.copy(source, sink, chosen, copier);
      return String(world.version);
    };
    const first = await put('one');
    const second = await put('two');
    await put('two');
    // The image of a deletion in the warehouse is not what readers have; theirs counts.
    const last = await put('other', true);
    await put('nobody has it', true);
    const again = await put('back');
    expect(await messages(`${chosen.prefix}.${source}`)).toEqual([
      { op: 'c', before: undefined, after: 'one', version: first },
      { op: 'u', before: 'one', after: 'two', version: second },
      { op: 'd', before: 'two', after: undefined, version: last },
      { op: null, before: undefined, after: undefined, version: last },
      { op: 'c', before: undefined, after: 'back', version: again },
    ]);
  });

  test('has its keys where Java’s producer puts them, in a compacted topic as the project file says', async () => {
    const chosen = options({
      partitions: 2,
      overrides: [{ tables: 'shop.*', settings: { partitions: 5 } }],
    });
    await using sink = await open(chosen);
    const source = await table('partitions');
    await world.put(
      source,
      Array.from({ length: 40 }, (_, at) => [at, `note ${at}`]),
    );
    await world.copy(source, sink, chosen);
    const topic = `${chosen.prefix}.${source}`;
    const described = (await cluster.describeTopics([topic])).get(topic);
    expect(described?.partitions.length).toBe(5);
    expect(described?.settings.get('cleanup.policy')).toBe('compact');
    let count = 0;
    for (const { partition, high } of await cluster.bounds(topic)) {
      if (high === 0) continue;
      const [found] = await cluster.fetch([{ topic, partition, offset: 0 }], {
        maxBytes: 1e6,
        maxWaitMs: 500,
      });
      for (const { key } of found?.records ?? []) {
        expect(partitionOf(key ?? Buffer.alloc(0), 5)).toBe(partition);
        count++;
      }
    }
    expect(count).toBe(40);
  });

  test('is an insert for every row without `before`, which a reader keeps by key', async () => {
    const chosen = options({ before: false, partitions: 1 });
    await using sink = await open(chosen);
    const source = await table('upserts');
    const copier = world.copier(source, sink, chosen);
    for (const value of ['one', 'two', 'two']) {
      await world.put(source, [[1, value]]);
      await world.copy(source, sink, chosen, copier);
    }
    await world.put(source, [[2, 'gone']]);
    await world.put(source, [[2, 'gone']], { deleted: true });
    await world.copy(source, sink, chosen, copier);
    const ops = (await messages(`${chosen.prefix}.${source}`)).map(({ op, after }) => [op, after]);
    expect(ops).toEqual([
      ['c', 'one'],
      ['c', 'two'],
      ['c', 'two'],
      ['d', undefined],
      [null, undefined],
    ]);
    // Made anew, it takes back what it does not meet, by key only.
    await table('upserts');
    await world.put(source, [[3, 'three']]);
    await world.copy(source, sink, chosen, copier);
    expect(await world.differences(source, sink, chosen)).toEqual([]);
    await copier.drop(world.feed(source));
    expect((await messages(`${chosen.prefix}.${source}`)).at(-1)?.op).toBe(null);
  });

  test('shuts out a writer when another one begins', async () => {
    const chosen = options();
    await using first = await open(chosen);
    await using second = await open(chosen);
    const source = await table('fenced');
    await world.put(source, [[1, 'one']]);
    const copier = world.copier(source, first, chosen);
    await world.copy(source, first, chosen, copier);
    await world.put(source, [[1, 'two']]);
    await world.copy(source, second, chosen);
    await world.put(source, [[1, 'three']]);
    // A process that was stopped before its next batch and goes on with it.
    const progress = await second.progress();
    const { sequence } = progress.get(source) ?? { sequence: 0 };
    const { table: planned } = await copier.plan(world.feed(source));
    const step = { follows: sequence - 1, next: { sequence, value: '{}' } };
    const engine = world.engine;
    const select = `SELECT toInt32(1), 'late', toUInt64(${world.version}), toUInt8(0)`;
    const batch = { table: planned, token: 'late', step, maxRows: 1, select, engine };
    const write = first.write({ ...batch, isRepair: false, refuse: async () => {} });
    await expect(write).rejects.toMatchObject({ code: 'CDC_SINK_FENCED', kind: 'operator' });
    await world.copy(source, second, chosen);
    const records = await recordsOf(cluster, `${chosen.prefix}.${source}`);
    const notes = [...followChangelog(records).values()].map(
      (row) => (row as { note: string }).note,
    );
    expect(notes).toEqual(['three']);
  });

  test('puts a row aside whose message is too large, and lets the others through', async () => {
    const chosen = options({ compression: 'none', partitions: 1 });
    await using sink = await open(chosen);
    const source = await table('large');
    const copier = world.copier(source, sink, chosen);
    const large = 'x'.repeat(1_100_000);
    await world.put(source, [
      [1, 'small'],
      [2, large],
      [3, 'small too'],
      [4, 'y'.repeat(900_000)],
    ]);
    expect(await world.copy(source, sink, chosen, copier)).toBe(1);
    const letters = (await new DeadRows(world.engine).list(chosen.name)).filter(
      (letter) => letter.table === source,
    );
    expect(letters).toMatchObject([
      { key: '["2"]', reason: expect.stringMatching(/max.message.bytes/) },
    ]);
    const found = (await messages(`${chosen.prefix}.${source}`)).map(({ after }) => after?.length);
    expect(found).toEqual([5, 9, 900_000]);
    await world.put(source, [[2, 'small now']]);
    await world.copy(source, sink, chosen, copier);
    expect(await world.differences(source, sink, chosen)).toEqual([]);
  });

  test('mends a topic that somebody else has written to', async () => {
    const chosen = options({ partitions: 1 });
    await using sink = await open(chosen);
    const source = await table('mended');
    await world.put(source, [
      [1, 'one'],
      [2, 'two'],
    ]);
    const copier = world.copier(source, sink, chosen);
    await world.copy(source, sink, chosen, copier);
    const topic = `${chosen.prefix}.${source}`;
    // Somebody takes row 1 away, in the topic only.
    await using producer = await cluster.openProducer({});
    const batch = new RecordBatchWriter();
    batch.begin(Date.now());
    batch.writer.offset += batch.writer.buffer.write('{"id":1}', batch.writer.offset);
    batch.endKey();
    batch.nullValue();
    batch.endRecord();
    await producer.send(topic, 0, await batch.seal('none'));
    expect(await world.differences(source, sink, chosen)).toMatchObject([
      { key: ['1'], kind: 'missing' },
    ]);
    await copier.resend(world.feed(source), 'SELECT toInt32(1) AS id', signal);
    expect(await world.differences(source, sink, chosen)).toEqual([]);
  });

  test('stops at a topic that is not its own, and at one that was deleted until it is told to begin anew', async () => {
    const chosen = options({ partitions: 1 });
    await using sink = await open(chosen);
    const source = await table('deleted');
    await world.put(source, [
      [1, 'one'],
      [2, 'two'],
    ]);
    const topic = `${chosen.prefix}.${source}`;
    await cluster.createTopics([{ topic, partitions: 1, replication: 1, settings: {} }]);
    await using producer = await cluster.openProducer({});
    const batch = new RecordBatchWriter();
    batch.begin(Date.now());
    batch.nullKey();
    batch.nullValue();
    batch.endRecord();
    await producer.send(topic, 0, await batch.seal('none'));
    const copier = world.copier(source, sink, chosen);
    const incompatible = { code: 'CDC_SINK_INCOMPATIBLE', details: { table: source } };
    await expect(world.copy(source, sink, chosen, copier)).rejects.toMatchObject(incompatible);

    const remove = () => administer(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
    const isGone = async () => !(await cluster.topics()).includes(topic);
    await remove();
    await waitUntil('the topic is gone', isGone);
    await world.copy(source, sink, chosen, copier);
    await remove();
    await waitUntil('the topic is gone', isGone);
    await world.put(source, [[3, 'three']]);
    const lost = world.copy(source, sink, chosen, copier);
    await expect(lost).rejects.toMatchObject(incompatible);
    await copier.drop(world.feed(source));
    await world.copy(source, sink, chosen, copier);
    expect(await world.differences(source, sink, chosen)).toEqual([]);
    expect(followChangelog(await recordsOf(cluster, topic)).size).toBe(3);
  });

  test('says which cluster does not answer, and what is not as it should be', async () => {
    await using away = await open(options({ brokers: ['127.0.0.1:1'] }));
    expect(await away.preflight()).toMatchObject([
      { code: 'CDC_KAFKA_UNREACHABLE', severity: 'error' },
    ]);
    await expect(away.progress()).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
      kind: 'transient',
    });
    await using sink = await open(options({ replication: 3 }));
    expect(await sink.preflight()).toMatchObject([
      { message: '3 replicas are asked for, and the cluster has 1' },
    ]);
  });
});

describe('a changelog on a broker of its own', () => {
  let broker: LocalKafka;
  beforeAll(async () => {
    broker = await LocalKafka.open({ sasl: { username: 'cdc', password: 'secret' } });
  }, 180_000);
  afterAll(() => broker?.[Symbol.asyncDispose]());

  test('goes on when the broker was killed and came back', async () => {
    const chosen = options({ brokers: [broker.address()], partitions: 2 });
    await using sink = await open(chosen);
    const source = await table('killed_broker');
    const copier = world.copier(source, sink, chosen);
    for (let round = 0; round < 4; round++) {
      await world.put(
        source,
        Array.from({ length: 300 }, (_, at) => [at, `round ${round} ${at % 3}`]),
      );
      const copying = world.copy(source, sink, chosen, copier);
      if (round % 2 === 1) {
        await broker.kill();
        await broker.start();
      }
      await copying;
    }
    expect(await world.differences(source, sink, chosen)).toEqual([]);
    const logger = createSilentLogger();
    await using own = await openKafkaCluster(
      { brokers: [broker.address()] },
      { clientId: 'test', logger },
    );
    expect(followChangelog(await recordsOf(own, `${chosen.prefix}.${source}`)).size).toBe(300);
  }, 180_000);

  test('refuses a wrong password as an operator’s matter', async () => {
    const sasl = { mechanism: 'plain', username: 'cdc', password: 'wrong' };
    await using sink = await open(options({ brokers: [broker.address('SASL_PLAINTEXT')], sasl }));
    await expect(sink.progress()).rejects.toMatchObject({
      code: 'CDC_SINK_ACCESS_DENIED',
      kind: 'operator',
    });
  });
});
