import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  dictionary,
  integer,
  oneof,
  record,
  string,
  uint8Array,
} from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { compressions } from '../../../src/kafka/compression.ts';
import { identifyBatch, type SealedBatch } from '../../../src/kafka/record-batch.ts';
import {
  encodeHeaderName,
  encodeHeaders,
  RecordBatchWriter,
} from '../../../src/kafka/record-batch-writer.ts';
import {
  decodeByKafkajs,
  encodeByKafkajs,
  type PlainRecord,
  registerCodecs,
} from './kafkajs-protocol.ts';

beforeAll(registerCodecs);

function aRecord(rest: Partial<PlainRecord> = {}): PlainRecord {
  return {
    timestampMs: 1_790_000_000_000,
    key: Buffer.from('{"id":1}'),
    value: Buffer.from('value'),
    headers: {},
    ...rest,
  };
}

/** Everything of a record as one text: comparing buffers as objects takes seconds. */
function textOf({ timestampMs, key, value, headers }: PlainRecord): string {
  const inHex = Object.entries(headers).map(([name, bytes]) => [name, bytes.toString('hex')]);
  return JSON.stringify([timestampMs, key?.toString('hex'), value?.toString('hex'), inHex]);
}

function put(batch: RecordBatchWriter, bytes: Buffer): void {
  batch.writer.reserve(bytes.length);
  batch.writer.buffer.set(bytes, batch.writer.offset);
  batch.writer.offset += bytes.length;
}

/** Writes a record; every other header by itself, the others as a template. */
function write(batch: RecordBatchWriter, { timestampMs, key, value, headers }: PlainRecord): void {
  batch.begin(timestampMs);
  if (key === null) batch.nullKey();
  else {
    put(batch, key);
    batch.endKey();
  }
  if (value === null) batch.nullValue();
  else {
    put(batch, value);
    batch.endValue();
  }
  const entries = Object.entries(headers);
  if (entries.length > 0) batch.beginHeaders(entries.length);
  for (const [index, [name, header]] of entries.entries()) {
    if (index % 2 === 1) batch.putHeaders(encodeHeaders({ [name]: header }));
    else {
      batch.beginHeader(encodeHeaderName(name));
      put(batch, header);
      batch.endHeader();
    }
  }
  batch.endRecord();
}

function sealedOf(records: readonly PlainRecord[]): SealedBatch {
  const batch = new RecordBatchWriter();
  for (const each of records) write(batch, each);
  return batch.seal('none') as SealedBatch;
}

/** Lengths around the places where a varint becomes wider. */
const lengths = [0, 1, 62, 63, 64, 65, 8190, 8191, 8192, 8193, 1048575, 1048576];

const cases = [
  { name: 'one record', records: [aRecord()] },
  { name: 'a tombstone', records: [aRecord({ value: null })] },
  { name: 'a record without key', records: [aRecord({ key: null })] },
  { name: 'neither key nor value', records: [aRecord({ key: null, value: null })] },
  {
    name: 'an empty key and an empty value',
    records: [aRecord({ key: Buffer.alloc(0), value: Buffer.alloc(0) })],
  },
  {
    name: 'headers',
    records: [
      aRecord({
        headers: {
          table: Buffer.from('shop.orders'),
          schema: Buffer.from('3'),
          empty: Buffer.alloc(0),
          größe: Buffer.alloc(70, 'x'),
        },
      }),
    ],
  },
  {
    name: 'growing and falling timestamps',
    records: [0, 5, -7, 1e9, -3e9, 1e12, -1.7e12].map((delta) =>
      aRecord({ timestampMs: 1_790_000_000_000 + delta }),
    ),
  },
  {
    name: 'more records than an offset of two bytes counts',
    records: Array.from({ length: 9000 }, () => aRecord({ key: null, value: Buffer.from('x') })),
  },
  {
    name: 'values of every width in turn',
    records: [...lengths, ...lengths.toReversed(), 5, 70000, 5].map((length) =>
      aRecord({ value: Buffer.alloc(length, 'v') }),
    ),
  },
  {
    name: 'keys of every width in turn',
    records: [...lengths, ...lengths.toReversed()].map((length) =>
      aRecord({ key: Buffer.alloc(length, 'k') }),
    ),
  },
];

