import { LocalKafka } from '../src/demo/server/kafka-server.ts';
import type { KafkaRecord } from '../src/kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../src/kafka/kafkajs-cluster.ts';
import { partitionOf } from '../src/kafka/murmur2.ts';
import { readRecords } from '../src/kafka/read-records.ts';
import { RecordBatchWriter } from '../src/kafka/record-batch-writer.ts';
import { createLogger } from '../src/ops/logger.ts';
import { type BenchStore, orders } from './sinks-store.ts';

const partitions = 3;
const batchBytes = 512 * 1024;

/** The messages of the sink are taken from its topic and sent once more, as they are. */
export async function openKafkaStore(): Promise<BenchStore> {
  const server = await LocalKafka.open({ report: (line) => console.error(line) });
  const logger = createLogger({ level: 'error', output: process.stderr });
  const brokers = [server.address()];
  const cluster = await openKafkaCluster({ brokers }, { clientId: 'bench', logger });
  return {
    options: { type: 'kafka', brokers, prefix: 'sink', partitions },
    pid: server.pid,
    bulkName: 'a producer of finished messages',
    async prepareBulk() {
      const records: KafkaRecord[] = [];
      const topic = `sink.${orders.table}`;
      const bounds = await cluster.bounds(topic);
      const spans = bounds.map(({ low, ...span }) => ({ topic, offset: low, ...span }));
      await readRecords(cluster, spans, (record) => records.push(record));
      await cluster.createTopics([{ topic: 'bulk', partitions, replication: 1, settings: {} }]);
      const producer = await cluster.openProducer({ writerId: 'bulk' });
      return async () => {
        const batches = Array.from({ length: partitions }, () => new RecordBatchWriter());
        const sends: Promise<unknown>[] = [];
        const send = async (batch: RecordBatchWriter, partition: number) => {
          await producer.send('bulk', partition, await batch.seal('lz4'));
        };
        for (const { key, value } of records) {
          const partition = partitionOf(key ?? empty, partitions);
          const batch = batches[partition] as RecordBatchWriter;
          batch.begin(Date.now());
          put(batch, key ?? empty);
          batch.endKey();
          put(batch, value ?? empty);
          batch.endValue();
          batch.endRecord();
          if (batch.bytes < batchBytes) continue;
          sends.push(send(batch, partition));
          // As many on their way as the sink has.
          if (sends.length % 32 === 0) await sends[sends.length - 32];
        }
        for (const [at, batch] of batches.entries())
          if (!batch.isEmpty) sends.push(send(batch, at));
        await Promise.all(sends);
        await producer[Symbol.asyncDispose]();
        return (await cluster.bounds('bulk')).reduce((sum, { high }) => sum + high, 0);
      };
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const empty = Buffer.alloc(0);

function put({ writer }: RecordBatchWriter, bytes: Buffer): void {
  writer.reserve(bytes.length);
  writer.offset += bytes.copy(writer.buffer, writer.offset);
}
