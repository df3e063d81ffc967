import type { FetchPlace, KafkaCluster, KafkaRecord } from './kafka-cluster.ts';

const fetchOptions = { maxBytes: 8 * 1024 ** 2, maxWaitMs: 500 } as const;

/** A partition from a place on up to one. */
export interface RecordSpan extends FetchPlace {
  readonly high: number;
}

/** Reads spans side by side; records of one come in their order, those at `high` and after it may come too. */
export async function readRecords(
  cluster: KafkaCluster,
  spans: readonly RecordSpan[],
  onRecord: (record: KafkaRecord, span: RecordSpan) => void,
): Promise<void> {
  let open = spans.filter(({ offset, high }) => offset < high);
  while (open.length > 0) {
    const fetched = await cluster.fetch(open, fetchOptions);
    open = open.flatMap((span) => {
      const answer = fetched.find(
        ({ topic, partition }) => topic === span.topic && partition === span.partition,
      );
      if (answer === undefined) return [span];
      for (const record of answer.records) onRecord(record, span);
      return answer.nextOffset < span.high ? [{ ...span, offset: answer.nextOffset }] : [];
    });
  }
}
