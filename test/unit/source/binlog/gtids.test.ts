import { expect, test } from 'vitest';
import { eventType } from '../../../../src/source/mysql/binlog/event-format.ts';
import { readTaggedGtid } from '../../../../src/source/mysql/binlog/gtid-event.ts';
import { GtidSet } from '../../../../src/source/mysql/binlog/gtid-set.ts';
import { StreamGtids } from '../../../../src/source/mysql/binlog/stream-gtids.ts';

const a = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const b = '2c256447-3f0d-431b-9a25-bddf1f1f6ef6';

/** The body of a GTID event of MySQL. */
function mysqlGtid(uuid: string, number: bigint): Buffer {
  const body = Buffer.alloc(42);
  Buffer.from(uuid.replaceAll('-', ''), 'hex').copy(body, 1);
  body.writeBigUInt64LE(number, 17);
  return body;
}

function commit(gtids: StreamGtids, uuid: string, number: bigint): void {
  const body = mysqlGtid(uuid, number);
  gtids.beginMysql(eventType.gtid, body, 0, body.length);
  gtids.end();
}

/** Header and body of a GTID event of MariaDB. */
function beginMariadb(gtids: StreamGtids, domain: number, server: number, number: bigint): void {
  const event = Buffer.alloc(19 + 13);
  event.writeUInt32LE(server, 5);
  event.writeBigUInt64LE(number, 19);
  event.writeUInt32LE(domain, 27);
  gtids.beginMariadb(event, 0, 19);
}

test.each([
  { name: 'empty', text: '', is: '' },
  { name: 'sorted by source', text: `${a}:1-5, ${b}:3`, is: `${b}:3,${a}:1-5` },
  { name: 'merged', text: `${a}:7:1-5,${a}:6:9-12`, is: `${a}:1-7:9-12` },
  { name: 'in lower case', text: `${a.toUpperCase()}:1`, is: `${a}:1` },
  { name: 'with tags', text: `${a}:tag_b:2:1-5:tag_a:1`, is: `${a}:tag_a:1:tag_b:1-5` },
  { name: 'tags beside none', text: `${a}:1-2:tag:1,${b}:1`, is: `${b}:1,${a}:1-2:tag:1` },
  { name: 'the largest number', text: `${a}:9223372036854775807`, is: `${a}:9223372036854775807` },
])('a set of GTIDs is printed as the server does: $name', ({ text, is }) => {
  expect(GtidSet.parse(text).toString()).toBe(is);
});

test('an interval added in front, between or across others joins those it touches', () => {
  const set = GtidSet.parse(`${a}:10-12:20-22:30-32`);
  set.add(a, 1n, 2n);
  set.add(a, 13n, 19n);
  set.add(a, 25n, 40n);
  set.add(a, 42n, 42n);
  expect(set.toString()).toBe(`${a}:1-2:10-22:25-40:42`);
});

test('transactions count as executed when they end, in the order of any sources', () => {
  const gtids = new StreamGtids(`${a}:1-5`);
  expect(gtids.executed).toBe(`${a}:1-5`);
  commit(gtids, a, 6n);
  commit(gtids, a, 7n);
  commit(gtids, b, 1n);
  commit(gtids, a, 9n);
  expect(gtids.executed).toBe(`${b}:1,${a}:1-7:9`);
  const body = mysqlGtid(a, 8n);
  gtids.beginMysql(eventType.gtid, body, 0, body.length);
  expect(gtids.current).toBe(`${a}:8`);
  expect(gtids.executed).toBe(`${b}:1,${a}:1-7:9`);
  gtids.end();
  expect(gtids.current).toBe(`${a}:8`);
  expect(gtids.executed).toBe(`${b}:1,${a}:1-9`);
});

test('a transaction that was never finished is not executed', () => {
  const gtids = new StreamGtids('');
  const body = mysqlGtid(a, 1n);
  gtids.beginMysql(eventType.gtid, body, 0, body.length);
  commit(gtids, a, 3n);
  expect(gtids.executed).toBe(`${a}:3`);
});

