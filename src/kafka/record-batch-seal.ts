import { batchField, type SealedBatch } from './record-batch.ts';
import { giveBuffer } from './record-batch-buffers.ts';

/** The batch in its own buffer, or a copy where that would hold much more memory than it needs. */
export function sealAsWritten(written: Buffer, size: number, recordCount: number): SealedBatch {
  if (size * 4 < written.length) {
    const bytes = copyOf(written.subarray(0, size));
    giveBuffer(written);
    return { bytes, recordCount };
  }
  let isReleased = false;
  const release = () => {
    if (!isReleased) giveBuffer(written);
    isReleased = true;
  };
  return { bytes: written.subarray(0, size), recordCount, release };
}

/** The batch header of `written`, with `records` behind it. */
export function sealWithRecords(
  written: Buffer,
  records: Buffer,
  recordCount: number,
): SealedBatch {
  const bytes = Buffer.allocUnsafeSlow(batchField.records + records.length);
  written.copy(bytes, 0, 0, batchField.records);
  records.copy(bytes, batchField.records);
  bytes.writeInt32BE(bytes.length - batchField.leaderEpoch, batchField.length);
  return { bytes, recordCount };
}

export function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
