import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readModels } from '../../src/layers/model/model-file.ts';
import { type ModelTestReport, runModelTests } from '../../src/layers/model-test/model-test.ts';
import { readModelTests } from '../../src/layers/model-test/model-test-file.ts';
import type { SqlEngine } from '../../src/layers/sql-engine.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { engineTypeOf } from '../../src/pipeline/source-type.ts';
import { InProcessEngine } from '../support/layers-engine.ts';
import { openTempFolder } from '../support/temp-folder.ts';

const models = {
  'dwd/wide': `-- key: order_id
SELECT o.id AS order_id, o.amount AS amount, o.paid_at AS paid_at, c.name AS customer, c.city AS city
FROM shop.orders AS o LEFT JOIN shop.customers AS c ON c.id = o.customer_id
WHERE o.status = 'paid'`,
  'dws/by_city':
    '-- key: city\nSELECT city, count() AS orders, sum(amount) AS amount FROM dwd.wide GROUP BY city',
  'dwd/by_customer': '-- key: customer_id\nSELECT customer_id, amount FROM shop.orders',
  'dwd/rate': 'SELECT id, intDiv(100, customer_id) AS rate FROM shop.orders',
};
const tables = `tables:
  shop.orders:
    columns: {id: bigint unsigned not null, customer_id: int not null, amount: 'decimal(10,2) not null',
              status: varchar(20) not null, paid_at: datetime(3), day: date}
  shop.customers: {columns: {id: int not null, name: varchar(40) not null, city: varchar(40)}}
given:
  shop.customers: [{id: 1, name: Ann, city: Wuhan}]
`;

let engine: InProcessEngine;
beforeAll(async () => {
  engine = await InProcessEngine.open();
});
afterAll(() => engine[Symbol.asyncDispose]());

async function run(cases: string, through: SqlEngine = engine): Promise<ModelTestReport> {
  await using temp = await openTempFolder();
  const folder = join(temp.path, 'layers');
  const files = { ...models, 'tests/a': `${tables}cases:\n${cases}` };
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, `${name}${name.startsWith('tests') ? '.yaml' : '.sql'}`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return await runModelTests(await readModelTests(folder), {
    engine: through,
    folder,
    models: (await readModels(folder)).models,
    schemas: new Map(),
    typeOf: engineTypeOf,
    logger: createSilentLogger(),
    signal: new AbortController().signal,
  });
}

const story = `  - name: a late customer, a move and a refund
    given:
      shop.orders:
        - {id: 1, customer_id: 1, amount: 10, status: paid, paid_at: 2026-09-01 10:00:00}
        - {id: 2, customer_id: 2, amount: 5.5, status: paid}
    expect:
      dwd.wide:
        - {order_id: 1, customer: Ann, city: Wuhan, amount: 10.00, paid_at: 2026-09-01 10:00}
        - {order_id: 2, customer: null, paid_at: null}
      dws.by_city: [{city: Wuhan, amount: 10}, {city: null, amount: 5.5}]
    steps:
      - step: the customer comes
        insert: {shop.customers: [{id: 2, name: Bo, city: Wuhan}]}
        expect: {dws.by_city: [{city: Wuhan, orders: 2, amount: 15.5}]}
      - step: one moves and the other gets the money back
        update:
          shop.customers: [{id: 2, city: Paris}]
          shop.orders: [{id: 1, status: refunded}]
        expect: {dws.by_city: [{city: Paris, orders: 1}]}
      - step: all orders go
        truncate: shop.orders
        expect: {dws.by_city: [], dwd.wide: []}
`;

