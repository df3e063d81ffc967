/**
 * The bytes of one batch of records, complete but for what the producer alone knows (producer id, epoch,
 * first sequence and with them the checksum), which it writes into `bytes` when it sends them.
 */
export interface SealedBatch {
  readonly bytes: Buffer;
  readonly recordCount: number;
}
