import type { KafkaRecord } from '../../kafka/kafka-cluster.ts';
import { recordHeader } from './record-headers.ts';

/**
 * Messages behind the last progress of a table: the batch that they belong to was not finished, and its writing anew leaves out what is
 * here. A batch at most, so it is kept in memory.
 */
export class TopicTail {
  readonly #messages = new Set<string>();

  get isEmpty(): boolean {
    return this.#messages.size === 0;
  }

  add({ key, value, headers }: KafkaRecord): void {
    const text = String(headers[recordHeader.version]);
    if (!/^\d{1,20}$/.test(text)) return; // not ours
    const version = BigInt(text);
    const high = Number(version >> 32n);
    const low = Number(version & 0xffffffffn);
    this.#messages.add(nameOf(key ?? noBytes, high, low, value === null));
  }

  has(key: Buffer, versionHigh: number, versionLow: number, isTombstone: boolean): boolean {
    return this.#messages.has(nameOf(key, versionHigh, versionLow, isTombstone));
  }

  clear(): void {
    this.#messages.clear();
  }
}

const noBytes = Buffer.alloc(0);

function nameOf(key: Buffer, high: number, low: number, isTombstone: boolean): string {
  return `${high} ${low} ${isTombstone} ${key.toString('latin1')}`;
}
