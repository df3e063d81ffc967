import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelImpacts } from '../../src/layers/lineage/impact.ts';
import { LineageGraph } from '../../src/layers/lineage/lineage-graph.ts';
import { type TracedModel, traceModels } from '../../src/layers/lineage/lineage-models.ts';
import { selectEdges } from '../../src/layers/lineage/lineage-part.ts';
import { openLineageEvents } from '../../src/layers/lineage/open-lineage.ts';
import { type ModelFile, parseModelFile } from '../../src/layers/model/model-file.ts';
import { InProcessEngine } from '../support/layers-engine.ts';

const tables = new Map([
  [
    'shop.orders',
    [
      { name: 'shard', type: 'String' },
      { name: 'id', type: 'UInt64' },
      { name: 'student_id', type: 'UInt64' },
      { name: 'amount', type: 'Decimal(10, 2)' },
      { name: 'status', type: 'String' },
    ],
  ],
  [
    'shop.students',
    [
      { name: 'id', type: 'UInt64' },
      { name: 'city', type: 'Nullable(String)' },
    ],
  ],
]);

const shards = ['shop_1.orders_a', 'shop_2.orders_b'].map((source) => ({
  source,
  target: 'shop.orders',
  sourceColumns: [
    { name: 'id', type: 'bigint unsigned' },
    { name: 'price', type: 'decimal(10,2)' },
  ],
  columns: [
    { from: 'id', to: 'id', influence: 'identity' as const },
    { from: 'price', to: 'amount', influence: 'transformation' as const, isMasked: true as const },
  ],
}));

const files = [
  model(
    'dwd',
    'wide',
    `-- audit: not_null(town)
SELECT o.id, o.amount, o.status, s.city AS town
FROM shop.orders AS o LEFT JOIN shop.students AS s ON s.id = o.student_id`,
  ),
  model(
    'dws',
    'by_town',
    "SELECT town, sumIf(amount, status = 'paid') AS paid, count() AS n FROM dwd.wide GROUP BY town",
  ),
  model('ads', 'report', 'SELECT town, paid * 2 AS twice FROM dws.by_town WHERE n > 1'),
  model('ads', 'orders', 'SELECT count() AS n FROM shop.orders'),
];

function model(layer: 'dwd' | 'dws' | 'ads', name: string, sql: string): ModelFile {
  return parseModelFile(sql, layer, `layers/${layer}/${name}.sql`).model;
}

