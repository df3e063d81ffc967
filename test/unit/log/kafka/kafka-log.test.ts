import { describe, expect, test } from 'vitest';
import { MemoryCatalog } from '../../../../src/catalog/memory-catalog.ts';
import type { ChangeBatch, Section } from '../../../../src/change/change-batch.ts';
import { type Position, packVersion, versionOf } from '../../../../src/change/position.ts';
import type { TableSchema } from '../../../../src/change/table-schema.ts';
import type { LogEntry } from '../../../../src/log/change-log.ts';
import { KafkaLog } from '../../../../src/log/kafka/kafka-log.ts';
import { kafkaLogOptions } from '../../../../src/log/kafka/options.ts';
import { createSilentLogger } from '../../../../src/ops/logger.ts';
import {
  aBatch,
  aSchema,
  rowsSection,
  schemaSection,
} from '../../../contract/change-log-batches.ts';
import { MemoryKafka } from '../../../support/memory-kafka.ts';
import { Random } from '../../../support/random.ts';
import { waitUntil } from '../../../support/wait-until.ts';
import { plainFormat, versionsIn } from './plain-format.ts';

function openLog(kafka: MemoryKafka, settings: object = {}): Promise<KafkaLog> {
  const options = kafkaLogOptions.parse({
    type: 'kafka',
    brokers: ['memory:9092'],
    compression: 'none',
    ...settings,
  });
  return KafkaLog.open({
    cluster: kafka.cluster(),
    options,
    prefix: 'shop',
    layout: plainFormat.layout,
    openFormat: async () => plainFormat,
    offsets: new MemoryCatalog(),
    logger: createSilentLogger(),
  });
}

function positionAt(offset: number): Position {
  return { epoch: 0, file: 'mysql-bin.000001', offset, serverId: 'test' };
}

const orders = aSchema();
const topic = 'shop.shop.orders';

function rowAt(id: number, offset: number, deleted = false) {
  return { values: [id, `note ${offset}`], version: packVersion(0, 1, offset), deleted };
}

/** A transaction that ends at `offset` and has written these rows just before. */
function transaction(offset: number, ids: readonly number[], schema = orders): ChangeBatch {
  const rows = ids.map((id, index) => rowAt(id, offset - ids.length + index));
  const mark = { end: packVersion(0, 1, offset), id: `0-1-${offset}`, committedAtMs: offset };
  return aBatch([rowsSection(schema, rows)], { position: positionAt(offset), marks: [mark] });
}

async function readAll(log: KafkaLog, maxBytes = 1e9): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (let next = 0; next < log.end(); ) {
    const some = await log.read(next, maxBytes);
    expect(some.length, 'an entry before the end').toBeGreaterThan(0);
    entries.push(...some);
    next = some.at(-1)?.next ?? next;
  }
  return entries;
}

