/** What is to become of one key; texts are bytes (byte-text.ts). write-script.ts explains fate and entries. */
export interface RowChange {
  readonly key: string;
  /** 19 digits. */
  readonly version: string;
  readonly fate: string;
  readonly entries: string;
  /** Arguments of HSET after the key, or the one value of SET; none for a deleted row. */
  readonly values: readonly string[];
}

export const deletedFate = 'd';
/** Digits of the largest 63-bit number. */
export const versionDigits = 19;

export function versionText(version: bigint | string): string {
  return String(version).padStart(versionDigits, '0');
}
