import { crc32c } from '@node-rs/crc32';
import { describe, expect, test } from 'vitest';
import { decodeBatches } from '../../../src/kafka/batch-decoder.ts';
import { batchField } from '../../../src/kafka/record-batch.ts';

const logAppendTime = 0x08;
const transactional = 0x10;
const control = 0x20;

interface TestRecord {
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: Buffer | string | null;
  readonly value?: Buffer | string | null;
  readonly headers?: readonly (readonly [string, string | null])[];
}

interface TestBatch {
  readonly baseOffset: number;
  readonly records: readonly TestRecord[];
  readonly attributes?: number;
  readonly producerId?: number;
  /** More than the records say, after compaction. */
  readonly lastOffsetDelta?: number;
  readonly baseTimestamp?: number;
  readonly maxTimestamp?: number;
}

/** Written from the specification, plainly: nothing of the code under test but the places of fields. */
function batch(options: TestBatch): Buffer {
  const { baseOffset, records, attributes = 0, producerId = -1, baseTimestamp = 0 } = options;
  const bodies = records.map((record, index) => recordBytes({ offsetDelta: index, ...record }));
  const bytes = Buffer.concat([Buffer.alloc(batchField.records), ...bodies]);
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  bytes.writeInt32BE(bytes.length - batchField.leaderEpoch, batchField.length);
  bytes.writeInt8(2, batchField.magic);
  bytes.writeInt16BE(attributes, batchField.attributes);
  const lastOffsetDelta = options.lastOffsetDelta ?? records.length - 1;
  bytes.writeInt32BE(lastOffsetDelta, batchField.lastOffsetDelta);
  bytes.writeBigInt64BE(BigInt(baseTimestamp), batchField.baseTimestamp);
  bytes.writeBigInt64BE(BigInt(options.maxTimestamp ?? baseTimestamp), batchField.maxTimestamp);
  bytes.writeBigInt64BE(BigInt(producerId), batchField.producerId);
  bytes.writeInt32BE(records.length, batchField.recordCount);
  return sealed(bytes);
}

function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(batchField.attributes)), batchField.crc);
  return bytes;
}

function marker(baseOffset: number, producerId: number, type: 0 | 1): Buffer {
  const key = Buffer.from([0, 0, 0, type]);
  const value = Buffer.alloc(6);
  const attributes = control | transactional;
  return batch({ baseOffset, producerId, attributes, records: [{ key, value }] });
}

