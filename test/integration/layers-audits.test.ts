import { expect, test } from 'vitest';
import type { Layers } from '../../src/layers/layers.ts';
import { LayersWorld, never } from '../support/layers-world.ts';

const tables = {
  'shop.orders': {
    columns: {
      id: 'Int64',
      student_id: 'Nullable(Int64)',
      amount: 'Nullable(Decimal(10, 2))',
      status: 'String',
      receipt: 'Nullable(String)',
      note: 'Nullable(String)',
    },
    key: ['id'],
  },
  'shop.students': { columns: { id: 'Int64', name: 'String', code: 'String' }, key: ['id'] },
};

const select = 'SELECT id, student_id, amount, status, receipt, note FROM shop.orders';

const order = (id: number, changes: Record<string, string | number | null> = {}) => {
  const own = { receipt: `r${id}`, note: `n${id}` };
  return { id, student_id: 1, amount: 10, status: 'paid', ...own, ...changes };
};
const student = (id: number) => ({ id, name: `s${id}`, code: `r${id}` });

/** Two students, orders 1 and 2, and a model over the orders with these audits. */
async function openAudited(audits: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const header = audits.map((audit) => `-- audit: ${audit}\n`).join('');
  return openModels({ 'dwd.orders': header + select, ...more });
}

async function openModels(models: Readonly<Record<string, string>>) {
  const world = await LayersWorld.open(tables, models);
  try {
    await world.write('shop.students', [student(1), student(2)]);
    await world.write('shop.orders', [order(1), order(2, { student_id: 2 })]);
    const layers = await world.openLayers();
    await layers.apply(never);
    await world.refresh(layers);
    return { world, layers, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

function errorsOf(layers: Layers) {
  return Object.fromEntries(layers.status().map(({ name, error }) => [name, error]));
}

/** Each is broken by one row of `badRows`, and by no other. */
const stops = [
  {
    audit: 'unique(receipt)',
    says: 'unique(receipt): 1 value of receipt is there more than once, for example receipt = r1 (2 rows).',
  },
  {
    audit: 'unique(student_id, note)',
    says: 'unique(student_id, note): 1 value of student_id, note is there more than once, for example student_id = NULL, note = NULL (2 rows).',
  },
  {
    audit: 'not_null(amount, receipt)',
    says: 'not_null(amount, receipt): 1 row has NULL in amount or receipt, for example id = 13, amount = NULL, receipt = r13.',
  },
  {
    audit: "accepted(status: paid, 'refunded')",
    says: "accepted(status: paid, 'refunded'): 1 row has another status, for example id = 14, status = piad.",
  },
  {
    audit: 'relation(student_id -> shop.students.id)',
    says: 'relation(student_id -> shop.students.id): 1 row refers to no row of shop.students, for example id = 15, student_id = 9.',
  },
  {
    audit: 'where(amount >= 0)',
    says: 'where(amount >= 0): 1 row does not meet it, for example id = 16, amount = -1.00.',
  },
  {
    audit: "none(SELECT id FROM changed.rows WHERE receipt = 'none')",
    says: "none(SELECT id FROM changed.rows WHERE receipt = 'none'): 1 row came out of it, and none should, for example id = 17.",
  },
  {
    audit: 'none(SELECT max(amount) AS most FROM dwd.m7 HAVING most > 80)',
    says: 'none(SELECT max(amount) AS most FROM dwd.m7 HAVING most > 80): 1 row came out of it, and none should, for example most = 81.00.',
  },
] as const;

const badRows = [
  order(11, { receipt: 'r1' }),
  order(12, { student_id: null, note: null }),
  order(13, { amount: null }),
  order(14, { status: 'piad' }),
  order(15, { student_id: 9 }),
  order(16, { amount: -1 }),
  order(17, { receipt: 'none' }),
  order(18, { amount: 81 }),
];

test('rows that break an audit stop its model and the readers at the last good cut, and nothing else', async () => {
  const models = stops.map(({ audit }, index) => [
    `dwd.m${index}`,
    `-- audit: ${audit}\n${select}`,
  ]);
  await using shop = await openModels({
    ...Object.fromEntries(models),
    'dws.sums': 'SELECT status, count() AS orders FROM dwd.m0 GROUP BY status',
    'dwd.orders': select,
  });
  const { world, layers } = shop;
  await world.write('shop.orders', [order(4, { student_id: null, note: null })]);
  await world.refresh(layers);
  expect(Object.values(errorsOf(layers)).filter((error) => error !== undefined)).toEqual([]);
  const before = await world.engine.rows('SELECT * FROM dwd.orders ORDER BY id');
  await world.write('shop.orders', badRows);
  await world.refresh(layers);
  const remedy = 'Correct the rows at the source, or the audit, then run `cdc layers apply --yes`.';
  const expected = stops.map(({ says }, index) => {
    const name = `dwd.m${index}`;
    const place = `layers/dwd/m${index}.sql:1:11`;
    return [name, `${name} stays at its last good cut: ${place} ${says} ${remedy}`];
  });
  expect(errorsOf(layers)).toEqual({
    ...Object.fromEntries(expected),
    'dws.sums': expect.stringContaining('dwd.m0, which has stopped'),
    'dwd.orders': undefined,
  });
  for (const [name] of expected) {
    expect(await world.engine.rows(`SELECT * FROM ${name} ORDER BY id`)).toEqual(before);
  }
  expect(await world.engine.rows('SELECT count() AS n FROM dwd.orders')).toEqual([{ n: '11' }]);
  await world.write('shop.orders', [order(20)]);
  await world.refresh(layers);
  expect(await world.engine.rows('SELECT count() AS n FROM dwd.m3')).toEqual([{ n: '3' }]);
  await expect(layers.apply(never)).rejects.toMatchObject({ code: 'CDC_LAYERS_AUDIT_FAILED' });
  await world.write('shop.orders', [], badRows);
  await layers.apply(never);
  await world.refresh(layers);
  expect(Object.values(errorsOf(layers)).filter((error) => error !== undefined)).toEqual([]);
  expect(await world.differences(layers)).toEqual([]);
});

test('rows that meet every audit pass, NULL where an audit says nothing of it', async () => {
  await using shop = await openAudited([
    'unique(receipt)',
    'accepted(amount: 10, 20.5)',
    'relation(student_id -> shop.students.id)',
    'where(amount >= 0)',
    'none(SELECT r.id FROM changed.rows AS r JOIN shop.students AS s ON s.id = r.student_id WHERE s.name = r.receipt)',
  ]);
  const { world, layers } = shop;
  await world.write('shop.orders', [
    order(1, { receipt: 'r7' }),
    order(3, { receipt: 'r1', amount: '20.50' }),
    order(4, { student_id: null, amount: null }),
  ]);
  await world.write('shop.orders', [], [order(2)]);
  await world.refresh(layers);
  expect(layers.status()).toMatchObject([{ rows: 3 }]);
  expect(errorsOf(layers)).toEqual({ 'dwd.orders': undefined });
});

test('a relation is broken from the other side, too, and not when both sides go together', async () => {
  await using shop = await openAudited([
    'relation(student_id -> shop.students.id) warn',
    'relation(receipt -> shop.students.code) warn',
  ]);
  const { world, layers } = shop;
  const warned = () => layers.status()[0]?.warnings?.map(({ audit, count }) => [audit, count]);
  expect(warned()).toBeUndefined();
  await world.write('shop.students', [], [student(2)]);
  await world.write('shop.orders', [], [order(2, { student_id: 2 })]);
  await world.refresh(layers);
  expect(warned()).toBeUndefined();
  await world.write('shop.students', [{ ...student(1), code: 'other' }]);
  await world.refresh(layers);
  expect(warned()).toEqual([['relation(receipt -> shop.students.code)', 1]]);
  await world.write('shop.students', [], [student(1)]);
  await world.refresh(layers);
  expect(warned()).toEqual([
    ['relation(receipt -> shop.students.code)', 2],
    ['relation(student_id -> shop.students.id)', 1],
  ]);
});

test('an audit that warns lets the rows pass, is remembered and shown, until the model is built anew', async () => {
  await using shop = await openAudited(['where(amount >= 0) warn', 'not_null(student_id)']);
  const { world, layers } = shop;
  await world.write('shop.orders', [order(3, { amount: -1 })]);
  await world.refresh(layers);
  await world.write('shop.orders', [order(4, { amount: -2 })]);
  await world.refresh(layers);
  const [status] = layers.status();
  expect(status).toMatchObject({
    rows: 4,
    warnings: [
      {
        audit: 'where(amount >= 0)',
        place: 'layers/dwd/orders.sql:1:11',
        count: 2,
        message: 'where(amount >= 0): 1 row does not meet it, for example id = 4, amount = -2.00.',
      },
    ],
  });
  expect(status?.error).toBeUndefined();
  expect((await layers.plan()).problems).toMatchObject([
    {
      code: 'CDC_LAYERS_AUDIT_FAILED',
      severity: 'warning',
      where: 'layers/dwd/orders.sql:1:11',
      message: expect.stringMatching(
        /^where\(amount >= 0\): 1 row does not meet it, .* 2 rows since \d{4}-/,
      ),
    },
  ]);
  await world.writeModel(
    'dwd.orders',
    `-- audit: where(amount >= -9) warn\n${select}, 1 AS one`.replace(
      ' FROM shop.orders, 1 AS one',
      ', 1 AS one FROM shop.orders',
    ),
  );
  await layers.apply(never);
  expect(layers.status()[0]?.warnings).toBeUndefined();
});

test('the declared key stays unique while rows change', async () => {
  await using shop = await openAudited([], {
    'dwd.receipts': '-- key: receipt\nSELECT receipt, amount FROM shop.orders',
  });
  const { world, layers } = shop;
  await world.write('shop.orders', [order(3, { receipt: 'r1' })]);
  await world.refresh(layers);
  expect(errorsOf(layers)).toEqual({
    'dwd.orders': undefined,
    'dwd.receipts': expect.stringContaining(
      'layers/dwd/receipts.sql:1:9 unique(receipt): 1 value of receipt is there more than once',
    ),
  });
});

test('every wrong audit line is a problem with its place', async () => {
  const lines: readonly (readonly [string, string])[] = [
    ['uniqe(id)', '1:11 There is no audit uniqe. Did you mean unique(column, ...)?'],
    ['unique', '2:11 This audit is written unique(column, ...), perhaps with warn after it.'],
    [
      'unique(id) warning',
      '3:22 warning is not understood after an audit: write warn, or stop, or nothing (which means stop).',
    ],
    ['not_null(amuont)', '4:20 dwd.orders has no column amuont. Did you mean amount?'],
    ['accepted(status paid)', '5:20 This audit is written accepted(column: value, value, ...).'],
    ['accepted(amount: paid)', "6:11 'paid' cannot be read as Decimal(10, 2)."],
    [
      'relation(student_id -> shop.student.id)',
      '7:34 There is no table or model shop.student. Did you mean shop.students?',
    ],
    [
      'relation(student_id -> shop.students.idd)',
      '8:48 shop.students has no column idd. Did you mean id?',
    ],
    [
      'relation(student_id -> dws.other.id)',
      '9:34 An audit looks at captured tables and at models that its own model reads; dwd.orders does not read dws.other.',
    ],
    ['where(amuont > 0)', '10:17 There is no column amuont here. Did you mean amount?'],
    ['where(amount > )', '11:26 The statement ends too early.'],
    ['none(SELECT idd FROM changed.rows)', '12:23 There is no column idd here. Did you mean id?'],
    [
      'relation(receipt -> shop.students.id)',
      '13:11 The join compares receipt (Nullable(String)) with id (Int64).',
    ],
  ];
  const header = lines.map(([line]) => `-- audit: ${line}\n`).join('');
  await using world = await LayersWorld.open(tables, {
    'dwd.orders': header + select,
    'dws.other': 'SELECT id FROM shop.students',
  });
  const { problems } = await (await world.openLayers()).plan();
  const found = problems.map(({ where, message }) => `${where.replace(/^.*sql:/, '')} ${message}`);
  expect(found).toEqual(lines.map(([, problem]) => expect.stringContaining(problem)));
});
