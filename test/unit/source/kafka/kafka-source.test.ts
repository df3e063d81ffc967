import { expect, test } from 'vitest';
import { versionOf } from '../../../../src/change/position.ts';
import {
  canalValue,
  debeziumKey,
  debeziumValue,
  filebeatValue,
  maxwellValue,
  nginxLine,
  orderFields,
} from '../../../support/tool-messages.ts';
import { arrivalsOutOfOrder, linesOf, TopicWorld } from './topic-world.ts';

const topic = 'dbserver1.shop.orders';
const orders = { topic, table: 'shop.orders', format: 'debezium' };
const order = (id: number) => ({ id, customer: `c${id}`, amount: 'BOI=', at: 1769860800000000 });

function aDebeziumWorld(options: object = {}) {
  return new TopicWorld({ tables: [orders], ...options });
}

test('rows of a Debezium topic with schema blocks travel without the block, after a schema made from it', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic, 2);
  for (const id of [1, 2, 3]) {
    const value = debeziumValue({ op: 'r', after: order(id), pos: 157 }, orderFields);
    world.put(topic, value, id % 2, debeziumKey(id, true));
  }
  world.put(topic, null, 0, debeziumKey(2, true));
  const from = await world.source().currentPosition();
  const items = await world.follow();

  const [schema] = world.sections.filter((section) => section.kind === 'schema');
  expect(schema?.schema.key).toEqual(['id']);
  expect(
    schema?.schema.columns.map(({ name, nullable, sourceType }) => [name, nullable, sourceType]),
  ).toEqual([
    ['id', false, 'bigint'],
    ['customer', true, 'text'],
    ['amount', true, 'decimal(10,2)'],
    ['at', true, 'datetime(6)'],
  ]);
  const [section] = world.messages();
  expect(section?.layout).toEqual({
    format: 'debezium',
    encodings: { amount: 'unscaledBase64' },
    version: 'binlog',
  });
  const lines = world.lines();
  expect(lines.map(({ p, o }) => `${p}/${o}`).sort()).toEqual(['0/0', '1/0', '1/1']);
  for (const { m } of lines) expect(Object.keys(JSON.parse(m))).toContain('op');
  expect(arrivalsOutOfOrder(from, items)).toEqual([]);
  expect(world.position).toMatchObject({ file: 'kafka.000000', offset: 4, serverId: 'memory' });
  expect(world.position?.gtid).toBe(`${topic}:0=2,${topic}:1=2`);
});

test('a schema block that changes gives a schema section at its place, and an older one takes nothing away', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic);
  const put = (id: number, fields: readonly object[], more: object = {}) =>
    world.put(
      topic,
      debeziumValue({ op: 'c', after: { ...order(id), ...more }, pos: id }, fields),
      0,
      debeziumKey(id),
    );
  const wider = [...orderFields, { type: 'int32', optional: false, default: 5, field: 'stars' }];
  put(1, orderFields);
  await world.follow();
  put(2, orderFields);
  put(3, wider, { stars: 4 });
  put(4, orderFields);
  put(5, wider, { stars: 1 });
  await world.follow();

  const later = world.sections.slice(2);
  expect(later.map(({ kind }) => kind)).toEqual([
    'messages',
    'schema',
    'messages',
    'messages',
    'messages',
  ]);
  const [, change] = later;
  expect(change).toMatchObject({
    existingRows: 'keep',
    defaults: { stars: '5' },
    schema: {
      columns: [
        { name: 'id' },
        { name: 'customer' },
        { name: 'amount' },
        { name: 'at' },
        { name: 'stars', nullable: true },
      ],
    },
  });
  const versions = world.messages().map(({ schemaVersion }) => schemaVersion);
  expect(new Set(versions.slice(2)).size).toBe(1);
});

test('a message that empties a table waits until the other partitions have what was in front of it', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic, 2);
  const put = (partition: number, id: number, pos: number) =>
    world.put(
      topic,
      debeziumValue({ op: 'c', after: order(id), pos }, orderFields),
      partition,
      debeziumKey(id),
    );
  put(0, 1, 100);
  world.put(topic, debeziumValue({ op: 't', pos: 900 }, orderFields), 0);
  put(0, 2, 1000);
  // More than one answer brings, so that partition 1 is far behind when partition 0 meets the mark.
  for (let id = 10; id < 200; id++) put(1, id, id);
  await world.follow();

  const places = world.sections.flatMap((section) => {
    if (section.kind === 'truncate') return [`truncate ${section.version & 0xfffffffffn}`];
    return section.kind === 'messages' ? linesOf(section).map(({ p, o }) => `${p}/${o}`) : [];
  });
  const mark = places.indexOf('truncate 900');
  expect(mark).toBe(places.length - 2);
  expect(places.at(-1)).toBe('0/2');
  expect(new Set(places).size).toBe(places.length);
});

