import { expect, test } from 'vitest';
import type { Column, ColumnType, TableSchema } from '../../../../src/change/table-schema.ts';
import { planSchemaChange } from '../../../../src/source/mysql/binlog/schema-change.ts';
import { schemaVersion } from '../../../../src/source/mysql/type-map.ts';

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };

function column(name: string, type: ColumnType = int, sourceType = 'int', nullable = true): Column {
  return { name, type, nullable, sourceType };
}

function table(columns: readonly Column[], key: readonly string[] = ['id']): TableSchema {
  const all = [column('id', int, 'int', false), ...columns];
  return { table: 'd.t', version: schemaVersion(all, key), columns: all, key };
}

function text(sourceType: string): Column {
  return column('a', { kind: 'string' }, sourceType);
}

const kept: {
  name: string;
  before: Column[];
  after: Column[];
  defaults?: Record<string, string>;
}[] = [
  { name: 'nothing', before: [column('a')], after: [column('a')] },
  { name: 'a dropped column', before: [column('a'), column('b')], after: [column('b')] },
  { name: 'an added column', before: [], after: [column('a')], defaults: { a: 'NULL' } },
  {
    name: 'a wider integer',
    before: [column('a')],
    after: [column('a', { kind: 'int', bits: 64, unsigned: false }, 'bigint')],
  },
  {
    name: 'an unsigned integer that fits a wider signed one',
    before: [column('a', { kind: 'int', bits: 32, unsigned: true }, 'int unsigned')],
    after: [column('a', { kind: 'int', bits: 64, unsigned: false }, 'bigint')],
  },
  {
    name: 'a decimal with more digits on both sides',
    before: [column('a', { kind: 'decimal', precision: 5, scale: 2 }, 'decimal(5,2)')],
    after: [column('a', { kind: 'decimal', precision: 9, scale: 3 }, 'decimal(9,3)')],
  },
  {
    name: 'a finer datetime',
    before: [column('a', { kind: 'datetime', fsp: 0 }, 'datetime')],
    after: [column('a', { kind: 'datetime', fsp: 3 }, 'datetime(3)')],
  },
  { name: 'a longer varchar', before: [text('varchar(10)')], after: [text('varchar(20)')] },
  {
    name: 'a varchar that becomes text',
    before: [text('varchar(10)')],
    after: [text('mediumtext')],
  },
  {
    name: 'an enum with another member',
    before: [text(`enum('a')`)],
    after: [text(`enum('b','a')`)],
  },
  {
    name: 'an enum that becomes a varchar',
    before: [text(`enum('abc')`)],
    after: [text('varchar(3)')],
  },
  {
    name: 'a column that may be NULL now',
    before: [column('a', int, 'int', false)],
    after: [column('a')],
  },
];

test.each(kept)('$name keeps old rows', ({ before, after, defaults = {} }) => {
  expect(planSchemaChange(table(before), table(after), { ...defaults, unrelated: '1' })).toEqual({
    existingRows: 'keep',
    defaults,
  });
});

const again: { name: string; before: Column[]; after: Column[]; key?: string[] }[] = [
  { name: 'another key', before: [column('a')], after: [column('a')], key: ['a'] },
  { name: 'an added column of unknown value', before: [], after: [column('a')] },
  { name: 'what may be a rename', before: [column('a')], after: [column('b')] },
  {
    name: 'what may be a swap of names',
    before: [column('a'), column('b')],
    after: [column('b'), column('a')],
  },
  {
    name: 'a narrower integer',
    before: [column('a')],
    after: [column('a', { kind: 'int', bits: 16, unsigned: false }, 'smallint')],
  },
  {
    name: 'a signed integer that becomes unsigned',
    before: [column('a')],
    after: [column('a', { kind: 'int', bits: 64, unsigned: true }, 'bigint unsigned')],
  },
  {
    name: 'a decimal that loses digits before the point',
    before: [column('a', { kind: 'decimal', precision: 9, scale: 2 }, 'decimal(9,2)')],
    after: [column('a', { kind: 'decimal', precision: 9, scale: 4 }, 'decimal(9,4)')],
  },
  {
    name: 'a datetime that becomes a timestamp',
    before: [column('a', { kind: 'datetime', fsp: 0 }, 'datetime')],
    after: [column('a', { kind: 'timestamp', fsp: 0 }, 'timestamp')],
  },
  { name: 'a shorter varchar', before: [text('varchar(20)')], after: [text('varchar(10)')] },
  { name: 'a varchar that becomes a char', before: [text('varchar(9)')], after: [text('char(9)')] },
  { name: 'an enum without a member', before: [text(`enum('a','b')`)], after: [text(`enum('a')`)] },
  { name: 'a number that becomes text', before: [column('a')], after: [text('varchar(20)')] },
  {
    name: 'a longer binary, which pads',
    before: [column('a', { kind: 'binary' }, 'binary(4)')],
    after: [column('a', { kind: 'binary' }, 'binary(8)')],
  },
  {
    name: 'a column that may not be NULL any more',
    before: [column('a')],
    after: [column('a', int, 'int', false)],
  },
];

test.each(again)('$name means to read the table again', ({ before, after, key }) => {
  const plan = planSchemaChange(table(before), table(after, key), {});
  expect(plan.existingRows).toBe('resnapshot');
});
