import { expect, test } from 'vitest';
import { readableDdl } from '../../../../src/source/mysql/binlog/ddl-text.ts';

test.each([
  { sql: 'ALTER TABLE t ADD note text', text: 'ALTER TABLE t ADD note text' },
  {
    sql: `CREATE TABLE f (id int) ENGINE=FEDERATED CONNECTION='mysql://u:secret@h/d/t' COMMENT 'x'`,
    text: `CREATE TABLE f (id int) ENGINE=FEDERATED CONNECTION='***' COMMENT 'x'`,
  },
  {
    sql: `CREATE TABLE f (id int) connection = "a\\"secret" PASSWORD 'it''s secret'`,
    text: `CREATE TABLE f (id int) connection = '***' PASSWORD '***'`,
  },
  {
    sql: `CREATE TABLE c (id int) OPTION_LIST='User=u,Password=secret,Level=1'`,
    text: `CREATE TABLE c (id int) OPTION_LIST='User=u,Password=***,Level=1'`,
  },
])('no password of $sql is shown', ({ sql, text }) => {
  expect(readableDdl(sql)).toBe(text);
});
