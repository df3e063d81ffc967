import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MessageLayout } from '../../src/change/message-layout.ts';
import { MessageLines } from '../../src/change/message-line.ts';
import { packVersion } from '../../src/change/position.ts';
import type { Column, ColumnType, TableSchema } from '../../src/change/table-schema.ts';
import { quoteIdentifier } from '../../src/engine/sql-quote.ts';
import { CdcError } from '../../src/errors.ts';
import { ClickhouseOds } from '../../src/load/clickhouse/clickhouse-ods.ts';
import type { DeadLetter } from '../../src/load/dead-letters.ts';
import { linesOf, messagesOf } from '../support/message-building.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';

let server: TestEngine;
let ods: ClickhouseOds;

beforeAll(async () => {
  server = await openTestEngine();
  ods = new ClickhouseOds(server.engine);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function column(name: string, type: ColumnType, nullable = false): Column {
  return { name, type, nullable, sourceType: type.kind };
}

const int: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const columns = [
  column('id', int),
  column('name', { kind: 'string' }),
  column('price', { kind: 'decimal', precision: 6, scale: 2 }, true),
];

let tables = 0;

/** A table of its own for a test. */
async function openTable(rest: Partial<TableSchema> = {}): Promise<TableSchema> {
  const table = `faults.t${tables++}`;
  const schema: TableSchema = { table, version: table, columns, key: ['id'], ...rest };
  await ods.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 1n });
  return schema;
}

const debezium: MessageLayout = { format: 'debezium', version: 'offset' };

let tokens = 0;

async function write(
  schema: TableSchema,
  messages: readonly (string | Buffer)[],
  layout = debezium,
  chunks = linesOf(messages),
): Promise<DeadLetter[]> {
  const token = `faults ${tokens++}`;
  return ods.writeMessages({ schema, layout, chunks, rowCount: messages.length, token });
}

const create = (after: string) => messagesOf(debezium, { after });
const row = (id: number | string, rest = '') => `{"id":${id},"name":"n${id}"${rest}}`;

async function idsOf({ table }: TableSchema): Promise<number[]> {
  const [database, name] = table.split('.');
  const rows = await server.engine.rows<{ id: number }>(
    `SELECT id FROM ${database}.${name} ORDER BY id`,
  );
  return rows.map(({ id }) => Number(id));
}

/** The newest row of each key, deleted ones too: an insert keeps no others. */
async function physicalRows({ table }: TableSchema): Promise<Record<string, unknown>[]> {
  return server.engine.rows(`SELECT * FROM _ods.${quoteIdentifier(table)} ORDER BY id`);
}

function reasons(letters: readonly DeadLetter[]): Record<string, string> {
  return Object.fromEntries(letters.map(({ offset, reason }) => [offset, reason]));
}

