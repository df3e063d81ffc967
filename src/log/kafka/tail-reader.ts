import type { FetchPlace, KafkaCluster, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { digestOf, type TailRecord } from './partition-tail.ts';
import { recordHeader } from './record-headers.ts';

const fetchOptions = { maxBytes: 8 * 1024 ** 2, maxWaitMs: 500 } as const;

/**
 * Reads partitions from the places given to their ends as of now, and hands over every record of the
 * stream that is ours. Nobody may write to them meanwhile (see `RecordProducer.fence`).
 */
export async function readTails(
  cluster: KafkaCluster,
  tails: readonly (FetchPlace & { readonly high: number })[],
  onRecord: (place: FetchPlace, record: TailRecord) => void,
): Promise<void> {
  let open = tails.filter(({ offset, high }) => offset < high);
  while (open.length > 0) {
    const fetched = await cluster.fetch(open, fetchOptions);
    open = open.flatMap((place) => {
      const answer = fetched.find(
        ({ topic, partition }) => topic === place.topic && partition === place.partition,
      );
      if (answer === undefined) return [place];
      for (const record of answer.records) {
        const found = tailRecordOf(record);
        if (found !== undefined) onRecord(place, found);
      }
      return answer.nextOffset < place.high ? [{ ...place, offset: answer.nextOffset }] : [];
    });
  }
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
