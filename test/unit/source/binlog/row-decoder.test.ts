import { expect, test } from 'vitest';
import { packVersion } from '../../../../src/change/position.ts';
import type { Column, TableSchema } from '../../../../src/change/table-schema.ts';
import { ByteWriter } from '../../../../src/lib/byte-writer.ts';
import { wireType } from '../../../../src/source/mysql/binlog/event-format.ts';
import { RowDecoder } from '../../../../src/source/mysql/binlog/row-decoder.ts';
import type { RowsEvent } from '../../../../src/source/mysql/binlog/rows-event.ts';
import type { TableMap, WireColumn } from '../../../../src/source/mysql/binlog/table-map.ts';
import { decodeRows } from '../../../contract/decode-rows.ts';

const utf8mb4 = 45;

function wire(name: string, type: number, more: Partial<WireColumn> = {}): WireColumn {
  return {
    ...{ name, type, size: 0, scale: 0, nullable: false, unsigned: false, collation: undefined },
    ...{ members: [], geometryType: undefined, visible: true, ...more },
  };
}

const evil = '`"\'; throw new Error("code"); //${1}\n';
const columns: Column[] = [
  {
    name: 'id',
    type: { kind: 'int', bits: 32, unsigned: false },
    nullable: false,
    sourceType: 'int',
  },
  { name: evil, type: { kind: 'string' }, nullable: true, sourceType: 'varchar(20)' },
];
const schema: TableSchema = { table: `d.${evil}`, version: 'v', columns, key: ['id'] };
const map: TableMap = {
  table: schema.table,
  columns: [
    wire('id', wireType.long),
    wire(evil, wireType.varchar, { size: 80, nullable: true, collation: utf8mb4 }),
  ],
  primaryKey: [0],
};

/** Null bits, then the values. */
function image(id: number, text: string | null): Buffer {
  const number = Buffer.alloc(4);
  number.writeInt32LE(id);
  if (text === null) return Buffer.concat([Buffer.from([2]), number]);
  return Buffer.concat([Buffer.from([0]), number, Buffer.from([text.length]), Buffer.from(text)]);
}

function event(action: RowsEvent['action'], images: Buffer[], isCompressed = false): RowsEvent {
  // 30 bytes stand for the header and what comes before the images.
  const bytes = Buffer.concat([Buffer.alloc(30), ...images]);
  return {
    ...{ action, tableId: 1, bytes, start: 30, end: bytes.length, shift: 0 },
    ...{ isCompressed, isFullImage: true },
  };
}

const place = { epoch: 3, file: 'bin.000009', fileNumber: 9, offset: 5000, size: 200 };

function decode(rows: RowsEvent, at = place, detail: 'rows' | 'changes' = 'rows') {
  const writer = new ByteWriter(8);
  const decoder = new RowDecoder(map, schema, detail);
  const count = decoder.decode(rows, at, writer);
  const decoded = decodeRows(schema, writer.take());
  expect(decoded).toHaveLength(count);
  return decoded.map(({ values, version, deleted, isBefore }) => ({
    text: `${isBefore ? '~' : deleted ? '-' : '+'}${values['id']},${values[evil]}`,
    version,
  }));
}

test('names never become code, rows carry the place of their image', () => {
  const first = image(1, 'a');
  expect(decode(event('insert', [first, image(2, null)]))).toEqual([
    { text: '+1,a', version: packVersion(3, 9, 5030) },
    { text: '+2,null', version: packVersion(3, 9, 5030 + first.length) },
  ]);
});

test('an update gives the row after it, a changed key the old row as deleted before', () => {
  const images = [image(1, 'a'), image(1, 'b'), image(2, 'c'), image(3, 'c')];
  const length = images[0]?.length ?? 0;
  expect(decode(event('update', images))).toEqual([
    { text: '+1,b', version: packVersion(3, 9, 5030 + length) },
    { text: '-2,c', version: packVersion(3, 9, 5030 + 2 * length) },
    { text: '+3,c', version: packVersion(3, 9, 5030 + 3 * length) },
  ]);
});

