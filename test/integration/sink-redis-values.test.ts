import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { RedisTable, redisTable } from '../support/redis-table.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const columns = { id: 'bigint', name: 'text', amount: 'decimal', ratio: 'double', data: 'bytes' };
const row = [1, '9007199254740993', 'Zoë "学"', '12.5', '0.1', 'AAH/'] as const;
const empty = [2, '-5', null, null, null, null] as const;
const lines = [
  '-5\t\\N\t\\N\t\\N\t\\N\t2',
  '9007199254740993\tZoë "学"\t12.5\t4591870180066957722\tAAH/\t1',
];

describe('kinds of value', () => {
  test('a hash has a field for each column that is not NULL, and the version', async () => {
    await using redis = await RedisTable.open(redisTable(columns));
    await redis.write(row, empty);
    expect(await redis.client.hGetAll(redis.key('orders:9007199254740993'))).toEqual({
      _version: '0000000000000000001',
      id: '9007199254740993',
      name: 'Zoë "学"',
      amount: '12.5',
      ratio: '0.1',
      data: 'AAH/',
    });
    expect(await redis.rows()).toEqual(lines);
    await redis.write([3, '9007199254740993', null, '1', null, null]);
    expect(await redis.client.hGetAll(redis.key('orders:9007199254740993'))).toEqual({
      _version: '0000000000000000003',
      id: '9007199254740993',
      amount: '1',
    });
  });

  test('JSON quotes what a reader would round, and keeps a null apart from the null of a document', async () => {
    const table = redisTable({ ...columns, doc: 'json' }, { value: 'json' });
    await using redis = await RedisTable.open(table);
    await redis.write(
      [...row, '{"a": [1, {"b": "}"}], "n": 123456789012345678901}'],
      [...empty, 'null'],
    );
    await redis.write([3, '7', null, null, null, null, null]);
    expect(await redis.client.get(redis.key('orders:9007199254740993'))).toBe(
      '{"_version":"0000000000000000001","id":"9007199254740993","name":"Zoë \\"学\\"","amount":"12.5","ratio":0.1,"data":"AAH/","doc":{"a": [1, {"b": "}"}], "n": 123456789012345678901}}',
    );
    expect(await redis.client.get(redis.key('orders:7'))).toBe(
      '{"_version":"0000000000000000003","id":"7","name":null,"amount":null,"ratio":null,"data":null}',
    );
    expect(await redis.rows()).toEqual([
      '-5\t\\N\t\\N\t\\N\t\\N\tnull\t2',
      '7\t\\N\t\\N\t\\N\t\\N\t\\N\t3',
      '9007199254740993\tZoë "学"\t12.5\t4591870180066957722\tAAH/\t{"a": [1, {"b": "}"}], "n": 123456789012345678901}\t1',
    ]);
  });

  test('a document that is no JSON is a refused row', async () => {
    await using redis = await RedisTable.open(
      redisTable({ id: 'int', doc: 'json' }, { value: 'json' }),
    );
    await expect(redis.write([1, '1', '{"a":'])).rejects.toMatchObject({
      code: 'CDC_SINK_REJECTED',
      details: { table: 'shop.orders' },
    });
  });

  test('a template of one column is its value, and one of several can be told apart', async () => {
    const plain = redisTable({ id: 'int', name: 'text' }, { value: { template: '{name}' } });
    await using redis = await RedisTable.open(plain);
    await redis.write([1, '1', '100% | "x"'], [2, '2', null], [3, '3', '']);
    expect(await redis.client.get(redis.key('orders:1'))).toBe('100% | "x"');
    expect(await redis.rows()).toEqual(['1\t100% | "x"\t1', '2\t\\N\t2', '3\t\t3']);
    await expect(redis.write([4, '4', '\\N'])).rejects.toMatchObject({ code: 'CDC_SINK_REJECTED' });

    const several = { value: { template: '<{name}|{city}>' } };
    await using other = await RedisTable.open(
      redisTable({ id: 'int', name: 'text', city: 'text' }, several),
    );
    await other.write([1, '1', 'a|b', 'c>%'], [2, '2', '\\N', null]);
    expect(await other.client.get(other.key('orders:1'))).toBe('<a%7Cb|c%3E%25>');
    expect(await other.rows()).toEqual(['1\ta|b\tc>%\t1', '2\t\\\\N\t\\N\t2']);
    await other.write([0, '1', 'older', 'older'], [-3, '2', null, null]);
    expect(await other.rows()).toEqual(['1\ta|b\tc>%\t1']);
  });

  test('protobuf is read by whoever has the .proto file', async () => {
    await using folder = await openTempFolder();
    const protoFile = join(folder.path, 'order.proto');
    const proto =
      'syntax = "proto3"; package shop; message Order { int64 id = 1; optional string name = 2; string amount = 3; double ratio = 5; optional bytes data = 6; }';
    await writeFile(protoFile, proto);
    const value = { protoFile, message: 'shop.Order' };
    await using redis = await RedisTable.open(redisTable(columns, { value }));
    await redis.write(row, empty);
    expect(await redis.rows()).toEqual(lines);
    const typed = redis.client.withTypeMapping({ 36: Buffer });
    const stored = await typed.get(redis.key('orders:9007199254740993'));
    const type = protobuf.parse(proto).root.lookupType('shop.Order');
    expect(type.toObject(type.decode(stored as unknown as Buffer), { longs: String })).toEqual({
      id: '9007199254740993',
      name: 'Zoë "学"',
      amount: '12.5',
      ratio: 0.1,
      data: Buffer.from([0, 1, 255]),
    });
  });

  test('protobuf fields can be said in the project file, and hold every digit', async () => {
    const fields = [
      { number: 20, column: 'ratio', type: 'double' },
      { number: 1, column: 'id', type: 'sint64' },
      { number: 2, column: 'name' },
      { number: 3, column: 'amount' },
      { number: 4, column: 'data', type: 'string' },
    ];
    await using redis = await RedisTable.open(redisTable(columns, { value: { fields } }));
    await redis.write(row, empty);
    expect(await redis.rows()).toEqual(lines);
    await expect(
      RedisTable.open(
        redisTable(columns, { value: { fields: [{ number: 1, column: 'id', type: 'int32' }] } }),
      ),
    ).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringMatching(/cannot be int32 without loss/),
    });
  });

  test('a column without a place in the value is refused before anything is written', async () => {
    const table = redisTable(
      { id: 'int', name: 'text', city: 'text' },
      { value: { template: '{name}' } },
    );
    await expect(RedisTable.open(table)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringMatching(/no place for column city/),
    });
  });
});