function recordBytes(record: TestRecord): Buffer {
  const { offsetDelta = 0, timestampDelta = 0, key = null, value = null, headers = [] } = record;
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(timestampDelta),
    varint(offsetDelta),
    sized(key),
    sized(value),
    varint(headers.length),
    ...headers.flatMap(([name, text]) => [sized(name), sized(text)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function sized(content: Buffer | string | null): Buffer {
  if (content === null) return varint(-1);
  const bytes = Buffer.from(content as string);
  return Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  let zigzag = value < 0 ? BigInt(-value) * 2n - 1n : BigInt(value) * 2n;
  const bytes: number[] = [];
  while (zigzag >= 0x80n) {
    bytes.push(Number(zigzag & 0x7fn) | 0x80);
    zigzag >>= 7n;
  }
  return Buffer.from([...bytes, Number(zigzag)]);
}

async function valuesOf(bytes: Buffer, from = 0, aborted = noneAborted): Promise<string[]> {
  const { records } = await decodeBatches(bytes, from, aborted);
  return records.map(({ offset, value }) => `${offset} ${value}`);
}

const noneAborted: { producerId: bigint; firstOffset: number }[] = [];

describe('record batches', () => {
  test('give their records with large numbers, nulls and headers as they are', async () => {
    const bytes = batch({
      baseOffset: 2 ** 40,
      baseTimestamp: 1_700_000_000_000,
      records: [
        { key: 'k', value: 'v', timestampDelta: -5 },
        { value: '', timestampDelta: 2 ** 41 },
        { key: 'x'.repeat(70), value: 'y'.repeat(20_000) },
      ],
    });

    const { records, nextOffset } = await decodeBatches(bytes, 0, []);

    expect(nextOffset).toBe(2 ** 40 + 3);
    const [key, value] = [Buffer.from('k'), Buffer.from('v')];
    expect(records).toEqual([
      { offset: 2 ** 40, timestampMs: 1_699_999_999_995, key, value, headers: {} },
      {
        offset: 2 ** 40 + 1,
        timestampMs: 1_700_000_000_000 + 2 ** 41,
        key: null,
        value: Buffer.alloc(0),
        headers: {},
      },
      {
        offset: 2 ** 40 + 2,
        timestampMs: 1_700_000_000_000,
        key: Buffer.from('x'.repeat(70)),
        value: Buffer.from('y'.repeat(20_000)),
        headers: {},
      },
    ]);
  });

  test('with headers that repeat, change, grow, vanish or try to be a prototype', async () => {
    const headers: [string, string | null][][] = [
      [
        ['table', 'a'],
        ['schema', '1'],
      ],
      [
        ['table', 'a'],
        ['schema', '2'],
      ],
      [['tables', 'ab']],
      [],
      [
        ['schema', '1'],
        ['table', 'a'],
        ['empty', ''],
        ['null', null],
      ],
      [['__proto__', 'evil']],
      [
        ['twice', '1'],
        ['twice', '2'],
      ],
      [['table', 'a long value that is not the one before, and not kept']],
      [['table', 'a long value that is not the one before, and not keps']],
    ];
    const bytes = batch({ baseOffset: 0, records: headers.map((entry) => ({ headers: entry })) });

    const { records } = await decodeBatches(bytes, 0, []);

    const texts = records.map((record) =>
      Object.entries(record.headers).map(([name, value]) => [name, value.toString()]),
    );
    const expected = headers.map((entry) => entry.map(([name, value]) => [name, value ?? '']));
    expected[6] = [['twice', '2']];
    expect(texts).toEqual(expected);
    expect(Object.getPrototypeOf(records[5]?.headers)).toBe(Object.prototype);
  });

  test('are left out before the place asked for, and counted to their end where compaction took records', async () => {
    const records = [
      { value: 'a' },
      { offsetDelta: 3, value: 'b' },
      { offsetDelta: 4, value: 'c' },
    ];
    const bytes = batch({ baseOffset: 10, records, lastOffsetDelta: 7 });

    expect(await valuesOf(bytes, 12)).toEqual(['13 b', '14 c']);
    expect((await decodeBatches(bytes, 12, [])).nextOffset).toBe(18);
    expect((await decodeBatches(bytes, 18, [])).records).toEqual([]);
  });

  test('bear the time of the broker where it says so', async () => {
    const records = [{ timestampDelta: 1 }, { timestampDelta: 2 }];
    const bytes = batch({ baseOffset: 0, attributes: logAppendTime, maxTimestamp: 77, records });

    const { records: found } = await decodeBatches(bytes, 0, []);

    expect(found.map(({ timestampMs }) => timestampMs)).toEqual([77, 77]);
  });

  test('that are cut off at any byte give what is whole before them', async () => {
    const first = batch({ baseOffset: 0, records: [{ value: 'a' }, { value: 'b' }] });
    const second = batch({ baseOffset: 2, records: [{ value: 'c' }] });
    const bytes = Buffer.concat([first, second]);
    for (let length = 0; length < bytes.length; length++) {
      const { records, nextOffset } = await decodeBatches(bytes.subarray(0, length), 0, []);
      const expected = length < first.length ? 0 : 2;
      expect({ length, count: records.length, nextOffset }).toEqual({
        ...{ length, count: expected, nextOffset: expected },
      });
    }
    expect(await valuesOf(bytes)).toEqual(['0 a', '1 b', '2 c']);
  });

  test.each([
    { name: 'a byte that has changed', change: (bytes: Buffer) => flip(bytes, 64) },
    { name: 'an older format', change: (bytes: Buffer) => bytes.fill(1, 16, 17) },
    {
      name: 'an unknown compression',
      change: (bytes: Buffer) => sealed(flip(flip(flip(bytes, 22, 1), 22, 2), 22, 4)),
    },
    {
      name: 'bytes that do not decompress',
      change: (bytes: Buffer) => sealed(flip(bytes, 22, 1)),
    },
    {
      name: 'more records than it holds',
      change: (bytes: Buffer) => sealed(flip(bytes, 60, 0x10)),
    },
  ])('are refused with their offset: $name', async ({ change }) => {
    const bytes = batch({ baseOffset: 4711, records: [{ key: 'key', value: 'value' }] });
    expect(await valuesOf(bytes)).toHaveLength(1);

    await expect(decodeBatches(change(bytes), 0, [])).rejects.toMatchObject({
      code: 'CDC_KAFKA_REJECTED',
      message: expect.stringContaining('4711'),
    });
  });
});

describe('batches of transactions', () => {
  const ofProducer = (baseOffset: number, producerId: number, ...values: string[]) =>
    batch({
      ...{ baseOffset, producerId, attributes: transactional },
      records: values.map((value) => ({ value })),
    });

  test('that were aborted are left out up to their marker, others and later ones are not', async () => {
    const bytes = Buffer.concat([
      ofProducer(0, 1, 'committed'),
      marker(1, 1, 1),
      ofProducer(2, 1, 'aborted'),
      ofProducer(3, 2, 'other'),
      batch({ baseOffset: 4, producerId: 1, records: [{ value: 'not in a transaction' }] }),
      ofProducer(5, 1, 'aborted too', 'and this'),
      marker(7, 1, 0),
      ofProducer(8, 1, 'next'),
      marker(9, 1, 1),
      marker(10, 2, 1),
      ofProducer(11, 2, 'aborted later'),
      marker(12, 2, 0),
    ]);
    const aborted = [
      { producerId: 2n, firstOffset: 11 },
      { producerId: 1n, firstOffset: 2 },
    ];

    expect(await valuesOf(bytes, 0, aborted)).toEqual([
      '0 committed',
      '3 other',
      '4 not in a transaction',
      '8 next',
    ]);
    expect((await decodeBatches(bytes, 0, aborted)).nextOffset).toBe(13);
  });

  test('that were aborted are left out too when reading begins in their middle', async () => {
    const bytes = Buffer.concat([ofProducer(5, 1, 'aborted'), marker(6, 1, 0)]);

    expect(await valuesOf(bytes, 5, [{ producerId: 1n, firstOffset: 2 }])).toEqual([]);
  });
});

function flip(bytes: Buffer, at: number, mask = 0xff): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ mask;
  return bytes;
}
