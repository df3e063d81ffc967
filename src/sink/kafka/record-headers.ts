import { writeUint64 } from '../../format/digits.ts';
import type { KafkaRecord } from '../../kafka/kafka-cluster.ts';
import {
  encodeHeaderName,
  encodeHeaders,
  type RecordBatchWriter,
} from '../../kafka/record-batch-writer.ts';

/** Headers of every message of a sink; values are text. */
export const recordHeader = {
  /** `SinkTable.source`. */
  table: 'table',
  /** Version of the table's columns. */
  schema: 'schema',
  /** Version of the row, decimal: of two messages of a key the higher one is the newer. */
  version: 'version',
} as const;

const headerCount = Object.keys(recordHeader).length;
const versionName = encodeHeaderName(recordHeader.version);

/** Those that are the same in every message of a table. */
export function tableHeaders(source: string, schemaVersion: string): Buffer {
  return encodeHeaders({ [recordHeader.table]: source, [recordHeader.schema]: schemaVersion });
}

/** Writes the headers of a record whose value is there; the version in halves (change/position.ts). */
export function putHeaders(
  batch: RecordBatchWriter,
  ofTable: Buffer,
  versionHigh: number,
  versionLow: number,
): void {
  batch.beginHeaders(headerCount);
  batch.putHeaders(ofTable);
  batch.beginHeader(versionName);
  const { writer } = batch;
  writer.offset = writeUint64(writer.buffer, writer.offset, versionLow | 0, versionHigh | 0);
  batch.endHeader();
}

/** Whether a message was written by a sink for the table; one of a log says its place in the binlog, too. */
export function isOwn(headers: KafkaRecord['headers'], source: string): boolean {
  return String(headers[recordHeader.table]) === source && headers['position'] === undefined;
}
