import { crc32c } from '@node-rs/crc32';

/**
 * The bytes of one batch of records, complete but for what the producer alone knows (producer id, epoch,
 * first sequence and with them the checksum), which it writes into `bytes` when it sends them.
 */
export interface SealedBatch {
  readonly bytes: Buffer;
  readonly recordCount: number;
  /** Called by the producer once the batch is stored: nobody reads `bytes` after that, they are used again. */
  release?(): void;
}

/**
 * Kafka's RecordBatch, magic 2: the places of its fields, in bytes.
 *
 *   0 baseOffset int64            21 attributes int16        43 producerId int64
 *   8 batchLength int32           23 lastOffsetDelta int32   51 producerEpoch int16
 *  12 partitionLeaderEpoch int32  27 baseTimestamp int64     53 baseSequence int32
 *  16 magic int8                  35 maxTimestamp int64      57 records count int32
 *  17 crc uint32                                             61 records, compressed as a whole
 *
 * `crc` is CRC-32C of everything from `attributes` on; `batchLength` counts from `partitionLeaderEpoch` on.
 */
export const batchField = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** Who wrote a batch, by which the broker knows a batch that is sent again. */
export interface BatchIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

/** Completes a batch in place: identity, then the checksum. May be done again with another identity. */
export function identifyBatch(bytes: Buffer, identity: BatchIdentity): void {
  bytes.writeBigInt64BE(identity.producerId, batchField.producerId);
  bytes.writeInt16BE(identity.producerEpoch, batchField.producerEpoch);
  bytes.writeInt32BE(identity.firstSequence, batchField.baseSequence);
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchField.attributes)), batchField.crc);
}