describe('keys', () => {
  test('different composite keys have different Redis keys, whatever is in them', async () => {
    const key = ['shop', 'code'];
    const table = redisTable({ shop: 'text', code: 'text' }, { key: 'o:{shop}:{code}' }, { key });
    await using redis = await RedisTable.open(table);
    const keys = [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['a%3Ab', 'c'],
      ['{a}', '*'],
      ['', ''],
      ['\n', '\t学'],
    ] as const;
    await redis.write(...keys.map(([shop, code], at) => [at + 1, shop, code] as const));
    expect((await redis.client.keys(redis.key('o:*'))).sort()).toEqual(
      ['o:%0A:%09学', 'o:%7Ba%7D:*', 'o::', 'o:a%253Ab:c', 'o:a%3Ab:c', 'o:a:b%3Ac'].map((each) =>
        redis.key(each),
      ),
    );
    expect(await redis.rows()).toHaveLength(keys.length);
    await redis.write([-9, 'a', 'b:c']);
    expect(await redis.rows()).toHaveLength(keys.length - 1);
  });

  test('an index that could be a row, or another index, is refused', async () => {
    const key = ['shop', 'code'];
    for (const indexes of [
      [{ key: 'o:by:{code}' }],
      [{ key: 'by:{code}' }, { key: 'by:{shop}' }],
    ]) {
      const settings = { key: 'o:{shop}:{code}', indexes };
      const table = redisTable({ shop: 'text', code: 'text' }, settings, { key });
      await expect(RedisTable.open(table)).rejects.toThrow(/two of its keys could be the same/);
    }
  });

  test('tables whose keys could be the same are refused', async () => {
    await using redis = await RedisTable.open(
      redisTable({ id: 'int' }, { key: 'shop:orders:{id}' }),
    );
    const options = { drop: false, mayAlter: true };
    const other = (key: string) => redisTable({ id: 'int' }, { key }, { source: 'shop.others' });
    await expect(redis.sink.prepare(other('shop:{id}:7'), options)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringMatching(/could have keys of shop.orders/),
    });
    await expect(redis.sink.prepare(other('{id}'), options)).rejects.toThrow(/must begin with/);
    await redis.sink.prepare(other('shop:others:{id}'), options);
  });

  test('another layout of rows that lie there is refused, and may begin anew', async () => {
    const columnsOf = { id: 'int', name: 'text' };
    await using redis = await RedisTable.open(redisTable(columnsOf));
    await redis.write([1, '1', 'x']);
    const json = redisTable(columnsOf, { value: 'json' });
    const options = { drop: false, mayAlter: true };
    await expect(redis.sink.prepare(json, options)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
    });
    await redis.sink.drop(json);
    expect(await redis.client.keys(redis.key('*'))).toEqual([]);
    await redis.sink.prepare(json, options);
    expect(await redis.sink.plan(json, options)).toEqual([]);
  });
});

