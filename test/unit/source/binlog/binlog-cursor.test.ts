import { expect, test } from 'vitest';
import { BinlogCursor } from '../../../../src/source/mysql/binlog/binlog-cursor.ts';
import { eventType, readEventHeader } from '../../../../src/source/mysql/binlog/event-format.ts';

const from = { epoch: 1, file: 'bin.000007', offset: 1000, serverId: 's' };

function pass(
  cursor: BinlogCursor,
  type: number,
  size: number,
  logPos: number,
  { flags = 0, body = Buffer.alloc(0) }: { flags?: number; body?: Buffer } = {},
): void {
  const header = Buffer.alloc(19);
  header.writeUInt8(type, 4);
  header.writeUInt32LE(size, 9);
  header.writeUInt32LE(logPos, 13);
  header.writeUInt16LE(flags, 17);
  const event = Buffer.concat([header, body]);
  cursor.pass(readEventHeader(event, 0), event, 0, event.length);
}

function rotate(file: string, offset: number): Buffer {
  const body = Buffer.alloc(8 + file.length);
  body.writeBigUInt64LE(BigInt(offset));
  body.write(file, 8);
  return body;
}

function boundaryOf({ file, fileNumber, offset }: BinlogCursor): unknown[] {
  return [file, fileNumber, offset];
}

test('sizes add up where the server gives no place', () => {
  const cursor = new BinlogCursor(from);
  pass(cursor, eventType.tableMap, 60, 0);
  pass(cursor, eventType.writeRowsV1, 100, 0);
  expect(cursor.place(100)).toEqual({
    epoch: 1,
    file: 'bin.000007',
    fileNumber: 7,
    offset: 1060,
    size: 100,
  });
  expect(cursor.offset).toBe(1160);
});

test('a place given corrects what the server left out', () => {
  const cursor = new BinlogCursor(from);
  pass(cursor, eventType.tableMap, 60, 1130);
  expect(cursor.place().offset).toBe(1070);
  pass(cursor, eventType.writeRowsV1, 100, 0);
  expect(cursor.offset).toBe(1230);
});

test('beyond 4 GiB the header has only the lower 32 bits', () => {
  const start = 2 ** 32 - 50;
  const cursor = new BinlogCursor({ ...from, offset: start });
  pass(cursor, eventType.writeRowsV2, 100, 50);
  expect(cursor.offset).toBe(2 ** 32 + 50);
  pass(cursor, eventType.writeRowsV2, 100, 150);
  expect(cursor.offset).toBe(2 ** 32 + 150);
});

test('what stands in no file does not move the place', () => {
  const cursor = new BinlogCursor(from);
  pass(cursor, eventType.formatDescription, 250, 0);
  pass(cursor, eventType.gtidList, 43, 299, { flags: 0x20 });
  pass(cursor, eventType.heartbeatV2, 40, 5000);
  expect(boundaryOf(cursor)).toEqual(['bin.000007', 7, 1000]);
});

test('a heartbeat tells how far the server has come, never back', () => {
  const cursor = new BinlogCursor(from);
  pass(cursor, eventType.heartbeat, 36, 900);
  expect(cursor.offset).toBe(1000);
  pass(cursor, eventType.heartbeat, 36, 1500);
  expect(cursor.offset).toBe(1500);
  pass(cursor, eventType.heartbeat, 36, 0);
  expect(cursor.offset).toBe(1500);
});

test('a rotation names the next file', () => {
  const cursor = new BinlogCursor(from);
  pass(cursor, eventType.rotate, 44, 1044, { body: rotate('bin.000008', 4) });
  expect(boundaryOf(cursor)).toEqual(['bin.000008', 8, 4]);
  expect(() => pass(cursor, eventType.rotate, 44, 0, { body: rotate('odd', 4) })).toThrow(
    /odd has no number/,
  );
});
