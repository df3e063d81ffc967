import { CdcError } from '../../errors.ts';
import type { FetchedRecords, KafkaCluster, KafkaRecord } from '../../kafka/kafka-cluster.ts';
import type { RecordRange } from './commit-record.ts';

const fetchBytes = 16 * 1024 ** 2;
const maxWaitMs = 500;
/** Committed records are stored; when they do not come for this long, the cluster is in trouble. */
const patienceMs = 60_000;

/** Ranges of one partition in order of offsets, and how far they have been read. */
interface PartitionRanges {
  readonly topic: string;
  readonly partition: number;
  readonly ranges: readonly RecordRange[];
  /** Index of the range that the next record may belong to. */
  range: number;
  offset: number;
}

/**
 * Reads the records of ranges, all partitions at once, each partition in order. Records between the
 * ranges are skipped. Throws CDC_LOG_ENTRIES_LOST when the topic no longer has them, and
 * CDC_KAFKA_UNREACHABLE when it was deleted: the writer finds that out and then says so in a commit.
 */
export async function fetchRanges(
  cluster: KafkaCluster,
  ranges: readonly RecordRange[],
  onRecord: (range: RecordRange, record: KafkaRecord) => void,
): Promise<void> {
  let open = byPartition(ranges);
  let movedAtMs = performance.now();
  while (open.length > 0) {
    const fetched = await fetchSome(cluster, open);
    for (const records of fetched) {
      const place = open.find(
        ({ topic, partition }) => topic === records.topic && partition === records.partition,
      );
      if (place !== undefined && pass(place, records, onRecord)) movedAtMs = performance.now();
    }
    open = open.filter(({ range, ranges: all }) => range < all.length);
    if (performance.now() - movedAtMs > patienceMs) throw outOfReach(open[0]);
  }
}

function byPartition(ranges: readonly RecordRange[]): PartitionRanges[] {
  const partitions = new Map<string, RecordRange[]>();
  for (const range of ranges) {
    const key = `${range.partition} ${range.topic}`;
    const known = partitions.get(key);
    if (known === undefined) partitions.set(key, [range]);
    else known.push(range);
  }
  return [...partitions.values()].map((unsorted) => {
    const sorted = unsorted.toSorted((left, right) => left.start - right.start);
    const { topic, partition, start } = sorted[0] as RecordRange;
    return { topic, partition, ranges: sorted, range: 0, offset: start };
  });
}

async function fetchSome(
  cluster: KafkaCluster,
  open: readonly PartitionRanges[],
): Promise<FetchedRecords[]> {
  try {
    return await cluster.fetch(open, { maxBytes: fetchBytes, maxWaitMs });
  } catch (error) {
    throw isTopicGone(error) ? topicGone(error) : asLost(error);
  }
}

/** The topic does not exist, or holds less than was committed because it was created anew. */
function isTopicGone(error: unknown): error is CdcError {
  if (!(error instanceof CdcError)) return false;
  if (error.code === 'CDC_KAFKA_TOPIC_NOT_FOUND') return true;
  const { offset, endOffset } = error.details;
  return error.code === 'CDC_KAFKA_OFFSET_LOST' && Number(offset) > Number(endOffset);
}

function topicGone(error: CdcError): CdcError {
  const { topic } = error.details;
  return new CdcError(
    'CDC_KAFKA_UNREACHABLE',
    `Reading the change log: topic ${topic} was deleted; what it held is left out as soon as the capture has noticed.`,
    {
      cause: error,
      details: error.details,
      remedy: 'Let the capture run (cdc run --only capture): it names the table to read anew.',
    },
  );
}

/** Records that were committed and are not there any more are lost to the log. */
export function asLost(error: unknown): unknown {
  if (!(error instanceof CdcError)) return error;
  const isLost =
    error.code === 'CDC_KAFKA_OFFSET_LOST' || error.code === 'CDC_KAFKA_TOPIC_NOT_FOUND';
  if (!isLost) return error;
  return new CdcError('CDC_LOG_ENTRIES_LOST', `Reading the change log: ${error.message}`, {
    cause: error,
    details: error.details,
  });
}

/** True when the place has moved. */
function pass(
  place: PartitionRanges,
  { records, nextOffset }: FetchedRecords,
  onRecord: (range: RecordRange, record: KafkaRecord) => void,
): boolean {
  const before = place.offset;
  for (const record of records) {
    let range = place.ranges[place.range];
    while (range !== undefined && record.offset >= range.end) range = place.ranges[++place.range];
    if (range === undefined) return true;
    if (record.offset >= range.start) onRecord(range, record);
  }
  place.offset = nextOffset;
  while ((place.ranges[place.range]?.end ?? Number.POSITIVE_INFINITY) <= nextOffset) place.range++;
  return place.offset > before;
}

function outOfReach(place: PartitionRanges | undefined): CdcError {
  return new CdcError(
    'CDC_KAFKA_UNREACHABLE',
    `Reading the change log: partition ${place?.partition} of ${place?.topic} has given nothing from ` +
      `offset ${place?.offset} on for ${patienceMs / 1000} s.`,
  );
}
