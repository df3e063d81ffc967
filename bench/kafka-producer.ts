import { readFile } from 'node:fs/promises';
import kafkajs from 'kafkajs';
import { LocalKafka } from '../src/demo/server/kafka-server.ts';
import { type Compression, compress, decompress } from '../src/kafka/compression.ts';
import type { RecordProducer } from '../src/kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../src/kafka/kafkajs-cluster.ts';
import { partitionOf } from '../src/kafka/murmur2.ts';
import type { SealedBatch } from '../src/kafka/record-batch.ts';
import {
  encodeHeaderName,
  encodeHeaders,
  RecordBatchWriter,
} from '../src/kafka/record-batch-writer.ts';
import { createSilentLogger } from '../src/ops/logger.ts';

/*
 * The producer alone, beside kafkajs's own: `npx tsx bench/kafka-producer.ts [records]`. Starts a broker of its
 * own on this machine; client and broker share its cores. Each figure is the median of three runs, each
 * into a topic of its own, from the first record to the last acknowledgement.
 */

const records = Number(process.argv[2] ?? 500_000);
const runs = 3;
const partitions = 3;
const valueBytes = 784;
/** Enough that no batch is the same as another, few enough that making them costs nothing. */
const samples = makeSamples(2_000);
const template = encodeHeaders({ table: 'shop.orders', schema: '3', transaction: '0-1-1234567' });
const versionName = encodeHeaderName('version');
const positionName = encodeHeaderName('position');
const position = Buffer.from('mysql-bin.000042:123456789');

interface Sample {
  readonly key: Buffer;
  readonly value: Buffer;
}

interface Result {
  readonly perSecond: number;
  readonly clientMicros: number;
  readonly brokerMicros: number;
}

/** Values like Debezium's: the same field names each time, the data of a row in between. */
function makeSamples(count: number): Sample[] {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state;
  };
  return Array.from({ length: count }, () => {
    const id = random();
    const row = {
      ...{
        id,
        user: random(),
        status: random() % 5,
        amount: `${random() % 1e6}.${random() % 100}`,
      },
      ...{ note: `${random().toString(36)} ${random().toString(36)}`, city: random() % 400 },
      ...{ created: 1_790_000_000_000 + random(), updated: 1_790_000_000_000 + random() },
    };
    const source = {
      ...{ version: '3.5.0.Final', connector: 'mysql', name: 'shop', ts_ms: 1_790_000_000_000 },
      ...{ snapshot: 'false', db: 'shop', table: 'orders', server_id: 1, file: 'mysql-bin.000042' },
      ...{ pos: random(), row: 0, thread: 7, query: null, gtid: null },
    };
    const change = { before: { ...row, status: 0 }, after: row, source, op: 'u', ts_ms: random() };
    const value = Buffer.from(JSON.stringify(change).padEnd(valueBytes).slice(0, valueBytes));
    return { key: Buffer.from(JSON.stringify({ id })), value };
  });
}

function write(batch: RecordBatchWriter, { key, value }: Sample, version: number): void {
  const { writer } = batch;
  batch.begin(1_790_000_000_000 + (version & 0xff));
  writer.reserve(key.length);
  writer.buffer.set(key, writer.offset);
  writer.offset += key.length;
  batch.endKey();
  writer.reserve(value.length);
  writer.buffer.set(value, writer.offset);
  writer.offset += value.length;
  batch.endValue();
  batch.beginHeaders(5);
  batch.putHeaders(template);
  batch.beginHeader(versionName);
  writer.view.setFloat64(writer.offset, version);
  writer.offset += 8;
  batch.endHeader();
  batch.beginHeader(positionName);
  writer.offset += position.copy(writer.buffer, writer.offset);
  batch.endHeader();
  batch.endRecord();
}

/** Ours: batches of `batchBytes`, up to 16 MiB of them on their way. */
async function produce(
  producer: RecordProducer,
  topic: string,
  options: { readonly compression: Compression; readonly batchBytes: number },
): Promise<void> {
  const batches = Array.from({ length: partitions }, () => new RecordBatchWriter());
  const turns: Promise<unknown>[] = batches.map(() => Promise.resolve());
  const sends = new Set<Promise<unknown>>();
  const most = Math.max(6, Math.floor((16 * 1024 ** 2) / options.batchBytes));
  const seal = (partition: number): void => {
    const sealed = batches[partition]?.seal(options.compression) as SealedBatch;
    const turn = (turns[partition] as Promise<unknown>).then(() => sealed);
    turns[partition] = turn;
    const send = turn.then((batch) => producer.send(topic, partition, batch as SealedBatch));
    sends.add(send);
    void send.then(() => sends.delete(send));
  };
  for (let index = 0; index < records; index++) {
    const sample = samples[index % samples.length] as Sample;
    const partition = partitionOf(sample.key, partitions);
    const batch = batches[partition] as RecordBatchWriter;
    write(batch, sample, index);
    if (batch.bytes < options.batchBytes) continue;
    seal(partition);
    while (sends.size >= most) await Promise.race(sends);
  }
  for (const [partition, batch] of batches.entries()) if (!batch.isEmpty) seal(partition);
  await Promise.all(sends);
}