describe('the change log in Kafka', () => {
  test('gives back rows as messages, barriers in their place and positions', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka);
    const wider: TableSchema = { ...orders, version: 'v2' };
    const sections: Section[] = [
      schemaSection(orders),
      rowsSection(orders, [rowAt(1, 10), rowAt(2, 11)]),
      { kind: 'truncate', table: orders.table, version: packVersion(0, 1, 12) },
      { ...schemaSection(wider), version: packVersion(0, 1, 13) } as Section,
      rowsSection(wider, [rowAt(3, 14, true)]),
    ];
    await log.append([aBatch(sections, { position: positionAt(20) })], {
      checkpoints: { stream: positionAt(20) },
    });
    const [entry] = await readAll(log);
    expect(entry?.batch.sections.map(({ kind }) => kind)).toEqual([
      'schema',
      'messages',
      'truncate',
      'schema',
      'messages',
    ]);
    expect(entry?.batch.position).toEqual(positionAt(20));
    expect(versionsIn(entry?.batch as ChangeBatch).toSorted()).toEqual(
      [10, 11, 14].map((offset) => packVersion(0, 1, offset)),
    );
    expect(entry?.batch.sections[2]).toEqual(sections[2]);
    expect(log.checkpoint('stream')).toEqual(positionAt(20));
    expect(log.schemas().get(orders.table)).toEqual(wider);
    expect(log.schema(orders.table, 'v1')).toEqual(orders);
    expect(log.end()).toBe(entry?.next);
  });

  test('writes records with key, headers and tombstones that others can use', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka, { compaction: true, partitions: 1 });
    const mark = { end: packVersion(3, 7, 99), id: '0-1-5', committedAtMs: 1_000 };
    const row = { values: [1, 'x'], version: packVersion(3, 7, 2 ** 33 + 5), deleted: true };
    const position = { ...positionAt(99), epoch: 3, file: 'mysql-bin.000007' };
    const batch = aBatch([schemaSection(orders), rowsSection(orders, [row])], {
      position,
      marks: [mark],
    });
    await log.append([batch]);
    const records = kafka.records(topic);
    expect(records.map(({ key }) => key?.toString())).toEqual(['1', '1']);
    expect(records[0]?.value?.toString()).toBe('{"values":[1,"x"],"deleted":true}');
    expect(records[1]?.value).toBeNull();
    const headers = Object.entries(records[0]?.headers ?? {});
    expect(Object.fromEntries(headers.map(([name, text]) => [name, text.toString()]))).toEqual({
      table: 'shop.orders',
      schema: 'v1',
      version: row.version.toString(),
      position: `mysql-bin.000007:${2 ** 33 + 5}`,
      transaction: '0-1-5',
    });
    expect(records[0]?.timestampMs).toBe(1_000);
    expect(kafka.records('shop').map(({ value }) => value?.toString())).toEqual([
      '{"schema":"shop.orders"}',
    ]);
  });

  test('puts a truncate into every partition of its topic, and no reader takes it for a row', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka);
    const truncate: Section = {
      kind: 'truncate',
      table: orders.table,
      version: packVersion(0, 1, 12),
    };
    await log.append([aBatch([schemaSection(orders), truncate], { position: positionAt(20) })]);
    await log.append([transaction(30, [1, 2, 3])]);
    await log.discardOpen();
    const values = kafka.records(topic).map(({ value }) => value?.toString());
    expect(values.filter((value) => value === '{"truncate":true}')).toHaveLength(3);
    const entries = await readAll(log);
    expect(entries.flatMap(({ batch }) => versionsIn(batch))).toHaveLength(3);
  });

  test('opens with everything that was committed, also when that is many commits ago', async () => {
    const kafka = new MemoryKafka();
    {
      await using log = await openLog(kafka);
      await log.append([aBatch([schemaSection(orders)])], { checkpoints: { kept: 1, gone: 1 } });
      await log.append([], { checkpoints: { gone: undefined } });
      for (let n = 0; n < 1_100; n++) await log.append([], { checkpoints: { [`n/${n % 7}`]: n } });
    }
    await using again = await openLog(kafka);
    expect(again.checkpoint('kept')).toBe(1);
    expect(again.checkpoint('gone')).toBeUndefined();
    expect([...again.checkpoints<number>('n/').values()].toSorted()).toEqual([
      1093, 1094, 1095, 1096, 1097, 1098, 1099,
    ]);
    expect(again.schemas().get(orders.table)).toEqual(orders);
  });

  test('shows a reader in another process what is committed', async () => {
    const kafka = new MemoryKafka();
    await using reader = await openLog(kafka);
    await using writer = await openLog(kafka);
    const arrived = reader.waitFor(0, AbortSignal.timeout(10_000));
    await writer.append([aBatch([schemaSection(orders)])]);
    await writer.append([transaction(30, [1, 2])]);
    await arrived;
    await writer.discardOpen();
    await waitUntil('the reader has all', () => reader.end() === writer.end());
    expect((await readAll(reader)).flatMap(({ batch }) => versionsIn(batch))).toHaveLength(2);
  });

  test('shuts out a writer that was there before', async () => {
    const kafka = new MemoryKafka();
    await using first = await openLog(kafka);
    await first.append([aBatch([schemaSection(orders)])]);
    await first.append([transaction(30, [1, 2, 3])]);
    await using second = await openLog(kafka);
    await second.discardOpen();
    await expect(first.append([transaction(40, [1, 2, 3])])).rejects.toMatchObject({
      code: 'CDC_LOG_FENCED',
    });
    await second.append([transaction(40, [1, 2, 3])]);
    await second.discardOpen();
    expect(kafka.records(topic)).toHaveLength(6);
  });

  test('hides parts of a transaction until its end, and finds them again when it broke off', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka);
    await log.append([aBatch([schemaSection(orders)])], { checkpoints: { stream: 1 } });
    const end = log.end();
    const parts = [10, 20, 30].map((offset) => transaction(offset, [1, 2, 3, 4, 5]));
    await log.append(parts.slice(0, 1), { open: true });
    await log.append(parts.slice(1, 2), { open: true });
    expect(log.end()).toBe(end);
    await log.discardOpen();
    await log.append(parts.slice(0, 1), { open: true });
    await log.append(parts.slice(1, 2), { open: true });
    await log.append(parts.slice(2), { checkpoints: { stream: 2 } });
    await log.discardOpen();
    expect(kafka.records(topic)).toHaveLength(15);
    const entries = await readAll(log);
    expect(entries.map(({ batch }) => versionsIn(batch).length)).toEqual([0, 15]);
    expect(log.checkpoint('stream')).toBe(2);
  });

  test('says which table to read anew when its topic was deleted', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka);
    await log.append([aBatch([schemaSection(orders)])]);
    await log.append([transaction(30, [1, 2, 3])]);
    await log.discardOpen();
    kafka.topics.delete(topic);
    await expect(log.append([transaction(40, [1])])).rejects.toMatchObject({
      code: 'CDC_LOG_TOPIC_LOST',
      details: { topic, table: orders.table },
    });
    // What the capture does then: it stops the table, and its snapshot begins again later.
    await log.append([], { checkpoints: { 'stopped/shop.orders': true }, lostTopics: [topic] });
    await log.discardOpen();
    await log.append([transaction(50, [7])]);
    await log.discardOpen();
    expect(kafka.records(topic)).toHaveLength(1);
    // What the deleted topic held is left out; a reader that comes late sees what is there.
    const entries = await readAll(log);
    expect(entries.flatMap(({ batch }) => versionsIn(batch))).toHaveLength(1);
  });

  test('forgets no deleted topic before somebody has seen to its tables', async () => {
    const kafka = new MemoryKafka();
    const items = aSchema('shop.items');
    const itemsTopic = 'shop.shop.items';
    {
      await using log = await openLog(kafka);
      await log.append([aBatch([schemaSection(orders), schemaSection(items)])]);
      await log.append([transaction(30, [1, 2, 3]), transaction(40, [4], items)]);
    }
    kafka.topics.delete(topic);
    kafka.topics.delete(itemsTopic);
    await using log = await openLog(kafka);
    const lost = async () => {
      const error = await log.discardOpen().catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'CDC_LOG_TOPIC_LOST' });
      return String(error.details.topic);
    };
    const first = await lost();
    await log.append([], { checkpoints: { other: true } });
    expect(await lost()).toBe(first);
    await log.append([], { lostTopics: [first] });
    const second = await lost();
    expect([first, second].toSorted()).toEqual([itemsTopic, topic]);
    await log.append([], { lostTopics: [second] });
    await log.discardOpen();
  });

  test('makes the topic of events anew when it was deleted, and stops nobody for it', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka);
    await log.append([aBatch([schemaSection(orders)])]);
    kafka.topics.delete('shop');
    const change = aBatch([schemaSection(aSchema('shop.items'))]);
    await expect(log.append([change])).rejects.toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
    await log.discardOpen();
    await log.append([change]);
    expect(kafka.records('shop')).toHaveLength(1);
  });

  test('reads only the tables that are wanted, and says how far a reader is behind', async () => {
    const kafka = new MemoryKafka();
    await using log = await openLog(kafka, { partitions: 1 });
    const items = aSchema('shop.items');
    await log.append([aBatch([schemaSection(orders), schemaSection(items)])]);
    await log.append([transaction(30, [1, 2]), transaction(40, [3], items)]);
    await log.discardOpen();
    const wants = (table: string) => table === 'shop.items';
    const entries = await log.read(0, 1e9, wants);
    const tables = entries.flatMap(({ batch }) => batch.sections.map(({ table }) => table));
    expect(new Set(tables)).toEqual(new Set(['shop.items']));
    expect(entries.at(-1)?.next).toBe(log.end());
    expect(await log.lags(0)).toMatchObject([
      { topic, partition: 0, lag: 2 },
      { topic: 'shop.shop.items', partition: 0, lag: 1 },
    ]);
    expect(await log.lags(log.end())).toEqual([]);
  });
});