test('two partitions that each wait for the other let go in the order of the marks', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic, 2);
  for (const [partition, pos] of [
    [0, 900],
    [1, 500],
  ] as const) {
    world.put(topic, debeziumValue({ op: 't', pos }, orderFields), partition);
    const value = debeziumValue({ op: 'c', after: order(pos), pos: pos + 1 }, orderFields);
    world.put(topic, value, partition, debeziumKey(pos));
  }
  await world.follow();
  const marks = world.sections.filter(({ kind }) => kind === 'truncate');
  expect(marks.map((section) => 'version' in section && section.version & 0xfffffffffn)).toEqual([
    500n,
    900n,
  ]);
  expect(world.lines()).toHaveLength(2);
});

test('one topic of Maxwell fills several tables, and messages of other tables are kept as refused', async () => {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'name', type: 'varchar(20)' },
  ];
  const entry = (table: string) => ({
    topic: 'maxwell',
    table,
    format: 'maxwell',
    key: ['id'],
    columns,
  });
  const world = new TopicWorld({ tables: [entry('shop.orders'), entry('shop.customer')] });
  await world.createTopic('maxwell');
  world.put('maxwell', maxwellValue('insert', 'orders', { id: 1, name: 'a' }));
  world.put('maxwell', maxwellValue('bootstrap-start', 'customer', {}));
  world.put(
    'maxwell',
    maxwellValue('bootstrap-insert', 'customer', { id: 1, name: '"table":"orders"' }),
  );
  world.put(
    'maxwell',
    maxwellValue('insert', 'customer', { id: 2, table: 'orders', type: 'table-drop' }),
  );
  world.put('maxwell', maxwellValue('insert', 'stock', { id: 3 }));
  world.put('maxwell', 'not json');
  await world.follow();

  expect(world.lines('shop.customer').map(({ o }) => o)).toEqual([2, 3]);
  expect(world.lines('shop.orders').map(({ o, e }) => [o, e])).toEqual([
    [0, undefined],
    [4, 'no entry of the topic is for its table'],
    [5, 'no entry of the topic is for its table'],
  ]);
  // By offset, in a range of versions above every mark of ours.
  expect(world.lines('shop.customer').map(({ v }) => BigInt(v) - (1n << 36n))).toEqual([2n, 3n]);
});

test('messages of tables that nobody asked for can be ignored', async () => {
  const columns = [{ name: 'id', type: 'bigint' }];
  const entry = {
    topic: 'maxwell',
    table: 'ods.o',
    messageTable: 'shop.orders',
    format: 'maxwell',
    key: ['id'],
    columns,
  };
  const world = new TopicWorld({ tables: [entry], unmatched: 'ignore' });
  await world.createTopic('maxwell');
  world.put('maxwell', maxwellValue('insert', 'stock', { id: 1 }));
  world.put('maxwell', maxwellValue('insert', 'orders', { id: 2 }));
  await world.follow();
  expect(world.lines().map(({ o }) => o)).toEqual([1]);
});

test('Canal says its columns and keys itself; TRUNCATE empties the table, other DDL does not', async () => {
  const world = new TopicWorld({
    tables: [{ topic: 'canal', table: 'shop.orders', format: 'canal' }],
  });
  await world.createTopic('canal');
  const row = (id: string) => ({ id, customer: 'x', amount: '1.50' });
  world.put('canal', canalValue('INSERT', [row('1'), row('2')]));
  world.put('canal', canalValue('ALTER', null, { sql: 'ALTER TABLE orders COMMENT "x"' }));
  world.put('canal', canalValue('TRUNCATE', null, { sql: 'TRUNCATE orders' }));
  world.put('canal', canalValue('INSERT', [row('3')]));
  await world.follow();

  expect(world.sections.map(({ kind }) => kind)).toEqual([
    'schema',
    'messages',
    'truncate',
    'messages',
  ]);
  expect(world.schemas.get('shop.orders')).toMatchObject({
    key: ['id'],
    columns: [
      { name: 'id', type: { kind: 'int', bits: 64 }, nullable: false },
      { name: 'customer', type: { kind: 'string' } },
      { name: 'amount', type: { kind: 'decimal', precision: 10, scale: 2 } },
    ],
  });
  const truncate = world.sections.find((section) => section.kind === 'truncate');
  const [first, second] = world.lines().map(({ v }) => BigInt(v));
  expect(first).toBeLessThan(truncate?.version ?? 0n);
  expect(second).toBeGreaterThan(truncate?.version ?? 0n);
});

