import { expect, test } from 'vitest';
import { engineTypeOf } from '../../../src/pipeline/source-type.ts';

test.each([
  ['bigint unsigned not null', 'UInt64'],
  ['int', 'Nullable(Int32)'],
  ['INT PRIMARY KEY', 'Int32'],
  ['decimal(12,2) not null', 'Decimal(12, 2)'],
  ['numeric', 'Nullable(Decimal(10, 0))'],
  ['varchar(20) NOT NULL', 'String'],
  ["enum('a','b') not null", 'String'],
  ['datetime(3)', "Nullable(DateTime64(3, 'UTC'))"],
  ['timestamp not null', "DateTime64(0, 'UTC')"],
  ['boolean not null', 'Int8'],
  ['date null', 'Nullable(Date32)'],
])('the source’s %s is stored as %s', (sourceType, type) => {
  expect(engineTypeOf(sourceType)).toBe(type);
});

test.each(['intt', 'int unsinged', '', 'varchar(20) default 5', 'Int64 x'])(
  '"%s" is no type of the source',
  (text) => {
    expect(engineTypeOf(text)).toBeUndefined();
  },
);
