import type { KafkaCluster, KafkaRecord } from '../../src/kafka/kafka-cluster.ts';
import { KafkaSink } from '../../src/sink/kafka/kafka-sink.ts';
import { type KafkaSinkOptions, kafkaSinkOptions } from '../../src/sink/kafka/options.ts';
import type { RowEngine } from '../../src/sink/row-engine.ts';
import { readToEnd } from '../support/kafka-reading.ts';
import type { MemoryKafka } from '../support/memory-kafka.ts';
import type { Random } from '../support/random.ts';

export const prefix = 'changes';

export function sinkOptions(more: object = {}): KafkaSinkOptions {
  return kafkaSinkOptions.parse({
    type: 'kafka',
    name: 'changes',
    tables: ['shop.*'],
    brokers: ['memory:0'],
    prefix,
    compression: 'none',
    ...more,
  });
}

/** A sink over topics in this process. */
export function memorySink(kafka: MemoryKafka, options: KafkaSinkOptions, engine: RowEngine) {
  return new KafkaSink(options, { cluster: kafka.cluster(), engine, project: 'test' });
}

/** The engine as a process has it that may be killed before or after any statement, or while it reads. */
export function killedEngine(engine: RowEngine, random: Random, chance: () => number): RowEngine {
  const dies = () => random.next() < chance();
  const killed = () => new Error('killed');
  return {
    async command(sql, options) {
      if (dies()) throw killed();
      const result = await engine.command(sql, options);
      if (dies()) throw killed();
      return result;
    },
    rows: (sql, options) => engine.rows(sql, options),
    async *query(sql, options) {
      for await (const chunk of engine.query(sql, options)) {
        // The chunks of a slow connection: rows are cut anywhere.
        const cut = random.between(0, chunk.length);
        yield chunk.subarray(0, cut);
        if (dies()) throw killed();
        yield chunk.subarray(cut);
      }
    },
    insert: (insert) => engine.insert(insert),
  };
}

interface DebeziumMessage {
  readonly op: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

/**
 * Follows a changelog as a reader does that retracts: every message must fit what the ones before have left, which none does that
 * came twice, came late or is missing. Returns the rows in the end, by key.
 */
export function followChangelog(records: readonly KafkaRecord[]): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  for (const { key, value, offset, headers } of records) {
    if (key === null || value === null) continue;
    const { op, before, after } = JSON.parse(String(value)) as DebeziumMessage;
    const known = rows.get(String(key)) ?? null;
    const found = JSON.stringify([op, before]);
    const wanted = JSON.stringify([known === null ? 'c' : after === null ? 'd' : 'u', known]);
    if (found !== wanted) {
      throw new Error(`offset ${offset}, version ${headers['version']}: ${found}, not ${wanted}`);
    }
    if (JSON.stringify(before) === JSON.stringify(after)) {
      throw new Error(`offset ${offset} changes nothing: ${value}`);
    }
    if (after === null) rows.delete(String(key));
    else rows.set(String(key), after);
  }
  return rows;
}

/** All records of a topic, partition after partition. */
export async function recordsOf(cluster: KafkaCluster, topic: string): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  for (const { partition, low } of await cluster.bounds(topic)) {
    const found = await readToEnd(cluster, topic, { partition, offset: low });
    records.push(...found.records);
  }
  return records;
}