test('log lines without a key are rows by their place in the topic', async () => {
  const world = new TopicWorld({
    tables: [{ topic: 'logs', table: 'web.access', format: 'filebeat' }],
  });
  await world.createTopic('logs');
  world.put('logs', filebeatValue(nginxLine, 10));
  await world.follow();
  expect(world.schemas.get('web.access')?.key).toEqual(['_partition', '_offset']);
  expect(world.messages()[0]?.layout.paths).toMatchObject({
    logged_at: ['@timestamp'],
    host: ['host', 'name'],
    _partition: ['', 'p'],
    _offset: ['', 'o'],
  });
});

test('the stream goes on from a stored position, and takes in partitions and topics that appear', async () => {
  const world = aDebeziumWorld({
    tables: [{ topic: 'dbserver1.shop.*', table: 'shop.*', format: 'debezium' }],
  });
  const put = (of: string, partition: number, id: number) =>
    world.put(
      of,
      debeziumValue({ op: 'c', after: order(id), pos: id }, orderFields),
      partition,
      debeziumKey(id),
    );
  await world.createTopic(topic);
  put(topic, 0, 1);
  await world.follow();
  const before = world.position;

  await world.createTopic('dbserver1.shop.stock');
  put('dbserver1.shop.stock', 0, 7);
  world.kafka.topics.get(topic)?.partitions.push({ records: [], low: 0, epoch: 0 });
  put(topic, 1, 2);
  put(topic, 0, 3);
  await world.follow();

  expect(
    world
      .lines('shop.orders')
      .map(({ p, o }) => `${p}/${o}`)
      .sort(),
  ).toEqual(['0/0', '0/1', '1/0']);
  expect(world.lines('shop.stock')).toHaveLength(1);
  expect(versionOf(world.position ?? never())).toBeGreaterThan(versionOf(before ?? never()));
});

test('a table that appears while the stream runs asks for its snapshot', async () => {
  const world = aDebeziumWorld({
    tables: [{ topic: 'dbserver1.shop.*', table: 'shop.*', format: 'debezium' }],
  });
  await world.createTopic(topic);
  world.put(
    topic,
    debeziumValue({ op: 'c', after: order(1), pos: 1 }, orderFields),
    0,
    debeziumKey(1),
  );
  const source = world.source();
  world.position = await source.currentPosition();
  const abort = new AbortController();
  for await (const item of source.stream(world.position, abort.signal)) {
    world.take(item);
    if (world.lines('shop.orders').length > 0 && !world.kafka.topics.has('dbserver1.shop.stock')) {
      await world.createTopic('dbserver1.shop.stock');
      world.put(
        'dbserver1.shop.stock',
        debeziumValue({ op: 'c', after: order(7), pos: 9 }, orderFields),
        0,
        debeziumKey(7),
      );
      world.put(
        topic,
        debeziumValue({ op: 'c', after: order(2), pos: 2 }, orderFields),
        0,
        debeziumKey(2),
      );
    }
    if (world.lines('shop.stock').length > 0 && world.needed.length === 0) {
      world.put(
        topic,
        debeziumValue({ op: 'c', after: order(3), pos: 3 }, orderFields),
        0,
        debeziumKey(3),
      );
    }
    if (world.needed.length > 0) abort.abort();
  }
  expect(world.needed).toEqual(['shop.stock']);
  expect(world.lines('shop.stock')).toHaveLength(1);
});