describe('lineage of models that the engine has judged', () => {
  let engine: InProcessEngine;
  let models: readonly TracedModel[];
  let graph: LineageGraph;

  beforeAll(async () => {
    engine = await InProcessEngine.open();
    ({ models } = await traceModels(files, { engine, tables }));
    graph = new LineageGraph({ models, tables, captured: shards });
  });

  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const impactsOf = async (column: string, type?: string) => {
    const changed = [...(tables.get('shop.students') ?? [])].flatMap((each) => {
      if (each.name !== column) return [each];
      return type === undefined ? [] : [{ ...each, type }];
    });
    const other = new Map([...tables, ['shop.students', changed]]);
    const traced = await traceModels(files, { engine, tables: other });
    const start = { kind: 'table', table: 'shop.students', column } as const;
    return modelImpacts(graph, start, models, traced.models);
  };

  test('names are as people write them and types as the engine gives them', () => {
    expect(models.map(({ model: { name }, columns }) => [name, columns])).toEqual([
      [
        'dwd.wide',
        [
          { name: 'id', type: 'UInt64' },
          { name: 'amount', type: 'Decimal(10, 2)' },
          { name: 'status', type: 'String' },
          { name: 'town', type: 'Nullable(String)' },
        ],
      ],
      ['ads.orders', [{ name: 'n', type: 'UInt64' }]],
      [
        'dws.by_town',
        [
          { name: 'town', type: 'Nullable(String)' },
          { name: 'paid', type: 'Decimal(38, 2)' },
          { name: 'n', type: 'UInt64' },
        ],
      ],
      [
        'ads.report',
        [
          { name: 'town', type: 'Nullable(String)' },
          { name: 'twice', type: 'Decimal(38, 2)' },
        ],
      ],
    ]);
  });

  test('a number in ADS leads up to the column of each shard it is made of', () => {
    const { edges } = selectEdges(graph, {
      table: 'ads.report',
      column: 'twice',
      up: true,
      down: false,
    });

    const values = edges.filter(({ to }) => to.column !== undefined);
    expect(
      values.map(({ from, to, influence }) => [
        `${from.table}.${from.column}`,
        `${to.table}.${to.column}`,
        influence,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['shop_1.orders_a.price', 'shop.orders.amount', 'transformation'],
        ['shop_2.orders_b.price', 'shop.orders.amount', 'transformation'],
        ['shop.orders.amount', 'dwd.wide.amount', 'identity'],
        ['dwd.wide.amount', 'dws.by_town.paid', 'aggregation'],
        ['dwd.wide.status', 'dws.by_town.paid', 'condition'],
        ['dws.by_town.paid', 'ads.report.twice', 'transformation'],
      ]),
    );
    const deciding = edges.filter(({ to }) => to.column === undefined && to.table === 'ads.report');
    expect(deciding).toEqual([
      {
        from: { kind: 'model', table: 'dws.by_town', column: 'n' },
        to: { kind: 'model', table: 'ads.report' },
        influence: 'filter',
        at: 'layers/ads/report.sql:1:55',
      },
    ]);
  });

  test('what a column of the source reaches, and whose rows it decides', () => {
    const down = selectEdges(graph, {
      table: 'shop.students',
      column: 'city',
      up: false,
      down: true,
    });

    expect(down.edges.map(({ to }) => `${to.table}.${to.column ?? '*'}`)).toEqual([
      'dwd.wide.town',
      'dws.by_town.town',
      'dws.by_town.*',
      'ads.report.town',
    ]);
    expect(down.rowsOf).toEqual(['dws.by_town', 'ads.report']);
  });

  test('steps are counted from table to table', () => {
    const one = selectEdges(graph, {
      table: 'ads.report',
      column: 'twice',
      up: true,
      down: true,
      depth: 1,
    });

    expect(new Set(one.edges.map(({ from }) => from.table))).toEqual(new Set(['dws.by_town']));
  });

  test('a dropped column stops the model that names it, and its readers wait', async () => {
    const impacts = await impactsOf('city');

    expect(impacts.map(({ name, effect }) => [name, effect])).toEqual([
      ['dwd.wide', 'stops'],
      ['dws.by_town', 'waits'],
      ['ads.report', 'waits'],
    ]);
    expect(impacts[0]?.problems[0]?.where).toBe('layers/dwd/wide.sql:2:34');
    expect(impacts[0]?.uses).toEqual([
      {
        table: 'shop.students',
        column: 'city',
        role: 'identity',
        where: 'layers/dwd/wide.sql:2:34',
      },
    ]);
    expect(impacts[0]?.audits).toEqual([
      { text: 'not_null(town)', where: 'layers/dwd/wide.sql:1:11' },
    ]);
    expect(impacts[1]?.uses.map(({ role, where }) => [role, where])).toEqual([
      ['identity', 'layers/dws/by_town.sql:1:8'],
      ['group', 'layers/dws/by_town.sql:1:90'],
    ]);
  });

  test('a column of another type changes what is made of it, as far as the engine says so', async () => {
    const impacts = await impactsOf('city', 'Int64');

    const town = { name: 'town', type: 'Nullable(String)', after: 'Nullable(Int64)' };
    expect(impacts.map(({ name, effect, columns }) => [name, effect, columns])).toEqual([
      ['dwd.wide', 'changes', [town]],
      ['dws.by_town', 'changes', [town]],
      ['ads.report', 'changes', [town]],
    ]);
  });

  test('each table and model is one OpenLineage event with the columns that go into each of its own', () => {
    const sqlOf = (name: string) => models.find((traced) => traced.model.name === name)?.model.sql;
    const places = { jobs: 'school', source: 'mysql://db:3306', warehouse: 'clickhouse://ch:8123' };
    const stamp = { eventTime: '2026-01-31T10:00:00.000Z', producer: 'test', runId: () => 'run-1' };

    const events = openLineageEvents(
      { tables: graph.tables, edges: graph.edges, sqlOf },
      places,
      stamp,
    );

    const jobs = events.map((event) => (event as { job: { name: string } }).job.name);
    expect(jobs).toEqual(['ods.shop.orders', 'dwd.wide', 'dws.by_town', 'ads.report']);
    const input = { namespace: 'clickhouse://ch:8123', name: 'dwd.wide' };
    const direct = { description: '', masking: false, type: 'DIRECT' };
    const indirect = { description: '', masking: false, type: 'INDIRECT' };
    expect(events[2]).toMatchObject({
      eventType: 'COMPLETE',
      run: { runId: 'run-1' },
      inputs: [input],
      outputs: [
        {
          namespace: 'clickhouse://ch:8123',
          name: 'dws.by_town',
          facets: {
            columnLineage: {
              fields: {
                town: {
                  inputFields: [
                    {
                      ...input,
                      field: 'town',
                      transformations: [{ ...direct, subtype: 'IDENTITY' }],
                    },
                  ],
                },
                paid: {
                  inputFields: [
                    {
                      ...input,
                      field: 'amount',
                      transformations: [{ ...direct, subtype: 'AGGREGATION' }],
                    },
                    {
                      ...input,
                      field: 'status',
                      transformations: [{ ...indirect, subtype: 'CONDITIONAL' }],
                    },
                  ],
                },
                n: { inputFields: [] },
              },
              dataset: [
                {
                  ...input,
                  field: 'town',
                  transformations: [{ ...indirect, subtype: 'GROUP_BY' }],
                },
              ],
            },
          },
        },
      ],
    });
    expect(JSON.stringify(events[0])).toContain(
      '"namespace":"mysql://db:3306","name":"shop_1.orders_a","field":"price","transformations":[{"type":"DIRECT","subtype":"TRANSFORMATION","description":"","masking":true}]',
    );
  });
});
