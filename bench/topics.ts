import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openCatalog } from '../src/catalog/lmdb-catalog.ts';
import { hasReached } from '../src/change/position.ts';
import { LocalKafka } from '../src/demo/server/kafka-server.ts';
import { openKafkaCluster } from '../src/kafka/kafkajs-cluster.ts';
import { EmbeddedLog } from '../src/log/embedded/embedded-log.ts';
import { createLogger } from '../src/ops/logger.ts';
import { KafkaSource } from '../src/source/kafka/kafka-source.ts';
import { kafkaSourceOptions } from '../src/source/kafka/options.ts';
import {
  canalValue,
  debeziumKey,
  debeziumValue,
  maxwellValue,
  orderFields,
} from '../test/support/tool-messages.ts';
import { TopicWriter } from '../test/support/topic-writer.ts';
import type { Measurement } from './bench.ts';
import { rate } from './bench-project.ts';

const count = 300_000;
const logger = createLogger({ level: 'error', output: process.stderr });

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'customer', type: 'varchar(64)' },
  { name: 'amount', type: 'decimal(10,2)' },
];

const row = (id: number) => ({
  id,
  customer: `customer ${id % 977}`,
  amount: 'BOI=',
  at: 1769860800000000 + id,
});

/** Topics of other tools into the embedded log, and what decides about the speed. */
const cases = [
  {
    name: 'Debezium without schema blocks',
    entries: [{ format: 'debezium', key: ['id'], columns }],
    value: (id: number) => debeziumValue({ op: 'c', after: row(id), pos: id }),
  },
  {
    name: 'Debezium with schema blocks',
    entries: [{ format: 'debezium' }],
    value: (id: number) => debeziumValue({ op: 'c', after: row(id), pos: id }, orderFields),
  },
  {
    name: 'Maxwell, 20 tables in one topic',
    entries: Array.from({ length: 20 }, (_, table) => ({
      format: 'maxwell',
      table: `shop.t${table}`,
      key: ['id'],
      columns,
    })),
    value: (id: number) => maxwellValue('insert', `t${id % 20}`, row(id)),
  },
  {
    name: 'Canal, one row a message',
    entries: [{ format: 'canal' }],
    value: (id: number) =>
      canalValue('INSERT', [{ id: String(id), customer: 'x', amount: '1.50' }]),
  },
];

export async function measureTopics(): Promise<Measurement[]> {
  await using broker = await LocalKafka.open();
  await using writer = await TopicWriter.open({ brokers: [broker.address()] });
  const measurements: Measurement[] = [];
  for (const [index, each] of cases.entries()) {
    const topic = `bench.${index}`;
    await writer.createTopic(topic, 3);
    const sizes = await fill(writer, topic, each.value);
    const entries = each.entries.map((entry) => ({ topic, table: 'shop.orders', ...entry }));
    const { seconds, cpuSeconds } = await read(broker.address(), entries);
    measurements.push({
      name: `topic to log alone, ${each.name}, ${sizes} bytes a message`,
      figure: `${rate(count, seconds)}, ${rate(count, cpuSeconds)} of CPU`,
      target: '-',
      limit: 'the broker and the fetching work on the same 2 cores',
      checked: `${count.toLocaleString('en')} messages counted`,
    });
  }
  return measurements;
}

async function fill(
  writer: TopicWriter,
  topic: string,
  messageOf: (id: number) => string,
): Promise<number> {
  for (let from = 0; from < count; from += 10_000) {
    const messages = Array.from({ length: 10_000 }, (_, at) => ({
      value: messageOf(from + at),
      key: debeziumKey(from + at),
      partition: (from + at) % 3,
    }));
    await writer.write(topic, messages);
  }
  return messageOf(count).length;
}

async function read(broker: string, tables: readonly object[]) {
  const folder = await mkdtemp(join(tmpdir(), 'cdc-bench-topics-'));
  try {
    await using catalog = await openCatalog(join(folder, 'catalog'));
    const limits = { maxBytes: 2 ** 40, retainBytes: 0 };
    await using log = new EmbeddedLog(catalog, limits);
    const options = { type: 'kafka', brokers: [broker], unmatched: 'ignore', tables };
    await using source = new KafkaSource(kafkaSourceOptions.parse(options), {
      openCluster: () => openKafkaCluster({ brokers: [broker] }, { clientId: 'bench', logger }),
      logger,
      log,
    });
    const from = await source.currentPosition();
    const end = (await source.endPosition()).position;
    const abort = new AbortController();
    const startedAt = performance.now();
    const before = process.cpuUsage();
    let messages = 0;
    let appended: Promise<unknown> = Promise.resolve();
    for await (const { batch } of source.stream(from, abort.signal)) {
      await appended;
      appended = log.append([batch]);
      messages += batch.transactions;
      if (hasReached(batch.position, end)) abort.abort();
    }
    await appended;
    const { user, system } = process.cpuUsage(before);
    if (messages !== count) throw new Error(`read ${messages} messages of ${count}`);
    const seconds = (performance.now() - startedAt) / 1000;
    return { seconds, cpuSeconds: (user + system) / 1e6 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { name, figure } of await measureTopics())
    process.stdout.write(`${name}: ${figure}\n`);
}
