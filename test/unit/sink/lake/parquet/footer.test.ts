import { describe, expect, test } from 'vitest';
import { ThriftReader } from '../../../../../src/sink/lake/parquet/compact-thrift.ts';
import { annotate, type ColumnAnnotation } from '../../../../../src/sink/lake/parquet/footer.ts';

/**
 * Three rows of `id` Int32, `at` DateTime64(6) that may be NULL, `raw` String with bytes, and `schema` UInt8, written by the engine
 * (26.7) without compression.
 */
const lines = [
  'UEFSMRUEFRgVGBX0ubDXAzwVBhUAAAAAAAAAAQAAAAIAAAAVABUIFQgV0KGajg8cFQYVEBUGFQYcGAQCAAAAGAQAAAAAOAQC',
  'AAAAGAQAAAAAEREAAAACAyQAJrQBHBUCGSUAEBkYAmlkFQAWBhasARasASZGJggcGAQCAAAAGAQAAAAAOAQCAAAAGAQAAAAA',
  'EREATAAAABUEFTAVMBXf17yBCjwVBhUAAAAAAAAAAAAAAEBCDwAAAAAAgIQeAAAAAAAVABUUFRQVpJaP3gocFQYVEBUGFQYc',
  'GAiAhB4AAAAAABgIAAAAAAAAAAAWACgIgIQeAAAAAAAYCAAAAAAAAAAAEREAAAACAAAABgECAyQAJqIEHBUEGTUGABAZGAJh',
  'dBUAFgYW9AEW9AEmhAMmrgIcGAiAhB4AAAAAABgIAAAAAAAAAAAWACgIgIQeAAAAAAAYCAAAAAAAAAAAEREATDkmAAYAAAAV',
  'BBUMFQwVtcO47wU8FQIVAAAAAgAAAAD/FQAVBhUGFbmtt/IKHBUGFRAVBhUGHFgCAP8YAgD/EREAAAABBgAmzAYcFQwZJQAQ',
  'GRgDcmF3FQAWBhZ+Fn4mgAYmzgUcWAIA/xgCAP8REQBMFgwAAAAVBBUIFQgVjZ664Aw8FQIVAAAAAQAAABUAFQYVBhW5rbfy',
  'ChwVBhUQFQYVBhxYBAEAAAAYBAEAAAAREQAAAAEGACauCBwVAhklABAZGAZzY2hlbWEVABYGFoIBFoIBJtoHJqwHHFgEAQAA',
  'ABgEAQAAABERAEwAAAAVBBlcSAZzY2hlbWEVCAAVAiUAGAJpZAAVBCUCGAJhdCUUTIwRHCwAAAAAABUMJQAYA3JhdyUATBwA',
  'AAAVAiUAGAZzY2hlbWElFkysEwgSAAAAFgYZHBlMJrQBHBUCGSUAEBkYAmlkFQAWBhasARasASZGJggcGAQCAAAAGAQAAAAA',
  'OAQCAAAAGAQAAAAAEREATAAAACaiBBwVBBk1BgAQGRgCYXQVABYGFvQBFvQBJoQDJq4CHBgIgIQeAAAAAAAYCAAAAAAAAAAA',
  'FgAoCICEHgAAAAAAGAgAAAAAAAAAABERAEw5JgAGAAAAJswGHBUMGSUAEBkYA3JhdxUAFgYWfhZ+JoAGJs4FHFgCAP8YAgD/',
  'EREATBYMAAAAJq4IHBUCGSUAEBkYBnNjaGVtYRUAFgYWggEWggEm2gcmrAccWAQBAAAAGAQBAAAAEREATAAAABagBRYGJggW',
  'oAUAKEpDbGlja0hvdXNlIHZlcnNpb24gMjYuNy4yIChidWlsZCBhNjE1NjMwM2RmNjVjMzA3YmRiOGI2NmU5ZTljYzU2Mzcz',
  'NDZhNmI4KRlMHAAAHAAAHAAAHAAAALgBAABQQVIx',
];
const file = Buffer.from(lines.join(''), 'base64');

/** Elements of the schema by name: field id -> value, nested values as JSON. */
function schemaOf(bytes: Buffer): Map<string, Map<number, string>> {
  const end = bytes.length - 8;
  const reader = new ThriftReader(bytes.subarray(end - bytes.readUInt32LE(end), end));
  reader.fieldHead(0);
  reader.value(5);
  const list = reader.value(reader.fieldHead(1)?.type ?? 0) as unknown as {
    items: { id: number; type: number; value: unknown }[][];
  };
  const text = (value: unknown) =>
    JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each));
  return new Map(
    list.items.map((fields) => {
      const name = fields.find(({ id }) => id === 4)?.value as Buffer;
      return [name.toString(), new Map(fields.map(({ id, value }) => [id, text(value)]))];
    }),
  );
}

describe('the footer of a Parquet file', () => {
  test('stays what it was when there is nothing to say', () => {
    const { bytes, rows } = annotate(file, new Map());
    expect(rows).toBe(3);
    expect(bytes).toEqual(file);
  });

  test('says ids, local time and bytes, and leaves the columns themselves alone', () => {
    const annotations = new Map<string, ColumnAnnotation>([
      ['id', { fieldId: 3 }],
      ['at', { fieldId: 400, isLocalTime: true }],
      ['raw', { isBinary: true }],
      // The root of the schema has this name, too.
      ['schema', { fieldId: 5 }],
    ]);
    const { bytes } = annotate(file, annotations);
    const before = schemaOf(file);
    const after = schemaOf(bytes);
    expect(after.get('id')?.get(9)).toBe('"3"');
    expect(after.get('at')?.get(9)).toBe('"400"');
    expect(before.get('at')?.get(10)).toContain('"id":1,"type":1,"value":true');
    expect(after.get('at')?.get(10)).toContain('"id":1,"type":2,"value":false');
    expect(before.get('raw')?.has(10)).toBe(true);
    expect(after.get('raw')?.has(10)).toBe(false);
    expect(after.get('raw')?.has(6)).toBe(false);
    expect(after.get('schema')?.get(9)).toBe('"5"');
    const data = file.length - 8 - file.readUInt32LE(file.length - 8);
    expect(bytes.subarray(0, data)).toEqual(file.subarray(0, data));
    expect(annotate(bytes, new Map())).toEqual({ bytes, rows: 3 });
  });

  test('of something else is refused', () => {
    expect(() => annotate(Buffer.from('no Parquet at all'), new Map())).toThrow(/not written/);
    expect(() => annotate(file.subarray(0, -1), new Map())).toThrow(/not written/);
  });
});
