import { inflateSync } from 'node:zlib';
import { CdcError } from '../../../errors.ts';
import { ByteReader, eventType } from './event-format.ts';

/** A rows event, ready for a row decoder. */
export interface RowsEvent {
  readonly action: 'insert' | 'update' | 'delete';
  readonly tableId: number;
  /** Row images lie in `bytes` from `start` to `end`. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** What is added to the place of an image in `bytes` to get its place in the event. */
  readonly shift: number;
  /**
   * MariaDB's compressed events: an image has no place of its own in the file, so its number in the
   * event counts instead. It stays below the event's size, since images that differ take a byte each.
   */
  readonly isCompressed: boolean;
  /** The columns whose values are in the images, all when the server logs full images. */
  readonly isFullImage: boolean;
}

type Action = RowsEvent['action'];

const actions = new Map<number, Action>([
  [eventType.writeRowsV1, 'insert'],
  [eventType.writeRowsV2, 'insert'],
  [eventType.writeRowsCompressedV1, 'insert'],
  [eventType.writeRowsCompressed, 'insert'],
  [eventType.updateRowsV1, 'update'],
  [eventType.updateRowsV2, 'update'],
  [eventType.updateRowsCompressedV1, 'update'],
  [eventType.updateRowsCompressed, 'update'],
  [eventType.deleteRowsV1, 'delete'],
  [eventType.deleteRowsV2, 'delete'],
  [eventType.deleteRowsCompressedV1, 'delete'],
  [eventType.deleteRowsCompressed, 'delete'],
]);

export function isRowsEvent(type: number): boolean {
  return actions.has(type);
}

/** The table a rows event is about, without reading the rest. */
export function readRowsTableId(bytes: Buffer, body: number): number {
  return bytes.readUIntLE(body, 6);
}

/**
 * A rows event after the common header (libs/mysql/binlog/event/rows_event.h):
 *
 *   table id(6) flags(2) [version 2: length of extra data, itself included(2) extra data]
 *   column count(packed) columns present(bits) [update: columns present after(bits)]
 *   row images, to the end; compressed: head(1) length(head & 7, big endian) zlib data
 *
 * `event` is where the event's header begins, `body` where its body does.
 */
export function readRowsEvent(
  bytes: Buffer,
  event: number,
  body: number,
  end: number,
  type: number,
): RowsEvent {
  const reader = new ByteReader(bytes, body);
  const tableId = reader.uint48();
  reader.offset += 2;
  if (hasExtraData(type)) reader.offset += bytes.readUInt16LE(reader.offset);
  const columns = reader.packedInteger();
  const action = actions.get(type) ?? 'insert';
  let isFullImage = readsAllBits(reader, columns);
  if (action === 'update') isFullImage = readsAllBits(reader, columns) && isFullImage;
  const isCompressed = type >= eventType.writeRowsCompressedV1;
  const images = isCompressed ? inflateEvent(bytes.subarray(reader.offset, end)) : bytes;
  return {
    action,
    tableId,
    bytes: images,
    start: isCompressed ? 0 : reader.offset,
    end: isCompressed ? images.length : end,
    shift: isCompressed ? 0 : -event,
    isCompressed,
    isFullImage,
  };
}

function hasExtraData(type: number): boolean {
  return (
    (type >= eventType.writeRowsV2 && type <= eventType.deleteRowsV2) ||
    type >= eventType.writeRowsCompressed
  );
}

/** Whether all of `count` bits are set; bits beyond in the last byte say nothing. */
function readsAllBits(reader: ByteReader, count: number): boolean {
  const last = (count - 1) >> 3;
  let areSet = true;
  for (let index = 0; index <= last; index++) {
    const wanted = index < last ? 0xff : 0xff >> (7 - ((count - 1) & 7));
    areSet = (reader.uint8() & wanted) === wanted && areSet;
  }
  return areSet;
}

/** MariaDB sql/log_event.cc, binlog_buf_uncompress: head is 0x80 | algorithm << 4 | bytes of length; 0 is zlib. */
export function inflateEvent(packed: Buffer): Buffer {
  const head = packed[0] ?? 0;
  if ((head & 0xf0) !== 0x80) {
    throw new CdcError(
      'CDC_BINLOG_EVENT_UNSUPPORTED',
      `a compressed event has the unknown head 0x${head.toString(16)}`,
      { remedy: 'SET GLOBAL log_bin_compress=OFF, then run `cdc init --restart`.' },
    );
  }
  return inflateSync(packed.subarray(1 + (head & 7)));
}