describe('a message that does not fit', () => {
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no JSON at all', 'hello', /expected '\{'/],
    ['nothing', '', /expected '\{'/],
    ['cut off in a string', '{"after":{"id":1,"name":"abc', /./],
    ['cut off in a string, behind a backslash', '{"after":{"id":1,"name":"abc\\', /./],
    ['cut off in an object', '{"op":"c","after":{"id":1', /./],
    ['cut off behind a comma', '{"op":"c","after":{"id":1,', /./],
    ['cut off behind a colon', '{"op":"c","after":', /./],
    ['an array', '[1,2]', /expected '\{'/],
    ['a number', '12', /expected '\{'/],
    ['a row that is an array', '{"op":"c","after":[1]}', /nested key after/],
    ['a column that is an object', create('{"id":1,"name":{"a":1}}'), /nested key name/],
    ['a field twice', create('{"id":1,"id":2,"name":"x"}'), /./],
    ['half of a surrogate pair', create('{"id":1,"name":"\\ud800"}'), /surrogate/i],
    ['a second object behind it', `${create(row(5))} ${create(row(6))}`, /./],
    ['the end of its line and another row', `${create(row(5))}} {"v":9,"m":${create(row(6))}`, /./],
    ['a second version for its line', `${create(row(5))},"v":9`, /./],
    ['null', 'null', /^operation null is none of c, r, u, d$/],
    ['no operation', '{"after":{"id":1,"name":"x"}}', /^operation null is none of/],
    ['an unknown operation', '{"op":"t","after":null}', /^operation t is none of/],
    ['a text in a number', create('{"id":"12x","name":"x"}'), /^column id: 12x is not int$/],
    ['an empty text in a number', create('{"id":"","name":"x"}'), /^column id: {2}is not int$/],
    ['a fraction in an integer', create('{"id":1.5,"name":"x"}'), /^column id: 1.5 is not int$/],
    ['a boolean in a number', create('{"id":true,"name":"x"}'), /^column id: true is not int$/],
    ['too large a number', create('{"id":2147483648,"name":"x"}'), /^column id: 2147483648 is not/],
    ['2^64', create('{"id":18446744073709551616,"name":"x"}'), /^column id: 18446744073709551616/],
    [
      '2^128',
      create('{"id":340282366920938463463374607431768211456,"name":"x"}'),
      /^column id: 3402/,
    ],
    ['NULL in the key', create('{"id":null,"name":"x"}'), /^column id: NULL, where none may be$/],
    ['no key', create('{"name":"x"}'), /^column id: NULL/],
    ['NULL in a column that has none', create('{"id":1,"name":null}'), /^column name: NULL/],
    ['a column missing that has no NULL', create('{"id":1}'), /^column name: NULL/],
    ['no row', '{"op":"c","after":null}', /^column id: NULL/],
    ['too many digits', create(row(1, ',"price":12.505')), /^column price: 12.505 is not decimal$/],
    ['too large a decimal', create(row(1, ',"price":"12345.00"')), /^column price: 12345.00 is/],
    ['two points', create(row(1, ',"price":"1.5.5"')), /^column price: 1.5.5 is not decimal$/],
    ['an empty decimal', create(row(1, ',"price":""')), /^column price/],
    ['a decimal of one sign', create(row(1, ',"price":"-"')), /^column price/],
    ['an exponent with too many digits', create(row(1, ',"price":1e-3')), /^column price: 1e-3/],
  ];

  test('is a dead letter with a reason, and those around it are written', async () => {
    const schema = await openTable();
    const messages = wrong.flatMap(([, message], index) => [message, create(row(1000 + index))]);
    const letters = await write(schema, [create(row(999)), ...messages]);
    expect(await idsOf(schema)).toEqual([999, ...wrong.map((_, index) => 1000 + index)]);
    const found = reasons(letters);
    for (const [index, [what, message, reason]] of wrong.entries()) {
      const offset = String(2 * index + 1);
      expect([what, found[offset]]).toEqual([what, expect.stringMatching(reason)]);
      const letter = letters.find((each) => each.offset === offset);
      expect(letter?.message.toString()).toBe(message);
    }
    expect(letters).toHaveLength(wrong.length);
  });

  test.each(wrong)('alone: %s', async (_what, message, reason) => {
    const schema = await openTable();
    const [letter, ...more] = await write(schema, [message]);
    expect(letter?.reason).toMatch(reason);
    expect(more).toEqual([]);
    expect(await idsOf(schema)).toEqual([]);
  });

  test('is told apart also when all messages are wrong', async () => {
    const schema = await openTable();
    const messages = Array.from({ length: 3_000 }, (_, index) => `\u0000\u0001 not JSON "${index}`);
    const letters = await write(schema, messages);
    expect(letters).toHaveLength(3_000);
    expect(letters.every(({ reason }) => reason !== '')).toBe(true);
    expect(await idsOf(schema)).toEqual([]);
  });

  test('is found in a load of many pieces', async () => {
    const schema = await openTable();
    const filler = 'x'.repeat(1_000);
    const messages = Array.from({ length: 9_000 }, (_, id) =>
      create(id % 3_000 === 7 ? `{"id":${id}}` : `{"id":${id},"name":"${filler}"}`),
    );
    const letters = await write(schema, messages);
    expect(letters.map(({ offset }) => offset).sort()).toEqual(['3007', '6007', '7'].sort());
    expect(await idsOf(schema)).toHaveLength(8_997);
  });

  test('that the reader could not place is one whatever it looks like', async () => {
    const schema = await openTable();
    const lines = new MessageLines();
    const source = { partition: 3, offset: 4, timestampMs: 5, value: Buffer.from(create(row(1))) };
    lines.add(source, '"topic"', 0n, 0, 'no table asked for "it"');
    const letters = await write(schema, [''], debezium, [lines.take().bytes]);
    expect(letters).toMatchObject([
      {
        queue: 'topic',
        partition: 3,
        offset: '4',
        reason: 'no table asked for "it"',
        isUnplaced: true,
      },
    ]);
    expect(await idsOf(schema)).toEqual([]);
  });

  test('keeps the bytes it has, whatever they are', async () => {
    const schema = await openTable();
    const bytes = Buffer.from([0, 255, 254, 123, 34, 92, 9, 13]);
    const [letter] = await write(schema, [bytes]);
    const kept = await ods.deadLetters.find({ ids: [letter?.id ?? ''] });
    expect(kept.map(({ message }) => message)).toEqual([bytes]);
  });

  test('is kept once, however often it comes', async () => {
    const schema = await openTable();
    for (let each = 0; each < 3; each++) await write(schema, ['x', create(row(1)), 'y']);
    const kept = await ods.deadLetters.find({ table: schema.table });
    expect(kept.map(({ offset }) => offset)).toEqual(['0', '2']);
    await ods.deadLetters.remove(kept.slice(0, 1));
    const left = await ods.deadLetters.find({ table: schema.table });
    expect(left.map(({ offset }) => offset)).toEqual(['2']);
  });
});

