import type { FetchPlace, KafkaCluster, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { type RecordSpan, readRecords } from '../../kafka/read-records.ts';
import { digestOf, type TailRecord } from './partition-tail.ts';
import { recordHeader } from './record-headers.ts';

/**
 * Reads partitions from the places given to their ends as of now, and hands over every record of the
 * stream that is ours. Nobody may write to them meanwhile (see `RecordProducer.fence`).
 */
export async function readTails(
  cluster: KafkaCluster,
  tails: readonly RecordSpan[],
  onRecord: (place: FetchPlace, record: TailRecord) => void,
): Promise<void> {
  await readRecords(cluster, tails, (record, place) => {
    const found = tailRecordOf(record);
    if (found !== undefined) onRecord(place, found);
  });
}

/** Undefined for a record that is not ours, or of a snapshot (which has no transaction). */
function tailRecordOf({ offset, value, headers }: KafkaRecord): TailRecord | undefined {
  const text = headers[recordHeader.version]?.toString('latin1');
  if (headers[recordHeader.transaction] === undefined || !text || !/^\d{1,19}$/.test(text)) {
    return undefined;
  }
  const version = BigInt(text);
  const place = { offset, high: Number(version >> 32n), low: Number(version & 0xffffffffn) };
  const isRow = headers[recordHeader.schema] !== undefined;
  return isRow ? place : { ...place, digest: digestOf(value) };
}