describe.each([1, 2, 3, 4, 5, 6])('a writer that breaks off at any moment (seed %i)', (seed) => {
  test('leaves every change in its topic once, in order, and whole transactions in every entry', async () => {
    const random = new Random(seed);
    const kafka = new MemoryKafka();
    const tables = [aSchema('shop.a'), aSchema('shop.b')];
    // The history of the source: transactions over both tables.
    const history = Array.from({ length: 150 }, (_, index) => {
      const end = (index + 1) * 100;
      const sections = tables.map((schema, place) => {
        const count = random.between(0, 4);
        const rows = Array.from({ length: count }, (_, row) =>
          rowAt(random.between(1, 20), end - 90 + place * 10 + row),
        );
        return rowsSection(schema, rows);
      });
      const mark = { end: packVersion(0, 1, end), id: `t${index}`, committedAtMs: index };
      return { sections, position: positionAt(end), mark };
    });
    kafka.fault = () =>
      random.next() < 0.06 ? random.pick(['before', 'after'] as const) : undefined;
    for (let isDone = false; !isDone; ) {
      // One life of a capture: from the last checkpoint, some transactions a batch, some in open parts.
      const log = await openLog(kafka, { partitions: 2 }).catch(() => undefined);
      if (log === undefined) continue;
      try {
        await log.discardOpen();
        if (log.schemas().size < 2) {
          const declared = tables.map((schema) => schemaSection(schema));
          await log.append([aBatch(declared, { position: positionAt(4), transactions: 0 })]);
        }
        const from = log.checkpoint<number>('stream') ?? 0;
        for (let next = from; next < history.length; ) {
          const some = history.slice(next, next + random.between(1, 5));
          const last = some.at(-1) as (typeof history)[number];
          const marks = some.map(({ mark }) => mark);
          const batches = tables.map((_, place) =>
            aBatch(
              some.map(({ sections }) => sections[place] as Section),
              { position: last.position, marks, transactions: place === 0 ? some.length : 0 },
            ),
          );
          if (random.next() < 0.3) {
            await log.append(batches.slice(0, 1), { open: true });
            await log.append(batches.slice(1), { checkpoints: { stream: next + some.length } });
          } else {
            await log.append(batches, { checkpoints: { stream: next + some.length } });
          }
          next += some.length;
          if (random.next() < 0.05) await log.discardOpen();
        }
        await log.discardOpen();
        isDone = true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'CDC_KAFKA_UNREACHABLE' });
      } finally {
        await log[Symbol.asyncDispose]();
      }
    }
    kafka.fault = () => undefined;
    const expected = (place: number) =>
      history.flatMap(({ sections }) => versionsOfRows(sections[place] as Section));
    for (const [place, { table }] of tables.entries()) {
      const { partitions = [] } = kafka.topics.get(`shop.${table}`) ?? {};
      const found = partitions.map(({ records }) =>
        records
          .filter((record) => record !== undefined)
          .map(({ headers }) => Number(headers['version'])),
      );
      for (const versions of found) expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      expect(found.flat().toSorted((a, b) => a - b)).toEqual(expected(place).map(Number));
    }
    await using log = await openLog(kafka);
    const entries = await readAll(log, 2_000);
    const passed: bigint[] = [];
    for (const { batch } of entries) {
      passed.push(...versionsIn(batch));
      if (batch.origin !== 'stream') continue;
      const due = history.filter(
        ({ position }) => versionOf(position) <= versionOf(batch.position),
      );
      const dueVersions = due.flatMap(({ sections }) => sections.flatMap(versionsOfRows));
      expect(passed.toSorted(byValue), `entry at ${batch.position.offset}`).toEqual(
        dueVersions.toSorted(byValue),
      );
    }
    expect(passed).toHaveLength(expected(0).length + expected(1).length);
  });
});

function versionsOfRows(section: Section): bigint[] {
  if (section.kind !== 'rows') return [];
  const rows: bigint[] = [];
  const encoder = plainFormat.encoder(orders);
  for (let at = 0; at < section.bytes.length; ) {
    at = encoder.read(section.bytes, at);
    rows.push((BigInt(encoder.versionHigh) << 32n) | BigInt(encoder.versionLow));
  }
  return rows;
}

function byValue(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