describe('values that look like something else', () => {
  test('are just values', async () => {
    const schema = await openTable();
    const names = [
      '"},"v":9',
      '}\n{"v":9}',
      '"x"x',
      '\\',
      'null',
      '\u0000',
      "'; DROP TABLE t; --",
      '{id:UInt8}',
    ];
    const messages = names.map((name, id) => create(JSON.stringify({ id, name })));
    expect(await write(schema, messages)).toEqual([]);
    const found = await server.engine.rows<{ name: string }>(
      `SELECT name FROM ${schema.table} ORDER BY id`,
    );
    expect(found.map(({ name }) => name)).toEqual(names);
  });

  test('may be written with blanks, escapes and in any order', async () => {
    const schema = await openTable();
    const message =
      ' { "op" : "\\u0063",\n\t"source":{"x":[{"op":"d"}]}, "after" : { "name" : "\\u0078" , "zzz":[{}], "id" : 1 } , "before":null } ';
    expect(await write(schema, [message])).toEqual([]);
    expect(await physicalRows(schema)).toMatchObject([{ id: 1, name: 'x', price: null }]);
  });

  test('may have names that are not ASCII, escaped or not', async () => {
    const own = [column('id', int), column('城市 é', { kind: 'string' }, true)];
    const schema = await openTable({ columns: own });
    const layout: MessageLayout = { format: 'json', version: 'offset' };
    const names = ['城市 é', '\\u57ce\\u5e02 \\u00e9', '\\u57CE\\u5E02 \\u00E9'];
    const messages = names.map((name, id) => `{"id":${id},"${name}":"${name}"}`);
    expect(await write(schema, messages, layout)).toEqual([]);
    const found = await server.engine.rows(`SELECT * FROM ${schema.table} ORDER BY id`);
    expect(found).toEqual(names.map((_, id) => ({ id, '城市 é': '城市 é' })));
  });

  test('may be large', async () => {
    const schema = await openTable();
    const name = 'é"\\'.repeat(2_000_000);
    expect(await write(schema, [create(JSON.stringify({ id: 1, name }))])).toEqual([]);
    const [found] = await server.engine.rows<{ n: string }>(
      `SELECT length(name) AS n FROM ${schema.table}`,
    );
    expect(Number(found?.n)).toBe(Buffer.byteLength(name));
  });
});

test('no messages are nothing to write', async () => {
  const schema = await openTable();
  expect(await write(schema, [])).toEqual([]);
  expect(await idsOf(schema)).toEqual([]);
});

test('a count that is not that of the lines is an error', async () => {
  const schema = await openTable();
  const load = { schema, layout: debezium, chunks: linesOf([create(row(1))]), token: 'count' };
  await expect(ods.writeMessages({ ...load, rowCount: 2 })).rejects.toThrow(
    '2 messages were announced and 1 sent',
  );
});