test('at first there is nothing for a snapshot to read: the stream brings it all', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic);
  world.put(
    topic,
    debeziumValue({ op: 'c', after: order(1), pos: 1 }, orderFields),
    0,
    debeziumKey(1),
  );
  const source = world.source();
  await world.follow(source);
  const items = [];
  for await (const item of source.snapshot('shop.orders', undefined, new AbortController().signal))
    items.push(item);
  expect(items.flatMap(({ batch }) => batch.sections.map(({ kind }) => kind))).toEqual([
    'schema',
    'sweep',
  ]);
  expect(items.at(-1)?.progress).toMatchObject({ done: true });
  const sweep = items.at(-1)?.batch.sections[0];
  expect(sweep?.kind === 'sweep' && sweep.version).toBe(
    BigInt(items.at(-1)?.progress.firstVersion ?? 0),
  );
  expect(sweep?.kind === 'sweep' && sweep.version < 0n).toBe(true);
});

test('a table read anew is emptied and gets what the stream had brought before, also when interrupted', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic, 2);
  for (let id = 0; id < 150; id++) {
    world.put(
      topic,
      debeziumValue({ op: 'c', after: order(id), pos: id }, orderFields),
      id % 2,
      debeziumKey(id),
    );
  }
  await world.follow();
  world.sections.length = 0;
  const first = world.source();
  let progress: unknown;
  for await (const item of first.snapshot('shop.orders', undefined, new AbortController().signal)) {
    world.take(item);
    progress = JSON.parse(JSON.stringify(item.progress));
    if (world.lines().length > 0) break;
  }
  expect(world.sections[0]).toMatchObject({ kind: 'schema', existingRows: 'resnapshot' });
  // What comes later is the stream's.
  world.put(
    topic,
    debeziumValue({ op: 'c', after: order(999), pos: 999 }, orderFields),
    0,
    debeziumKey(999),
  );
  const second = world.source();
  const resume = progress as Parameters<typeof second.snapshot>[1];
  for await (const item of second.snapshot('shop.orders', resume, new AbortController().signal))
    world.take(item);
  const places = world.lines().map(({ p, o }) => `${p}/${o}`);
  expect(places).toHaveLength(150);
  expect(new Set(places).size).toBe(150);
  expect(world.sections.at(-1)?.kind).toBe('sweep');
});

test('a table added to a topic that has been read gets what lies in front of the stream', async () => {
  const columns = [{ name: 'id', type: 'bigint' }];
  const entry = (table: string) => ({
    topic: 'maxwell',
    table,
    format: 'maxwell',
    key: ['id'],
    columns,
  });
  const first = new TopicWorld({ tables: [entry('shop.orders')], unmatched: 'ignore' });
  await first.createTopic('maxwell');
  first.put('maxwell', maxwellValue('insert', 'orders', { id: 1 }));
  first.put('maxwell', maxwellValue('insert', 'stock', { id: 2 }));
  await first.follow();

  const tables = [entry('shop.orders'), entry('shop.stock')];
  const second = new TopicWorld({ tables, unmatched: 'ignore' }, first.kafka);
  for (const [table, schema] of first.schemas) second.schemas.set(table, schema);
  second.position = first.position;
  second.put('maxwell', maxwellValue('insert', 'stock', { id: 3 }));
  const source = second.source();
  await second.follow(source);
  expect(second.lines('shop.stock').map(({ o }) => o)).toEqual([2]);
  const signal = new AbortController().signal;
  for await (const item of source.snapshot('shop.stock', undefined, signal)) second.take(item);
  expect(second.lines('shop.stock').map(({ o }) => o)).toEqual([2, 1]);
  const declared = second.sections.filter(({ kind }) => kind === 'schema');
  expect(declared).not.toContainEqual(expect.objectContaining({ existingRows: 'resnapshot' }));
});

test('declared columns stand whatever a schema block says, and take its way of writing them', async () => {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'amount', type: 'decimal(20,2)' },
  ];
  const world = new TopicWorld({ tables: [{ ...orders, key: ['id'], columns }] });
  await world.createTopic(topic);
  const odd = { type: 'uint128', optional: true, field: 'odd' };
  for (const fields of [orderFields, [...orderFields, odd]]) {
    world.put(
      topic,
      debeziumValue({ op: 'c', after: order(1), pos: 1 }, fields),
      0,
      debeziumKey(1),
    );
  }
  await world.follow();
  expect(world.messages().map(({ layout }) => layout.encodings)).toEqual([
    { amount: 'unscaledBase64' },
    undefined,
  ]);
  expect([...world.schemas.values()].map((schema) => schema.columns.length)).toEqual([2]);
});

test('a table that is left out has no lines, and its topic is read on', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic);
  world.put(topic, 'what nobody can place');
  const source = world.source();
  source.exclude(new Set(['shop.orders']));
  await world.follow(source);
  expect(world.sections).toEqual([]);
  expect(world.position?.gtid).toBe(`${topic}:0=1`);
});