/** kafkajs: as many messages a call as make about 512 KiB for each partition. */
async function produceByKafkajs(
  broker: LocalKafka,
  topic: string,
  compression: number,
): Promise<() => Promise<void>> {
  const { Kafka, logLevel } = kafkajs;
  const kafka = new Kafka({ brokers: [broker.address()], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const fixed = { table: 'shop.orders', schema: '3', transaction: '0-1-1234567' };
  return async () => {
    for (let start = 0; start < records; start += 1_950) {
      const messages = [];
      for (let index = start; index < Math.min(start + 1_950, records); index++) {
        const { key, value } = samples[index % samples.length] as Sample;
        messages.push({ key, value, headers: { ...fixed, version: String(index), position } });
      }
      await producer.sendBatch({ acks: -1, compression, topicMessages: [{ topic, messages }] });
    }
    await producer.disconnect();
  };
}

async function cpuMicros(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function measure(broker: LocalKafka, run: () => Promise<void>): Promise<Result> {
  const brokerBefore = await cpuMicros(broker.pid);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await run();
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  return {
    perSecond: records / seconds,
    clientMicros: (cpu.user + cpu.system) / records,
    brokerMicros: ((await cpuMicros(broker.pid)) - brokerBefore) / records,
  };
}

function print(name: string, results: readonly Result[]): void {
  const median = (of: (result: Result) => number) =>
    results.map(of).sort((left, right) => left - right)[Math.floor(results.length / 2)] as number;
  const perSecond = Math.round(median((result) => result.perSecond) / 1000);
  const client = median((result) => result.clientMicros).toFixed(2);
  const server = median((result) => result.brokerMicros).toFixed(2);
  console.log(
    `${name.padEnd(44)} ${perSecond}k records/s, CPU us/record ${client} client, ${server} broker`,
  );
}

async function main(): Promise<void> {
  await using broker = await LocalKafka.open({
    properties: { 'log.retention.bytes': '200000000' },
  });
  const context = { clientId: 'bench', logger: createSilentLogger() };
  await using cluster = await openKafkaCluster({ brokers: [broker.address()] }, context);
  let number = 0;
  const newTopic = async () => {
    const topic = `bench_${number++}`;
    await cluster.createTopics([{ topic, partitions, replication: 1, settings: {} }]);
    return topic;
  };
  const ours = async (
    name: string,
    compression: Compression,
    batchKib: number,
    maxInFlight: number,
  ) => {
    const results: Result[] = [];
    for (let run = 0; run < runs; run++) {
      const topic = await newTopic();
      await using producer = await cluster.openProducer({ maxInFlight });
      const options = { compression, batchBytes: batchKib * 1024 };
      results.push(await measure(broker, () => produce(producer, topic, options)));
    }
    print(`${name} ${compression}, ${batchKib} KiB, ${maxInFlight} in flight`, results);
  };
  const theirs = async (compression: Compression, id: number) => {
    const results: Result[] = [];
    for (let run = 0; run < runs; run++) {
      const topic = await newTopic();
      results.push(await measure(broker, await produceByKafkajs(broker, topic, id)));
    }
    print(`kafkajs sendBatch ${compression}`, results);
  };

  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async (encoder: { buffer: Buffer }) => compress('lz4', encoder.buffer),
    decompress: async (bytes: Buffer) => decompress('lz4', bytes),
  });
  await ours('(warm-up)', 'none', 512, 3);
  for (const compression of ['none', 'lz4', 'zstd', 'snappy', 'gzip'] as const) {
    await ours('ours', compression, 512, 5);
  }
  for (const batchKib of [128, 256, 900]) await ours('ours', 'none', batchKib, 5);
  for (const maxInFlight of [1, 2, 3]) await ours('ours', 'none', 512, maxInFlight);
  for (const maxInFlight of [1, 2, 3]) await ours('ours', 'lz4', 512, maxInFlight);
  await theirs('none', CompressionTypes.None);
  await theirs('lz4', CompressionTypes.LZ4);
}

await main();
