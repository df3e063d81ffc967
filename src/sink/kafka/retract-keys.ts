import type { MessageFormat } from '../../change/message-layout.ts';
import type { BatchSender, PartitionLane } from '../../kafka/batch-sender.ts';
import type { KafkaCluster } from '../../kafka/kafka-cluster.ts';
import { rowOf } from './message-values.ts';
import { lastMessages } from './read-back.ts';
import { putHeaders } from './record-headers.ts';

/** A batch is sent at this size. */
const batchBytes = 256 * 1024;

export interface RetractKeysOptions {
  readonly cluster: KafkaCluster;
  readonly sender: BatchSender;
  readonly lanes: readonly PartitionLane[];
  /** As `tableHeaders` makes them. */
  readonly headers: Buffer;
  readonly format: MessageFormat;
  /** Undefined: whatever their version is. */
  readonly below: bigint | undefined;
}

/**
 * Writes a message without value for every key whose last message leaves a row that is older than `below`. What the rows
 * were is not known; the keys are read from the topic itself.
 */
export async function retractKeys(options: RetractKeysOptions): Promise<void> {
  const { cluster, sender, lanes, headers, format, below } = options;
  const bounds = lanes[0] === undefined ? [] : await cluster.bounds(lanes[0].topic);
  for (const lane of lanes) {
    const { topic, partition, batch } = lane;
    const { low = 0, high = 0 } = bounds[partition] ?? {};
    const isRow = (value: Buffer) => rowOf(value.toString('utf8'), format) !== undefined;
    const last = await lastMessages(cluster, { topic, partition, offset: low, high }, isRow);
    for (const [key, { version }] of last) {
      const number = BigInt(version);
      if (below !== undefined && number >= below) continue;
      batch.begin(Date.now());
      batch.writer.reserve(key.length);
      batch.writer.offset += batch.writer.buffer.write(key, batch.writer.offset, 'latin1');
      batch.endKey();
      batch.nullValue();
      putHeaders(batch, headers, Number(number >> 32n), Number(number & 0xffffffffn));
      batch.endRecord();
      if (batch.bytes >= batchBytes) await sender.send(lane);
    }
    if (!batch.isEmpty) await sender.send(lane);
  }
}