test('messages sent again with their token are stored once', async () => {
  const schema = await openTable();
  const chunks = linesOf([create(row(1)), 'x', create(row(2))]);
  const load = { schema, layout: debezium, chunks, rowCount: 3, token: 'twice' };
  const first = await ods.writeMessages(load);
  const second = await ods.writeMessages(load);
  expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  expect(await physicalRows(schema)).toHaveLength(2);
});

describe('Debezium', () => {
  test('a delete is the row before it, deleted; only its key must be known', async () => {
    const schema = await openTable();
    const messages = [
      create(row(1)),
      create(row(2)),
      messagesOf(debezium, { before: row(1, ',"price":"1.50"') }),
      messagesOf(debezium, { before: '{"id":2,"name":null}' }),
      messagesOf(debezium, { before: '{"id":null,"name":"x"}' }),
      '{"op":"d","before":null}',
    ];
    const letters = await write(schema, messages);
    expect(await idsOf(schema)).toEqual([]);
    expect(Object.keys(reasons(letters))).toEqual(['4', '5']);
    expect(await physicalRows(schema)).toMatchObject([
      { id: 1, name: 'n1', price: '1.50', _version: '2', _deleted: 1 },
      { id: 2, name: '', _version: '3', _deleted: 1 },
    ]);
  });

  test.each([
    ['binlog', { file: 'mysql-bin.000042', pos: 1234, row: 5 }, packVersion(0, 42, 1239)],
    [
      'binlog',
      { file: 'my.sql.1048575', pos: 2 ** 36 - 2, row: 1 },
      packVersion(0, 2 ** 20 - 1, 2 ** 36 - 1),
    ],
    ['binlog', { file: 'mysql-bin.000007', pos: 4 }, packVersion(0, 7, 4)],
    ['binlog', { file: 'mysql-bin.1048576', pos: 4 }, undefined],
    ['binlog', { file: 'mysql-bin.000007', pos: 2 ** 36 }, undefined],
    ['binlog', { file: 'mysql-bin', pos: 4 }, undefined],
    ['binlog', { file: null, pos: null }, undefined],
    ['lsn', { lsn: 987654321012 }, 987654321012n],
    ['lsn', {}, undefined],
  ] as const)('a version from the %s of %j', async (version, source, expected) => {
    const schema = await openTable();
    const layout: MessageLayout = { format: 'debezium', version };
    const message = messagesOf(layout, { after: row(1), rest: { source } });
    const letters = await write(schema, [message], layout);
    const found = (await physicalRows(schema)).map((each) => each['_version']);
    expect(found).toEqual(expected === undefined ? [] : [String(expected)]);
    expect(letters.map(({ reason }) => reason)).toEqual(
      expected === undefined ? ['it does not say its place in the source'] : [],
    );
  });
});

describe('Maxwell', () => {
  const layout: MessageLayout = { format: 'maxwell', version: 'offset' };

  test('rows of a bootstrap are rows, its begin and end are not', async () => {
    const schema = await openTable();
    const messages = [
      messagesOf(layout, { after: '{}', operation: 'bootstrap-start' }),
      messagesOf(layout, { after: row(1), operation: 'bootstrap-insert' }),
      messagesOf(layout, { after: '{}', operation: 'bootstrap-complete' }),
      messagesOf(layout, { after: row(2), operation: 'table-alter' }),
    ];
    const letters = await write(schema, messages, layout);
    expect(reasons(letters)).toEqual({
      3: 'operation table-alter is none of insert, bootstrap-insert, update, delete',
    });
    expect(await idsOf(schema)).toEqual([1]);
  });

  test('a load of nothing but begins and ends writes nothing', async () => {
    const schema = await openTable();
    const message = messagesOf(layout, { after: '{}', operation: 'bootstrap-start' });
    expect(await write(schema, [message, message], layout)).toEqual([]);
    expect(await idsOf(schema)).toEqual([]);
  });

  test('a changed key is a delete of the old one and a row', async () => {
    const schema = await openTable();
    const messages = [
      messagesOf(layout, { after: row(1) }),
      messagesOf(layout, { before: '{"id":1}', after: row(2) }),
      messagesOf(layout, { before: '{"name":"before"}', after: row(2) }),
      messagesOf(layout, { before: row(2) }),
      messagesOf(layout, { after: row(3) }),
    ];
    expect(await write(schema, messages, layout)).toEqual([]);
    expect(await idsOf(schema)).toEqual([3]);
    expect((await physicalRows(schema)).map((each) => [each['id'], each['_deleted']])).toEqual([
      [1, 1],
      [2, 1],
      [3, 0],
    ]);
  });

  test('a version from its position', async () => {
    const schema = await openTable();
    const binlog: MessageLayout = { format: 'maxwell', version: 'binlog' };
    const message = (position: string | null) =>
      messagesOf(binlog, { after: row(1), rest: { position } });
    const letters = await write(schema, [message('mysql-bin.000042:1234'), message(null)], binlog);
    expect(Object.keys(reasons(letters))).toEqual(['1']);
    expect((await physicalRows(schema)).map((each) => each['_version'])).toEqual([
      String(packVersion(0, 42, 1234)),
    ]);
  });
});