test('with before images, an update gives the row before it at its own place', () => {
  const images = [image(1, 'a'), image(1, null), image(2, 'c'), image(3, 'c')];
  const [a = 0, b = 0, c = 0] = images.map(({ length }) => length);
  expect(decode(event('update', images), place, 'changes')).toEqual([
    { text: '~1,a', version: packVersion(3, 9, 5030) },
    { text: '+1,null', version: packVersion(3, 9, 5030 + a) },
    { text: '-2,c', version: packVersion(3, 9, 5030 + a + b) },
    { text: '+3,c', version: packVersion(3, 9, 5030 + a + b + c) },
  ]);
});

test('before images change nothing of the other rows, compressed or not', () => {
  const images = [image(1, 'a'), image(1, 'b'), image(2, 'c'), image(3, 'c'), image(3, 'c')];
  const updates = [...images, image(3, 'd')];
  for (const isCompressed of [false, true]) {
    for (const action of ['insert', 'update', 'delete'] as const) {
      const rows = event(action, updates, isCompressed);
      const changes = decode(rows, place, 'changes');
      expect(changes.filter(({ text }) => !text.startsWith('~'))).toEqual(decode(rows));
      expect(changes).toHaveLength(6);
    }
  }
});

test('a delete gives the old row', () => {
  expect(decode(event('delete', [image(7, 'x')]))).toMatchObject([{ text: '-7,x' }]);
});

test('versions are right on both sides of 4 GiB and at the ends of the ranges', () => {
  const offset = 2 ** 32 - 35;
  const versions = decode(event('insert', [image(1, 'a'), image(2, 'b')]), { ...place, offset });
  expect(versions.map(({ version }) => version)).toEqual([
    packVersion(3, 9, offset + 30),
    packVersion(3, 9, offset + 30 + image(1, 'a').length),
  ]);
  const last = { ...place, epoch: 127, fileNumber: 2 ** 20 - 1, offset: 2 ** 36 - 100 };
  expect(decode(event('insert', [image(1, 'a')]), last)[0]?.version).toBe(
    packVersion(127, 2 ** 20 - 1, 2 ** 36 - 70),
  );
});

test('images of a compressed event are numbered, and there cannot be more than bytes', () => {
  const images = [image(1, 'a'), image(1, 'b'), image(2, 'c'), image(2, 'd')];
  const versions = decode(event('update', images, true)).map(({ version }) => version);
  expect(versions).toEqual([packVersion(3, 9, 5001), packVersion(3, 9, 5003)]);
  expect(() => decode(event('insert', images, true), { ...place, size: 3 })).toThrow(
    /more rows than bytes/,
  );
});

test('a failed event leaves no half rows behind', () => {
  const dated: TableSchema = {
    ...schema,
    table: 'd.t',
    columns: [
      ...columns.slice(0, 1),
      { name: 'day', type: { kind: 'date' }, nullable: false, sourceType: 'date' },
    ],
  };
  const decoder = new RowDecoder(
    { ...map, columns: [wire('id', wireType.long), wire('day', wireType.date)] },
    dated,
  );
  const good = Buffer.from([0, 1, 0, 0, 0, 0x21, 0xd0, 0x0f]); // 2024-01-01
  const zero = Buffer.from([0, 2, 0, 0, 0, 0, 0, 0]);
  const writer = new ByteWriter();
  expect(() => decoder.decode(event('insert', [good, zero]), place, writer)).toThrow(
    /decoding column day of d\.t at bin\.000009:5000: a zero, impossible or far date/,
  );
  expect(writer.offset).toBe(0);
});

test('a character set that is not known is refused, not garbled', () => {
  const odd = {
    ...map,
    columns: [
      ...map.columns.slice(0, 1),
      wire(evil, wireType.varchar, { size: 80, nullable: true, collation: 999 }),
    ],
  };
  expect(() => new RowDecoder(odd, schema)).toThrow(/cannot be decoded/);
});

test('a shape that is not the schema is a bug, not a guess', () => {
  const other = { ...map, columns: map.columns.slice(0, 1) };
  expect(() => new RowDecoder(other, schema)).toThrow(/do not have the schema's shape/);
});