describe('a batch', () => {
  test.each(cases)('of $name has the bytes that kafkajs gives', async ({ records }) => {
    const { bytes, recordCount } = sealedOf(records);
    identifyBatch(bytes, { producerId: 4711n, producerEpoch: 3, firstSequence: 99 });

    const expected = await encodeByKafkajs(records, {
      producerId: 4711,
      producerEpoch: 3,
      firstSequence: 99,
    });
    expect(bytes.equals(expected)).toBe(true);
    expect(recordCount).toBe(records.length);
  });

  test('of random records is read back by kafkajs, whatever the compression and where it is divided', async () => {
    const bytesOf = oneof(
      { weight: 20, arbitrary: uint8Array({ maxLength: 200 }) },
      {
        weight: 1,
        arbitrary: integer({ min: 0, max: 40_000 }).map((length) => new Uint8Array(length)),
      },
    ).map((bytes) => Buffer.from(bytes));
    const nullable = oneof(
      { weight: 5, arbitrary: bytesOf },
      { weight: 1, arbitrary: constant(null) },
    );
    // kafkajs takes a header named like a member of Object for that member.
    const headerName = string({ maxLength: 80 }).map((name) => `h${name}`);
    const records = array(
      record({
        timestampMs: integer({ min: 0, max: 4_000_000_000_000 }),
        key: nullable,
        value: nullable,
        headers: dictionary(headerName, bytesOf, { maxKeys: 4 }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const batch = new RecordBatchWriter();
    await assert(
      asyncProperty(
        array(records, { minLength: 1, maxLength: 4 }),
        constantFrom(...compressions),
        constantFrom(true, false),
        async (groups, compression, divide) => {
          const expected: PlainRecord[][] = [];
          const sealed: (SealedBatch | Promise<SealedBatch>)[] = [];
          for (const group of groups) {
            for (const each of group) write(batch, each);
            if (divide && group.length > 1) {
              sealed.push(batch.sealWithoutLast(compression), batch.seal(compression));
              expected.push(group.slice(0, -1), group.slice(-1));
            } else {
              sealed.push(batch.seal(compression));
              expected.push(group);
            }
          }
          const decoded = await Promise.all(
            sealed.map(async (each) => decodeByKafkajs((await each).bytes)),
          );
          for (const [index, group] of expected.entries()) {
            const read = decoded[index];
            const offsets = group.map((_, offset) => String(offset));
            expect(read?.records.map((each) => each.offset)).toEqual(offsets);
            expect(read?.records.map(textOf)).toEqual(group.map(textOf));
            expect(read?.lastOffsetDelta).toBe(group.length - 1);
            expect(read?.maxTimestamp).toBe(
              String(Math.max(...group.map((each) => each.timestampMs))),
            );
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('has nobody’s identity until it is given one, and may be given another', async () => {
    const { bytes } = sealedOf([aRecord()]);
    expect(bytes.readBigInt64BE(43)).toBe(-1n);
    identifyBatch(bytes, { producerId: 1n, producerEpoch: 0, firstSequence: 5 });
    identifyBatch(bytes, { producerId: 2n, producerEpoch: 1, firstSequence: 0 });
    const expected = await encodeByKafkajs([aRecord()], {
      producerId: 2,
      producerEpoch: 1,
      firstSequence: 0,
    });
    expect(bytes.equals(expected)).toBe(true);
  });
});

describe('the writer', () => {
  test('says how large the batch is that it seals', () => {
    const batch = new RecordBatchWriter();
    for (let i = 0; i < 100; i++) write(batch, aRecord({ value: Buffer.alloc(i) }));
    const { bytes } = batch;
    expect(batch.recordCount).toBe(100);
    expect((batch.seal('none') as SealedBatch).bytes.length).toBe(bytes);
    expect(batch.isEmpty).toBe(true);
  });

  test('is written again while a batch of it is compressed or on its way', async () => {
    const batch = new RecordBatchWriter();
    for (let round = 0; round < 20; round++) {
      const values = ['lz4', 'none', 'zstd', 'none'].map((text) => Buffer.alloc(90_000, text));
      const sealed = values.map((value, index) => {
        write(batch, aRecord({ value }));
        return batch.seal((['lz4', 'none', 'zstd', 'none'] as const)[index] ?? 'none');
      });
      for (const [index, each] of sealed.entries()) {
        const { bytes, release } = await each;
        const [read] = (await decodeByKafkajs(bytes)).records;
        expect(read?.value?.equals(values[index] as Buffer)).toBe(true);
        release?.();
      }
    }
  });

  test('uses the buffer of a batch again once that was released, and only for one batch', () => {
    const first = sealedOf([aRecord({ value: Buffer.alloc(200_000) })]);
    first.release?.();
    first.release?.();
    const batches = Array.from({ length: 30 }, () =>
      sealedOf([aRecord({ value: Buffer.alloc(100_000) })]),
    );
    const memories = batches.map(({ bytes }) => bytes.buffer);
    expect(memories).toContain(first.bytes.buffer);
    expect(new Set(memories).size).toBe(batches.length);
  });

  test('holds no buffer between batches, nor a large one for a small batch', () => {
    const batch = new RecordBatchWriter();
    write(batch, aRecord({ value: Buffer.alloc(500_000) }));
    (batch.seal('none') as SealedBatch).release?.();
    expect(batch.writer.buffer.length).toBe(0);
    write(batch, aRecord());
    const { bytes } = batch.seal('none') as SealedBatch;
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  test('seals neither an empty batch nor one without its only record', () => {
    const batch = new RecordBatchWriter();
    expect(() => batch.seal('none')).toThrow('without records');
    write(batch, aRecord());
    expect(() => batch.sealWithoutLast('none')).toThrow('cannot be divided');
  });
});
