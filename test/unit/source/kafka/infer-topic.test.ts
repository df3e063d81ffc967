import { describe, expect, test } from 'vitest';
import type { KafkaRecord } from '../../../../src/kafka/kafka-cluster.ts';
import { inferColumns } from '../../../../src/source/kafka/infer-columns.ts';
import { inferTables } from '../../../../src/source/kafka/infer-topic.ts';
import {
  canalValue,
  debeziumKey,
  debeziumValue,
  filebeatValue,
  maxwellValue,
  nginxLine,
  orderFields,
} from '../../../support/tool-messages.ts';

function records(values: readonly string[], key?: (index: number) => string): KafkaRecord[] {
  return values.map((value, offset) => ({
    offset,
    timestampMs: offset,
    key: key === undefined ? null : Buffer.from(key(offset)),
    value: Buffer.from(value),
    headers: {},
  }));
}

const json = (...rows: readonly object[]) => rows.map((row) => JSON.stringify(row));

describe('what messages say about their tables', () => {
  test('Debezium with schema blocks says columns and key itself', () => {
    const after = { id: 7, customer: 'a', amount: 'BOI=', at: 0 };
    const values = [debeziumValue({ op: 'c', after, pos: 1 }, orderFields)];
    const { tables } = inferTables(
      'dbserver1.shop.orders',
      records(values, () => debeziumKey(7, true)),
    );
    expect(tables).toMatchObject([
      {
        table: 'shop.orders',
        format: 'debezium',
        key: ['id'],
        saysColumns: true,
        version: 'binlog',
        notes: [],
      },
    ]);
    expect(tables[0]?.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'id bigint',
      'customer text',
      'amount decimal(10,2)',
      'at datetime(6)',
    ]);
  });

  test('PostgreSQL through Debezium is known by its schema and ordered by its LSN', () => {
    const source = { db: 'main', schema: 'public', table: 'orders', lsn: 24023128 };
    const values = json({ before: null, after: { id: 1 }, source, op: 'c' });
    expect(
      inferTables(
        'pg.public.orders',
        records(values, () => '{"id":1}'),
      ).tables,
    ).toMatchObject([{ table: 'public.orders', version: 'lsn', key: ['id'], saysColumns: false }]);
  });

  test('a topic of Maxwell holds several tables, the one with most messages first', () => {
    const values = [
      maxwellValue('insert', 'stock', { sku: 'x', left: 1 }),
      maxwellValue('insert', 'orders', {
        id: 1,
        paid: '2026-01-31 10:00:00',
        note: null,
        tags: { a: 1 },
      }),
      maxwellValue('update', 'orders', {
        id: 2,
        paid: '2026-01-31 10:00:00',
        note: 'x',
        tags: { b: 1 },
      }),
      maxwellValue('bootstrap-start', 'orders', {}),
    ];
    const key = (index: number) =>
      index === 0
        ? '{"database":"shop","table":"stock","pk.sku":"x"}'
        : '{"database":"shop","table":"orders","pk.id":1}';
    const { tables } = inferTables('maxwell', records(values, key));
    expect(
      tables.map(({ messageTable, key: found, messages }) => [messageTable, found, messages]),
    ).toEqual([
      ['shop.orders', ['id'], 3],
      ['shop.stock', ['sku'], 1],
    ]);
    expect(tables[0]?.columns).toEqual([
      { name: 'id', type: 'bigint' },
      { name: 'paid', type: 'datetime(6)' },
      { name: 'note', type: 'text' },
      { name: 'tags', type: 'json', encoding: 'value' },
    ]);
  });

  test('Canal and Filebeat are known by their fields', () => {
    const canal = inferTables(
      'c',
      records([canalValue('INSERT', [{ id: '1', customer: 'x', amount: '1.5' }])]),
    ).tables;
    expect(canal).toMatchObject([
      { format: 'canal', table: 'shop.orders', key: ['id'], saysColumns: true },
    ]);
    const beat = inferTables('logs-nginx', records([filebeatValue(nginxLine, 1)])).tables;
    expect(beat).toMatchObject([
      { format: 'filebeat', table: 'topics.logs_nginx', saysColumns: true, notes: [] },
    ]);
  });

  test("an application's key is found in the key of the message, or by its name", () => {
    const rows = json({ orderNo: 'A1', n: 1 }, { orderNo: 'A2', n: 1 });
    expect(
      inferTables(
        'app.web.orders',
        records(rows, (at) => `A${at + 1}`),
      ).tables,
    ).toMatchObject([{ table: 'app_web.orders', key: ['orderNo'] }]);
    expect(inferTables('t', records(json({ id: 1 }, { id: 2 }))).tables).toMatchObject([
      { key: ['id'] },
    ]);
    const none = inferTables('t', records(json({ id: 1 }, { other: 2 }))).tables[0];
    expect(none?.key).toBeUndefined();
    expect(none?.notes).toContain('no key was found: every message becomes a row of its own');
  });

  test('what is no JSON object is counted', () => {
    expect(inferTables('t', records(['oops', '[1]', '{"id":1}']))).toMatchObject({
      unreadable: 2,
      tables: [{ messages: 1 }],
    });
  });
});