test('a transaction without a GTID has no id and adds nothing', () => {
  const gtids = new StreamGtids(`${a}:1`);
  commit(gtids, a, 2n);
  const body = mysqlGtid('0'.repeat(32), 0n);
  gtids.beginMysql(eventType.anonymousGtid, body, 0, body.length);
  gtids.end();
  expect([gtids.current, gtids.executed]).toEqual([undefined, `${a}:1-2`]);
});

test('a stream that began without GTIDs knows ids but no executed set', () => {
  const gtids = new StreamGtids(undefined);
  commit(gtids, a, 4n);
  expect([gtids.current, gtids.executed]).toEqual([`${a}:4`, undefined]);
  const mariadb = new StreamGtids(undefined);
  beginMariadb(mariadb, 0, 1, 4n);
  mariadb.end();
  expect([mariadb.current, mariadb.executed]).toEqual(['0-1-4', undefined]);
});

test('numbers beyond 2^53 stay exact', () => {
  const gtids = new StreamGtids('');
  commit(gtids, a, 2n ** 53n + 1n);
  commit(gtids, a, 2n ** 53n + 2n);
  expect(gtids.executed).toBe(`${a}:9007199254740993-9007199254740994`);
  const mariadb = new StreamGtids('');
  beginMariadb(mariadb, 0, 1, 2n ** 64n - 1n);
  mariadb.end();
  expect(mariadb.executed).toBe('0-1-18446744073709551615');
});

test('MariaDB has the last transaction of each domain', () => {
  const gtids = new StreamGtids('1-7-3,0-1-9');
  expect(gtids.executed).toBe('1-7-3,0-1-9');
  beginMariadb(gtids, 0, 1, 10n);
  expect([gtids.current, gtids.executed]).toEqual(['0-1-10', '0-1-9,1-7-3']);
  gtids.end();
  beginMariadb(gtids, 2, 5, 1n);
  gtids.end();
  // After a failover the number may be lower, from another server.
  beginMariadb(gtids, 1, 8, 2n);
  gtids.end();
  expect(gtids.executed).toBe('0-1-10,1-8-2,2-5-1');
});

/** As libs/mysql/serialization writes an integer. */
function serialized(value: bigint): number[] {
  let more = 0;
  while (more < 8 && value >= 1n << BigInt(7 * (more + 1))) more++;
  const bytes = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(8 * index)) & 255n),
  );
  if (more === 8) return [0xff, ...bytes];
  const shifted = (value << BigInt(more + 1)) | ((1n << BigInt(more)) - 1n);
  return Array.from({ length: more + 1 }, (_, index) =>
    Number((shifted >> BigInt(8 * index)) & 255n),
  );
}

test.each([
  1n,
  63n,
  64n,
  200n,
  2n ** 20n,
  2n ** 48n,
  2n ** 49n - 1n,
  2n ** 55n,
  2n ** 61n,
  2n ** 62n,
])('a tagged GTID with the number %d is read', (number) => {
  const uuid = [...Buffer.from(a.replaceAll('-', ''), 'hex')];
  const body = Buffer.from([
    ...[1n, 90n, 12n].flatMap(serialized),
    ...[0, ...serialized(1n)],
    ...[2, ...uuid.flatMap((byte) => serialized(BigInt(byte)))],
    ...[4, ...serialized(number << 1n)],
    ...[6, ...serialized(5n), ...Buffer.from('tag_a')],
    ...[8, ...serialized(14n), 10, ...serialized(16n)],
    ...[12, ...serialized(1_700_000_000_123_456n)],
  ]);
  expect(readTaggedGtid(body, 0, body.length)).toEqual({
    source: `${a}:tag_a`,
    number,
    committedAtMs: 1_700_000_000_123,
  });
});