describe('Canal', () => {
  const layout: MessageLayout = { format: 'canal', version: 'offset' };
  const canal = (type: string, data: unknown, old: unknown = null, rest = {}) =>
    JSON.stringify({ data, old, type, isDdl: false, ...rest });
  const text = (id: number) => ({ id: String(id), name: `n${id}`, price: '1.50' });

  test('a message has any number of rows', async () => {
    const schema = await openTable();
    const messages = [
      canal('INSERT', [text(1), text(2), text(3), text(4)]),
      canal('UPDATE', [text(11), text(2)], [{ id: '1' }, { name: 'before' }]),
      canal('DELETE', [text(3), text(4)]),
      canal('ALTER', null, null, { isDdl: true, sql: 'ALTER TABLE t ADD x INT' }),
    ];
    expect(await write(schema, messages, layout)).toEqual([]);
    expect(await idsOf(schema)).toEqual([2, 11]);
    expect((await physicalRows(schema)).map((each) => [each['id'], each['_deleted']])).toEqual([
      [1, 1],
      [2, 0],
      [3, 1],
      [4, 1],
      [11, 0],
    ]);
  });

  test('a key that one row leaves and the next one takes is there afterwards', async () => {
    const schema = await openTable();
    const moved = [4, 3, 2].map((id) => ({ ...text(id), name: `was ${id - 1}` }));
    const messages = [
      canal('INSERT', [text(1), text(2), text(3)]),
      canal('UPDATE', moved, [{ id: '3' }, { id: '2' }, { id: '1' }]),
    ];
    expect(await write(schema, messages, layout)).toEqual([]);
    expect(await idsOf(schema)).toEqual([2, 3, 4]);
  });

  test('one wrong row makes the message a dead letter as a whole', async () => {
    const schema = await openTable();
    const messages = [
      canal('INSERT', [text(1), { ...text(2), price: 'x' }]),
      canal('INSERT', [text(3)]),
      canal('INSERT', []),
      canal('INSERT', null),
      canal('QUERY', null),
    ];
    const letters = await write(schema, messages, layout);
    expect(reasons(letters)).toEqual({
      0: 'column price: x is not decimal',
      2: 'column id: NULL, where none may be',
      3: 'column id: NULL, where none may be',
      4: 'operation QUERY is none of INSERT, UPDATE, DELETE',
    });
    expect(await idsOf(schema)).toEqual([3]);
  });
});

