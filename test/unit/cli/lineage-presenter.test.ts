import { expect, test } from 'vitest';
import { renderImpact } from '../../../src/cli/presenter/impact.ts';
import { renderLineage } from '../../../src/cli/presenter/lineage.ts';
import { layOut } from '../../../src/cli/presenter/lineage-layout.ts';
import { renderMermaid } from '../../../src/cli/presenter/lineage-mermaid.ts';
import { pictureEdges } from '../../../src/cli/presenter/lineage-picture.ts';
import { renderSvg } from '../../../src/cli/presenter/lineage-svg.ts';
import { plainStyle } from '../../../src/cli/presenter/style.ts';
import type { LineageReport } from '../../../src/pipeline/lineage.ts';
import type { ImpactReport } from '../../../src/pipeline/lineage-impact.ts';

const source = { kind: 'source', table: 'shop.orders', column: 'amount' } as const;
const copy = { kind: 'table', table: 'shop.orders', column: 'amount' } as const;
const status = { kind: 'table', table: 'shop.orders', column: 'status' } as const;
const paid = { kind: 'model', table: 'dws.sales', column: 'paid' } as const;

const report: LineageReport = {
  start: paid,
  tables: [
    { kind: 'source', name: 'shop.orders', columns: [{ name: 'amount', type: 'decimal(10,2)' }] },
    {
      kind: 'table',
      name: 'shop.orders',
      columns: [
        { name: 'amount', type: 'Decimal(10, 2)' },
        { name: 'status', type: 'String' },
      ],
    },
    {
      kind: 'model',
      name: 'dws.sales',
      file: 'layers/dws/sales.sql',
      columns: [
        { name: 'paid', type: 'Decimal(38, 2)', expression: "sumIf(amount, status < 'x')" },
      ],
    },
  ],
  edges: [
    { from: source, to: copy, influence: 'identity' },
    { from: copy, to: paid, influence: 'aggregation', at: 'layers/dws/sales.sql:1:14' },
    { from: status, to: paid, influence: 'condition', at: 'layers/dws/sales.sql:1:22' },
    {
      from: status,
      to: { kind: 'model', table: 'dws.sales' },
      influence: 'filter',
      at: 'layers/dws/sales.sql:2:7',
      isUncertain: true,
    },
  ],
  rowsOf: [],
  doubts: [{ model: 'dws.sales', at: 3, where: 'layers/dws/sales.sql:2:7', message: 'unclear' }],
  problems: [],
};

test('a tree says what a column is made of, how, and what decides its rows', () => {
  expect(renderLineage(report, plainStyle)).toBe(`\
dws.sales.paid = sumIf(amount, status < 'x') Decimal(38, 2)
made of
├─ shop.orders.amount Decimal(10, 2), decimal(10,2) in the source
└─ chooses: shop.orders.status String

which rows there are is decided by
rows of    by                column              at
─────────  ────────────────  ──────────────────  ────────────────────────
dws.sales  filter (perhaps)  shop.orders.status  layers/dws/sales.sql:2:7

not certain layers/dws/sales.sql:2:7 unclear
`);
});

test('a tree downwards begins with the captured column', () => {
  const down = { ...report, start: copy, doubts: [], edges: report.edges.slice(0, 2) };

  expect(renderLineage(down, plainStyle)).toBe(`\
shop.orders.amount Decimal(10, 2), decimal(10,2) in the source
goes into
└─ dws.sales.paid = sumIf(amount, status < 'x') Decimal(38, 2)
`);
});

test('without a name the tree says who reads whom', () => {
  const { start: _, ...all } = report;

  expect(renderLineage({ ...all, doubts: [] }, plainStyle)).toBe(`\
dws.sales layers/dws/sales.sql
└─ shop.orders
`);
});

test('Mermaid has a box for each table and dotted arrows for what only decides', () => {
  expect(renderMermaid(report)).toBe(`\
flowchart LR
  subgraph t1["shop.orders"]
    c0["amount"]
    c2["status"]
  end
  subgraph t2["dws.sales"]
    c1["paid"]
  end
  c0 --> c1
  c2 -.-> c1
`);
});

test('the picture is well-formed, whatever the names and expressions are', () => {
  const svg = renderSvg(report);

  expect(svg).toContain("status &lt; 'x'");
  const tags = [...svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)];
  const open: string[] = [];
  for (const [, close, name = '', single] of tags) {
    if (close) expect(open.pop()).toBe(name);
    else if (!single) open.push(name);
  }
  expect(open).toEqual([]);
});

test('in the picture every table stands to the right of what it reads, and none covers another', () => {
  const { boxes, arrows } = layOut(report.tables, pictureEdges(report));

  expect(arrows).toHaveLength(2);
  for (const { from, to } of arrows) expect(from.x).toBeLessThan(to.x);
  for (const [index, box] of boxes.entries()) {
    for (const other of boxes.slice(index + 1)) {
      const isApart =
        box.x + box.width < other.x ||
        other.x + other.width < box.x ||
        box.y + box.height < other.y ||
        other.y + other.height < box.y;
      expect(isApart).toBe(true);
    }
  }
});

test('the impact says what stops, where the column is used and what to do', () => {
  const impact: ImpactReport = {
    table: 'shop.orders',
    column: 'status',
    change: { kind: 'drop' },
    type: 'String',
    models: [
      {
        name: 'dws.sales',
        file: 'layers/dws/sales.sql',
        effect: 'stops',
        problems: [
          {
            code: 'CDC_LAYERS_INVALID',
            where: 'layers/dws/sales.sql:1:22',
            message: 'no status',
            severity: 'error',
          },
        ],
        uses: [
          {
            table: 'shop.orders',
            column: 'status',
            role: 'condition',
            where: 'layers/dws/sales.sql:1:22',
          },
        ],
        columns: [{ name: 'paid', type: 'String', after: 'String' }],
        decidesRows: true,
        audits: [{ text: 'not_null(paid)', where: 'layers/dws/sales.sql:1:11' }],
      },
    ],
    untouched: 2,
    sinks: [{ sink: 'serving', type: 'postgres', table: 'shop.orders', what: 'loses status' }],
    notes: [],
    todo: ['Take it out.', 'Drop it.'],
  };

  expect(renderImpact(impact, plainStyle)).toBe(`\
shop.orders.status without the column

model      what happens  columns
─────────  ────────────  ───────
dws.sales  stops         paid
2 models untouched

refused layers/dws/sales.sql:1:22 no status

used at
model      column              as         at
─────────  ──────────────────  ─────────  ─────────────────────────
dws.sales  shop.orders.status  condition  layers/dws/sales.sql:1:22

sinks
sink     table        what happens
───────  ───────────  ────────────
serving  shop.orders  loses status

audits that read it or do not run
model      audit           at
─────────  ──────────────  ─────────────────────────
dws.sales  not_null(paid)  layers/dws/sales.sql:1:11

what to do
  1. Take it out.
  2. Drop it.
`);
});
