import {
  type OffsetVector,
  parseOffsets,
  renderOffsets,
  sumOffsets,
} from '../../change/offset-vector.ts';
import type { Position } from '../../change/position.ts';
import { CdcError } from '../../errors.ts';

/** Bits of a version that the offset of a position fills; see position.ts. */
const offsetsPerFile = 2 ** 36;

/**
 * The position of a reader of topics: `gtid` says how far it is in each partition, and `file` and `offset`
 * the sum, which grows with every message and so orders the places that one reader comes through.
 */
export function queuePosition(epoch: number, clusterId: string, offsets: OffsetVector): Position {
  const sum = sumOffsets(offsets);
  return {
    epoch,
    file: `kafka.${String(Math.floor(sum / offsetsPerFile)).padStart(6, '0')}`,
    offset: sum % offsetsPerFile,
    gtid: renderOffsets(offsets),
    serverId: clusterId,
  };
}

/** Throws CDC_KAFKA_OFFSET_LOST for a position of another source. */
export function offsetsOf(position: Position): OffsetVector {
  const offsets = parseOffsets(position.gtid ?? '-');
  if (offsets !== undefined) return offsets;
  throw new CdcError(
    'CDC_KAFKA_OFFSET_LOST',
    `Reading topics: the stored position ${position.file}:${position.offset} is not one of topics.`,
    { remedy: 'Run `cdc init --restart`: the project had another source before.' },
  );
}