describe('the type of a column', () => {
  test.each([
    { values: [1, 2, null], type: 'bigint' },
    { values: [2 ** 63, 1], type: 'bigint unsigned' },
    { values: [1, 2.5], type: 'decimal(24,6)' },
    { values: [1e-9, 2.5], type: 'double' },
    { values: [true, false], type: 'boolean' },
    { values: ['2026-01-31', '2026-02-28'], type: 'date' },
    {
      values: ['2026-01-31T10:00:00.123Z', '2026-01-31T10:00:00Z'],
      type: 'timestamp(6)',
      encoding: 'iso',
    },
    { values: ['2026-01-31T10:00:00.123456789Z'], type: 'timestamp(9)', encoding: 'iso' },
    { values: ['2026-01-31T10:00:00'], type: 'datetime(6)', encoding: 'iso' },
    { values: ['2026-01-31T10:00:00+08:00'], type: 'text' },
    { values: ['12.50'], type: 'text' },
    { values: [[1], [2]], type: 'json', encoding: 'value' },
    { values: ['a', 1], type: 'json', encoding: 'value' },
    { values: [null], type: 'text' },
  ])('of $values is $type', ({ values, type, encoding }) => {
    const rows = values.map((value) => ({ c: value }));
    expect(inferColumns(rows, 3)).toEqual([{ name: 'c', type, ...(encoding && { encoding }) }]);
  });

  test.each([
    { name: 'createdAt', value: 1769860800123, type: 'timestamp(3)', encoding: 'epochMillis' },
    { name: 'event_ts', value: 1769860800123456, type: 'timestamp(6)', encoding: 'epochMicros' },
    { name: 'phone', value: 1769860800123, type: 'bigint', encoding: undefined },
    { name: 'created_at', value: 1769860800, type: 'bigint', encoding: undefined },
  ])('of the number $value under $name is $type', ({ name, value, type, encoding }) => {
    expect(inferColumns([{ [name]: value }], 3)).toEqual([
      { name, type, ...(encoding && { encoding }) },
    ]);
  });

  test('objects become columns by their path, to a depth, and one that is not always an object stays JSON', () => {
    const rows = [
      {
        customer: { name: 'a', home: { geo: { lat: 1 } } },
        customer_name: 'x',
        extra: { a: 1 },
        gone: null,
      },
      { customer: { name: 'b', home: null }, customer_name: 'y', extra: 7, gone: { z: 1 } },
    ];
    expect(inferColumns(rows, 3)).toEqual([
      { name: 'customer_name', type: 'text', path: ['customer', 'name'] },
      {
        name: 'customer_home_geo',
        type: 'json',
        encoding: 'value',
        path: ['customer', 'home', 'geo'],
      },
      { name: 'customer_name_2', type: 'text', path: ['customer_name'] },
      { name: 'extra', type: 'json', encoding: 'value' },
      { name: 'gone_z', type: 'bigint', path: ['gone', 'z'] },
    ]);
  });
});