describe('cases of models', () => {
  test('go through the layers step by step, each case from empty tables', async () => {
    const report = await run(`${story}  - name: nothing is left of the case before
    expect: {dwd.wide: [], dws.by_city: []}
  - name: keys of the case before are free again
    given: {shop.orders: [{id: 1, customer_id: 1, amount: 7, status: paid}]}
    expect: {dws.by_city: [{city: Wuhan, orders: 1, amount: 7}]}
`);
    expect(report.cases.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
    expect(report).toMatchObject({ ok: true, cases: [{ steps: 4 }, { steps: 1 }, { steps: 1 }] });
  });

  test('fail at the first step that is not as expected, with the rows that differ', async () => {
    const report = await run(story.replace('amount: 15.5', 'amount: 16'));
    expect(report.ok).toBe(false);
    expect(report.cases).toMatchObject([
      {
        steps: 1,
        failure: {
          step: 'the customer comes',
          models: [
            {
              kind: 'rows',
              model: 'dws.by_city',
              equal: 0,
              differences: [
                { kind: 'changed', cells: { amount: { found: '15.5', expected: '16' } } },
              ],
            },
          ],
        },
      },
    ]);
  });

  test('fail when the stored rows are not what the SELECT gives, though they are as expected', async () => {
    // A row that no refresh can see: older than the last cut.
    const hiding: SqlEngine = {
      rows: (sql, options) => engine.rows(sql, options),
      command: async (sql, options) => {
        const done = await engine.command(sql, options);
        if (sql.startsWith('INSERT INTO _ods.`shop.orders`') && sql.includes("'paid'")) {
          await engine.command(
            "INSERT INTO _ods.`shop.orders` (id, customer_id, status, _version) VALUES (99, 7, 'paid', 1)",
          );
        }
        return done;
      },
    };
    const cases = `  - name: one order
    given: {shop.orders: [{id: 1, customer_id: 1, amount: 7, status: paid}]}
    expect: {dwd.wide: [{order_id: 1}]}
`;
    expect((await run(cases, hiding)).cases[0]?.failure?.models).toMatchObject([
      { kind: 'unequal', model: 'dwd.wide', keys: [expect.stringContaining('99')] },
    ]);
    expect((await run(cases)).ok).toBe(true);
  });

  test('fail when two rows have the key that the header declares', async () => {
    const rows = '[{id: 1, customer_id: 5}, {id: 2, customer_id: 5}]';
    const report = await run(`  - name: two orders of a customer
    given: {shop.orders: ${rows}}
    expect: {dwd.by_customer: [{customer_id: 5}, {customer_id: 5}]}
`);
    expect(report.cases[0]?.failure?.models).toMatchObject([
      { kind: 'stopped', model: 'dwd.by_customer', reason: expect.stringContaining('customer_id') },
    ]);
  });

  test('fail when a model stops, and the next case has it whole again', async () => {
    const report = await run(`  - name: no customer
    given: {shop.orders: [{id: 1, customer_id: 0}]}
    expect: {dwd.rate: []}
  - name: a customer
    given: {shop.orders: [{id: 1, customer_id: 4}]}
    expect: {dwd.rate: [{id: 1, rate: 25}]}
`);
    expect(report.cases[0]?.failure?.models).toMatchObject([
      { kind: 'stopped', model: 'dwd.rate', reason: expect.stringMatching(/[Dd]ivision by zero/) },
    ]);
    expect(report.cases[1]?.failure).toBeUndefined();
  });

  test.each([
    {
      name: 'a model that is not there',
      cases: '  - {name: one, expect: {dwd.wid: []}}',
      message: /a.yaml:9:26 There is no model dwd.wid. Did you mean dwd.wide\?/,
    },
    {
      name: 'a column that the model does not have',
      cases: '  - {name: one, expect: {dwd.wide: [{order_i: 1}]}}',
      message: /a.yaml:9:38 dwd.wide has no column order_i. Did you mean order_id\?/,
    },
    {
      name: 'a number too large for its column',
      cases:
        '  - {name: one, given: {shop.orders: [{id: 1, customer_id: 3000000000}]}, expect: {dwd.wide: []}}',
      message: /a.yaml:9:47 3000000000 cannot be stored as Int32/,
    },
    {
      name: 'a day that no month has',
      cases:
        '  - {name: one, given: {shop.orders: [{id: 1, customer_id: 1, day: 2026-02-30}]}, expect: {dwd.wide: []}}',
      message:
        /a.yaml:9:63 2026-02-30 cannot be stored as Nullable\(Date32\): it becomes 2026-03-02/,
    },
    {
      name: 'digits that a decimal loses',
      cases:
        '  - {name: one, given: {shop.orders: [{id: 1, customer_id: 1, amount: 1.567}]}, expect: {dwd.wide: []}}',
      message: /a.yaml:9:63 1.567 cannot be stored as Decimal\(10, 2\): it becomes 1.56/,
    },
    {
      name: 'NULL where the column has none',
      cases:
        '  - {name: one, given: {shop.orders: [{id: 1, customer_id: null}]}, expect: {dwd.wide: []}}',
      message: /a.yaml:9:47 customer_id of shop.orders cannot be NULL \(Int32\)/,
    },
  ])('are refused for $name, before one runs', async ({ cases, message }) => {
    await expect(run(cases)).rejects.toMatchObject({
      code: 'CDC_LAYERS_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