describe('rows that expire', () => {
  const settings = { ttl: { column: 'expires', plusSeconds: 0 } };
  const table = redisTable({ id: 'int', expires: 'time' }, settings);

  test('expire when their column says, and follow it', async () => {
    await using redis = await RedisTable.open(table);
    await redis.write([1, '1', '2099-01-01 00:00:00.500']);
    const expiry = () => redis.client.sendCommand(['PEXPIRETIME', redis.key('orders:1')]);
    expect(await expiry()).toBe(Date.parse('2099-01-01T00:00:00.500Z'));
    await redis.write([2, '1', null]);
    expect(await expiry()).toBe(-1);
    await redis.write([3, '1', '2098-01-01 00:00:00.000']);
    expect(await expiry()).toBe(Date.parse('2098-01-01T00:00:00Z'));
  });

  test('an expired row is not brought back by an older one', async () => {
    await using redis = await RedisTable.open(table);
    await redis.write([5, '1', '2001-01-01 00:00:00.000']);
    expect(await redis.client.exists(redis.key('orders:1'))).toBe(0);
    await redis.write([4, '1', '2099-01-01 00:00:00.000']);
    expect(await redis.client.exists(redis.key('orders:1'))).toBe(0);
    await redis.write([6, '1', '2099-01-01 00:00:00.000']);
    expect(await redis.client.exists(redis.key('orders:1'))).toBe(1);
  });

  test('expire a fixed time after they were written', async () => {
    await using redis = await RedisTable.open(redisTable({ id: 'int' }, { ttl: { seconds: 1 } }));
    await redis.write([1, '1']);
    await waitUntil(
      'the row expires',
      async () => !(await redis.client.exists(redis.key('orders:1'))),
    );
  });

  test('a deletion is remembered for as long as is said', async () => {
    await using redis = await RedisTable.open(redisTable({ id: 'int' }), {
      tombstoneSeconds: 3600,
    });
    await redis.write([-5, '1']);
    const ttl = await redis.client.pTTL(redis.key('_cdc:version:orders:1'));
    expect(ttl).toBeGreaterThan(3_000_000);
    await redis.write([4, '1']);
    expect(await redis.rows()).toEqual([]);
    await redis.write([6, '1']);
    expect(await redis.rows()).toEqual(['1\t6']);
    expect(await redis.client.exists(redis.key('_cdc:version:orders:1'))).toBe(0);
  });

  test('versions are compared with all their digits', async () => {
    await using redis = await RedisTable.open(redisTable({ id: 'int', name: 'text' }));
    const write = async (version: string, name: string, follows: number) => {
      const batch = redis.batch([[1, '1', name]], follows);
      const body = [Buffer.from(`["1","${name}","${version}","0"]\n`)];
      await redis.sink.write({ ...batch, body });
    };
    await write('9223372036854775807', 'newest', 0);
    await write('9223372036854775806', 'older', 1);
    expect(await redis.rows()).toEqual(['1\tnewest\t9223372036854775807']);
  });
});
