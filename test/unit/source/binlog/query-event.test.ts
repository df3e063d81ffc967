import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { isBegin, readQueryEvent } from '../../../../src/source/mysql/binlog/query-event.ts';

/** Three bytes of something else, then the body. */
function query(sql: string | Buffer, database = 'shop', variables = 7): Buffer {
  const head = Buffer.alloc(3 + 13);
  head[3 + 8] = database.length;
  head.writeUInt16LE(variables, 3 + 11);
  return Buffer.concat([
    head,
    Buffer.alloc(variables, 0x4e),
    Buffer.from(`${database}\0`),
    Buffer.from(sql),
  ]);
}

test('a statement is read with its database', () => {
  const event = query('DROP TABLE ä');
  expect(readQueryEvent(event, 3, event.length, false)).toEqual({
    sql: 'DROP TABLE ä',
    database: 'shop',
  });
});

test('a compressed statement is read', () => {
  const event = query(Buffer.concat([Buffer.from([0x81, 12]), deflateSync('DROP TABLE t')]), '');
  expect(readQueryEvent(event, 3, event.length, true)).toEqual({
    sql: 'DROP TABLE t',
    database: '',
  });
});

test('only BEGIN is taken for BEGIN', () => {
  const isBeginOf = (sql: string) => isBegin(query(sql), 3, query(sql).length);
  const statements = ['BEGIN', 'BEGIM', 'CEGIN', 'BEGIN ', ' BEGIN', 'XBEGIN', '', 'COMMIT'];
  expect(statements.filter(isBeginOf)).toEqual(['BEGIN']);
});