describe('JSON of applications', () => {
  test('columns lie where their paths say, in the message or in the line', async () => {
    const own = [
      column('_partition', int),
      column('_offset', { kind: 'int', bits: 64, unsigned: false }),
      column('_topic', { kind: 'string' }),
      column('at', { kind: 'timestamp', fsp: 3 }),
      column('city', { kind: 'string' }, true),
      column('tags', { kind: 'json' }, true),
    ];
    const schema = await openTable({ columns: own, key: ['_partition', '_offset'] });
    const layout: MessageLayout = {
      format: 'json',
      version: 'line',
      encodings: { at: 'iso', tags: 'value' },
      paths: {
        _partition: ['', 'p'],
        _offset: ['', 'o'],
        _topic: ['', 'q'],
        at: ['@timestamp'],
        city: ['customer', 'address', 'city.name'],
        tags: ['customer', 'tags'],
      },
    };
    const at = '2026-01-31T10:00:00.123Z';
    const messages = [
      {
        '@timestamp': at,
        customer: { address: { 'city.name': 'Wuhan' }, tags: ['a', { b: 1.5 }] },
      },
      { '@timestamp': at, customer: { address: null } },
      { '@timestamp': at, customer: null },
      { '@timestamp': at },
      { '@timestamp': at, customer: 'x' },
    ].map((message) => JSON.stringify(message));
    const letters = await write(schema, messages, layout);
    expect(Object.keys(reasons(letters))).toEqual(['4']);
    const rows = await server.engine.rows(
      `SELECT * EXCEPT (at), toString(at) AS at FROM ${schema.table} ORDER BY _offset`,
    );
    const common = { _partition: 0, _topic: 'shop.topic', at: '2026-01-31 10:00:00.123' };
    expect(rows).toEqual([
      { ...common, _offset: '0', city: 'Wuhan', tags: '["a",{"b":1.5}]' },
      { ...common, _offset: '1', city: null, tags: null },
      { ...common, _offset: '2', city: null, tags: null },
      { ...common, _offset: '3', city: null, tags: null },
    ]);
  });

  test('paths that lead through one another are refused', async () => {
    const schema = await openTable();
    const layout: MessageLayout = {
      format: 'json',
      version: 'line',
      paths: { name: ['a'], price: ['a', 'b'] },
    };
    const error = await write(schema, ['{}'], layout).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CdcError);
    expect(error).toMatchObject({
      code: 'CDC_SCHEMA_INCOMPATIBLE',
      details: { table: schema.table },
    });
  });

  test('a way to write values that is none for the type is refused', async () => {
    const schema = await openTable();
    const layout: MessageLayout = { format: 'json', version: 'line', encodings: { id: 'iso' } };
    await expect(write(schema, ['{}'], layout)).rejects.toThrow(
      'iso is no way to write column id (int)',
    );
  });
});

describe('order of arrival', () => {
  test('is kept in a hidden column of tables that have it', async () => {
    const schema = await openTable({ arrival: true });
    const arrival = 2n ** 62n + 1n;
    await write(schema, [''], debezium, linesOf([create(row(1))], [], arrival));
    const table = quoteIdentifier(schema.table);
    const [found] = await server.engine.rows(`SELECT toString(_arrival) AS a FROM _ods.${table}`);
    expect(found).toEqual({ a: String(arrival) });
    const view = await server.engine.rows(`SELECT * FROM ${schema.table}`);
    expect(Object.keys(view[0] ?? {})).toEqual(['id', 'name', 'price']);

    await ods.deleteOlder({ kind: 'truncate', table: schema.table, version: 9n, arrival: '77' });
    expect(await idsOf(schema)).toEqual([]);
    const deleted = await server.engine.rows(
      `SELECT toString(_arrival) AS a, _version FROM _ods.${table} WHERE _deleted`,
    );
    expect(deleted).toEqual([{ a: '77', _version: '9' }]);
  });

  test('comes and goes with the schema, the rows stay', async () => {
    const plain = await openTable();
    const { table } = plain;
    await write(plain, [create(row(1))]);
    const change = { kind: 'schema', table, existingRows: 'keep', version: 2n } as const;
    const arriving: TableSchema = { ...plain, version: 'arriving', arrival: true };
    await ods.applySchema({ ...change, schema: arriving });
    await write(arriving, [''], debezium, linesOf([create(row(2))], [], 5));
    const wider = [column('id', { kind: 'int', bits: 64, unsigned: false }), ...columns.slice(1)];
    const rebuilt: TableSchema = { ...arriving, version: 'rebuilt', columns: wider };
    await ods.applySchema({ ...change, schema: rebuilt });
    const rows = await server.engine.rows(
      `SELECT id, toString(_arrival) AS a FROM _ods.${quoteIdentifier(table)} ORDER BY id`,
    );
    expect(rows).toEqual([
      { id: '1', a: '0' },
      { id: '2', a: '5' },
    ]);
    await ods.applySchema({
      ...change,
      schema: { ...rebuilt, version: 'plain', arrival: undefined } as never,
    });
    expect(await idsOf(plain)).toEqual([1, 2]);
    expect(Object.keys((await physicalRows(plain))[0] ?? {})).not.toContain('_arrival');
  });
});