test('a topic deleted, created again or cut off by retention is named with the place that was lost', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic);
  for (const id of [1, 2]) {
    world.put(
      topic,
      debeziumValue({ op: 'c', after: order(id), pos: id }, orderFields),
      0,
      debeziumKey(id),
    );
  }
  await world.follow();
  const stored = world.position ?? never();
  const next = async () => {
    const [first] = [world.source().stream(stored, new AbortController().signal)];
    for (;;) if ((await first?.next())?.done) return;
  };
  world.kafka.topics.delete(topic);
  await expect(next()).rejects.toMatchObject({
    code: 'CDC_KAFKA_OFFSET_LOST',
    message: `Reading ${topic}: the topic was deleted; it had been read to partition 0 at 2.`,
  });
  await world.createTopic(topic);
  await expect(next()).rejects.toMatchObject({ code: 'CDC_KAFKA_OFFSET_LOST' });
});

test('a position of another cluster is refused, and the next one begins a new epoch', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic);
  world.position = { epoch: 3, file: 'kafka.000000', offset: 0, gtid: '', serverId: 'another' };
  const stream = world.source().stream(world.position, new AbortController().signal);
  await expect(stream.next()).rejects.toMatchObject({ code: 'CDC_KAFKA_OFFSET_LOST' });
  expect((await world.source().currentPosition()).epoch).toBe(4);
});

test('from latest begins behind what is there', async () => {
  const world = aDebeziumWorld({ from: 'latest' });
  await world.createTopic(topic);
  world.put(
    topic,
    debeziumValue({ op: 'c', after: order(1), pos: 1 }, orderFields),
    0,
    debeziumKey(1),
  );
  world.position = await world.source().currentPosition();
  world.put(
    topic,
    debeziumValue({ op: 'c', after: order(2), pos: 2 }, orderFields),
    0,
    debeziumKey(2),
  );
  await world.follow();
  expect(world.lines().map(({ o }) => o)).toEqual([1]);
});

test('a topic of which nothing says the columns stops its table with what to do', async () => {
  const world = aDebeziumWorld();
  await world.createTopic(topic);
  world.put(topic, debeziumValue({ op: 'c', after: order(1), pos: 1 }));
  await expect(world.follow()).rejects.toMatchObject({
    code: 'CDC_MESSAGE_MALFORMED',
    details: { table: 'shop.orders', topic, offset: 0 },
  });
});

test('preflight names every problem at once', async () => {
  const columns = [{ name: 'id', type: 'bigint' }];
  const world = new TopicWorld({
    tables: [
      { topic: 'missing', table: 'shop.missing', format: 'debezium' },
      { topic: 'app', table: 'shop.app', format: 'debezium', key: ['id'], columns },
      { topic: 'keyless', table: 'shop.keyless', format: 'json', key: ['id'], columns },
      { topic: 'pg', table: 'shop.pg', format: 'debezium', key: ['id'], columns },
      { topic: 'later.*', table: 'shop.later', format: 'debezium' },
      orders,
    ],
  });
  for (const name of ['app', 'keyless', 'pg', topic]) await world.createTopic(name);
  world.put('app', '{"id":1}');
  world.put('keyless', '{"name":"x"}');
  world.put(
    'pg',
    JSON.stringify({ op: 'c', after: { id: 1 }, source: { lsn: 24023128, schema: 'public' } }),
  );
  world.put(topic, debeziumValue({ op: 'c', after: order(1), pos: 1 }));
  const problems = await world.source().preflight();
  expect(problems.map(({ where, severity, code }) => [where, severity, code])).toEqual([
    ['missing', 'error', 'CDC_KAFKA_TOPIC_NOT_FOUND'],
    ['later.*', 'warning', 'CDC_KAFKA_TOPIC_NOT_FOUND'],
    ['app offset 0', 'error', 'CDC_MESSAGE_MALFORMED'],
    [topic, 'error', 'CDC_MESSAGE_MALFORMED'],
    ['keyless offset 0', 'error', 'CDC_MESSAGE_MALFORMED'],
    ['pg offset 0', 'error', 'CDC_MESSAGE_MALFORMED'],
  ]);
  expect(problems.find(({ where }) => where.startsWith('pg'))?.remedy).toContain('to lsn');
});

function never(): never {
  throw new Error('there is no position');
}
