import { expect, test } from 'vitest';
import { renderCheck } from '../../../src/cli/presenter/check.ts';
import { renderDemo, renderDemoView, renderReady } from '../../../src/cli/presenter/demo.ts';
import {
  displayWidth,
  printable,
  truncateToWidth,
} from '../../../src/cli/presenter/display-width.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
} from '../../../src/cli/presenter/format.ts';
import { renderInit, renderInitProgress } from '../../../src/cli/presenter/init.ts';
import { renderApplied, renderPlan } from '../../../src/cli/presenter/plan.ts';
import { renderRunProgress } from '../../../src/cli/presenter/run.ts';
import { renderStatus } from '../../../src/cli/presenter/status.ts';
import { plainStyle } from '../../../src/cli/presenter/style.ts';
import { renderTable } from '../../../src/cli/presenter/table.ts';
import { renderVerify } from '../../../src/cli/presenter/verify.ts';
import type { StatusReport } from '../../../src/pipeline/status.ts';

const status: StatusReport = {
  running: { pid: 41, since: '2026-01-01T00:00:00.000Z' },
  roles: [
    { role: 'capture', process: { pid: 41, host: 'a', since: '2026-01-01T00:00:00.000Z' } },
    { role: 'load', process: null },
  ],
  source: {
    server: 'MariaDB',
    version: '10.11.6',
    position: 'b.000003:120',
    endPosition: 'b.000003:920',
  },
  lag: { bytes: 800, seconds: 0.25 },
  freshness: { p50Ms: 120, p99Ms: 1340 },
  rows: { perSecond: 1200, total: 34_000 },
  transactions: 1,
  log: { entries: 12, bytes: 3_400_000, behind: 2 },
  consumers: [
    {
      consumer: 'warehouse/0of2',
      offset: 10,
      behind: 2,
      recordsLag: 1500,
      oldestUnloadedAt: '2026-01-01T00:00:00.500Z',
      partitions: [
        {
          topic: 'shop.orders',
          partition: 1,
          loaded: 500,
          end: 2000,
          recordsLag: 1500,
          oldestUnloadedAt: '2026-01-01T00:00:00.500Z',
        },
      ],
    },
  ],
  snapshot: [{ table: 'shop.订单', chunks: 4, rows: 2000, done: true }],
  unmatched: [{ table: 'app.events', rows: 1200 }],
  verified: [{ name: 'shop.订单', position: 'b.000003:120', at: '2026-01-01T01:00', rows: 2000 }],
  verifyFailures: [
    {
      name: 'shop.订单',
      position: 'b.1:4',
      at: '2026-01-01T00:30',
      rows: 2000,
      differences: 3,
      keys: [],
    },
    {
      name: 'ads.report',
      position: 'b.1:4',
      at: '2026-01-01T00:30',
      rows: 3,
      differences: 1,
      keys: [],
    },
  ],
  sinks: [
    {
      name: 'serving',
      type: 'postgres',
      behindSeconds: 0,
      rows: { perSecond: 0, total: 12 },
      tables: [
        {
          table: 'shop.orders',
          position: 'binlog.000007:1500',
          state: 'following',
          rows: 12,
          refused: 1,
        },
      ],
    },
  ],
  layers: [
    {
      name: 'dwd.order_wide',
      layer: 'dwd',
      way: 'keys',
      why: 'driven by shop.orders',
      rows: 2000,
      keysRecomputed: 51,
      rebuilds: 1,
      lastMs: 12,
      cut: 'b.000003:120',
    },
    {
      name: 'ads.report',
      layer: 'ads',
      way: 'rebuild',
      why: 'it has a window',
      rows: 3,
      keysRecomputed: 0,
      rebuilds: 7,
      lastMs: 12,
      cut: null,
      error: 'no column x',
    },
  ],
  errors: [{ code: 'CDC_TYPE_UNSUPPORTED', message: 'column v', at: '12:00', table: 'shop.v' }],
  updatedAt: '2026-01-01T00:00:01.000Z',
};

test.each([
  { text: 'plain', width: 5 },
  { text: '订单', width: 4 },
  { text: '한국어', width: 6 },
  { text: 'カナ', width: 4 },
  { text: 'ｶﾅ', width: 2 },
  { text: 'é', width: 1 },
  { text: 'e\u0301', width: 1 },
  { text: '👩‍👩‍👧‍👦', width: 2 },
  { text: '🇩🇪', width: 2 },
  { text: '☎️', width: 2 },
  { text: '─…', width: 2 },
  { text: '', width: 0 },
])('"$text" takes $width columns', ({ text, width }) => {
  expect(displayWidth(text)).toBe(width);
});

test.each([
  { text: 'short', width: 5, expected: 'short' },
  { text: 'longer', width: 5, expected: 'long…' },
  { text: '订单表格', width: 6, expected: '订单…' },
])('"$text" is cut to $width columns', ({ text, width, expected }) => {
  expect(truncateToWidth(text, width)).toBe(expected);
  expect(displayWidth(truncateToWidth(text, width))).toBeLessThanOrEqual(width);
});

test('data cannot drive the terminal', () => {
  expect(printable('a\u001b[31m\n\t\u202eb')).toBe('a\\u001b[31m\\n\\t\\u202eb');
});

test('a table is aligned by what is seen, numbers to the right', () => {
  const columns = [
    { title: 'name' },
    { title: 'rows', align: 'right' as const },
    { title: 'note' },
  ];
  const rows = [
    ['订单', '5', 'x'],
    ['orders', '12,345', ''],
  ];
  expect(renderTable(columns, rows, plainStyle)).toBe(
    `name      rows  note
──────  ──────  ────
订单         5  x
orders  12,345
`,
  );
});

test('numbers are written for people', () => {
  expect([0, 999, 1234567].map(formatCount)).toEqual(['0', '999', '1,234,567']);
  expect([0, 999, 1000, 999_600, 3_400_000, 123_456_789].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.0 MB',
    '3.4 MB',
    '123 MB',
  ]);
  expect([0, 3, 135, 3723].map(formatDuration)).toEqual(['0:00', '0:03', '2:15', '1:02:03']);
  expect([85.4, 1234].map(formatMs)).toEqual(['85 ms', '1.2 s']);
});

test('the progress of a snapshot shows share, rows, rate and time left', () => {
  const progress = {
    phase: 'snapshot' as const,
    tablesDone: 4,
    tables: 12,
    rows: 122_100,
    rowsExpected: 200_000,
    rowsPerSecond: 231_000,
    secondsLeft: 3.2,
  };
  expect(renderInitProgress(progress)).toBe(
    'snapshot ███████████████░░░░░░░░░  61%  122,100 of 200,000 rows  231,000 rows/s  0:03 left  4 of 12 tables',
  );
  const overEstimate = { ...progress, rows: 300_000, secondsLeft: null };
  expect(renderInitProgress(overEstimate)).toContain(' 99%  300,000 of 200,000 rows');
  expect(renderInitProgress({ ...progress, rows: 0, rowsExpected: 0 })).toContain('  0%');
  expect(renderInitProgress({ ...progress, phase: 'layers' })).toContain('building models');
});

test('a snapshot ends with its figures and the next step', () => {
  const report = { tables: 12, rows: 200_000, seconds: 2, interrupted: false, status };
  const done =
    'snapshot done: 12 tables, 200,000 rows in 0:02 (100,000 rows/s), 2 models built\n' +
    'next: `cdc run` follows the source from here\n';
  expect(renderInit(report, plainStyle)).toBe(`not loaded: shop.v: column v\n${done}`);
  const whole = { ...report, status: { ...status, errors: [] } };
  expect(renderInit(whole, plainStyle)).toBe(done);
  expect(renderInit({ ...report, interrupted: true }, plainStyle)).toContain('`cdc init` goes on');
});

test('the line of a run shows lag, freshness, rate and errors', () => {
  expect(renderRunProgress(status)).toBe(
    'running  lag 250 ms, 800 B  freshness p50 120 ms, p99 1.3 s  1,200 rows/s  34,000 rows  1 in error: see cdc status',
  );
});

test('the status names everything that is known', () => {
  expect(
    renderStatus(status, plainStyle),
  ).toBe(`running    yes, process 41 since 2026-01-01T00:00:00.000Z
source     MariaDB 10.11.6
position   b.000003:120, the binlog ends at b.000003:920
lag        250 ms, 800 B
freshness  p50 120 ms, p99 1.3 s
rows       34,000 in 1 transaction, 1,200 rows/s
log        12 entries, 3.4 MB, 2 not yet loaded
as of      2026-01-01T00:00:01.000Z

roles
role     process      host  since
───────  ───────────  ────  ────────────────────────
capture  41           a     2026-01-01T00:00:00.000Z
load     not running

consumers
consumer        topic        partition  records lag  oldest not loaded
──────────────  ───────────  ─────────  ───────────  ────────────────────────
warehouse/0of2  shop.orders          1        1,500  2026-01-01T00:00:00.500Z

snapshot
table      chunks   rows  state
─────────  ──────  ─────  ─────
shop.订单       4  2,000  done

rows without a route
table       left out
──────────  ────────
app.events     1,200

layers
model           way       rows  keys recomputed  rebuilds  right as of
──────────────  ───────  ─────  ───────────────  ────────  ────────────
dwd.order_wide  keys     2,000               51         1  b.000003:120
ads.report      rebuild      3                0         7  in error

sinks
sink     store     table        state      rows  refused  has everything up to
───────  ────────  ───────────  ─────────  ────  ───────  ────────────────────
serving  postgres  shop.orders  following    12        1  binlog.000007:1500

verified
table or model   rows  right through  as verified at
──────────────  ─────  ─────────────  ────────────────
shop.订单       2,000  b.000003:120   2026-01-01T01:00

found by verify
table or model  differences  at                since then
──────────────  ───────────  ────────────────  ─────────────────────────
shop.订单                 3  2026-01-01T00:30  right at 2026-01-01T01:00
ads.report                1  2026-01-01T00:30  not verified again

errors
at     code                     table or model  message
─────  ───────────────────────  ──────────────  ───────────
12:00  CDC_TYPE_UNSUPPORTED     shop.v          column v
       CDC_LAYERS_MODEL_FAILED  ads.report      no column x
`);
});

test('the status of a project without a snapshot says what to do', () => {
  const empty: StatusReport = { ...status, running: null, source: null, lag: null, snapshot: [] };
  const text = renderStatus(
    { ...empty, layers: [], sinks: [], verified: [], verifyFailures: [], errors: [] },
    plainStyle,
  );
  expect(text).toContain('running    no\n');
  expect(text).toContain('run `cdc init`');
  expect(text).not.toContain('snapshot\n');
});

test('verify lists the keys that differ, of tables and of layers', () => {
  const report = {
    ok: false,
    tables: [
      {
        table: 'shop.orders',
        rows: 2000,
        ranges: 1,
        moving: 0,
        differences: [
          {
            key: '["42"]',
            sourceKey: ['42'],
            odsKey: '["42"]',
            kind: 'different' as const,
            columns: ['amount', 'status'],
            values: [
              { name: 'amount', stored: '1.00', correct: '2.00' },
              { name: 'status', stored: 'new', correct: 'paid' },
            ],
          },
          { key: '["43"]', sourceKey: ['43'], odsKey: '["43"]', kind: 'missing' as const },
          { key: '["44"]', sourceKey: ['44'], odsKey: '["44"]', kind: 'extra' as const },
        ],
      },
    ],
    notVerified: [{ table: 'shop.events', reason: 'rows are left out' }],
    stopped: [{ table: 'shop.v', code: 'CDC_TYPE_UNSUPPORTED', message: 'column v', at: '' }],
    layers: [
      {
        name: 'dwd.order_wide',
        layer: 'dwd' as const,
        rows: 2000,
        differences: 1,
        keys: ['{"order_id":"42"}'],
        examples: [
          {
            key: '{"order_id":"42"}',
            kind: 'different' as const,
            columns: [{ name: 'amount', stored: '1.00', correct: null }],
          },
        ],
      },
    ],
    cut: 'b.1:7',
    cutAtEnd: 'b.1:9',
    verifiedThrough: [{ name: 'dwd.order_wide', position: 'b.1:4', at: '', rows: 1 }],
  };
  const text = renderVerify(report, plainStyle);
  expect(text).toMatch(/^shop.orders +source = ODS +\S+ +3 +nowhere yet *$/m);
  expect(text).toMatch(/^dwd.order_wide +ODS = layer +2,000 +1 +b.1:4 *$/m);
  expect(text).toContain(`shop.orders, by key:
  ["42"]  differs in amount: 1.00, should be 2.00; status: new, should be paid
  ["43"]  is missing in the warehouse
  ["44"]  is not in the source
`);
  expect(text).toContain(`dwd.order_wide, by key:
  {"order_id":"42"}  differs in amount: 1.00, should be NULL
`);
  expect(text).toContain('shop.v is stopped: column v (CDC_TYPE_UNSUPPORTED)\n');
  expect(text).toMatch(
    /\ndifferences: 3 in tables, 1 in layers, 1 table stopped; `cdc repair` mends them\n$/,
  );
  expect(text).toContain('not verified: shop.events: rows are left out\n');
  const none = { tables: [], notVerified: [], stopped: [], layers: [], verifiedThrough: [] };
  const right = { ok: true, cut: 'b.1:7', cutAtEnd: 'b.1:7', ...none };
  expect(renderVerify(right, plainStyle)).toMatch(/source = ODS = layers: 0 differences\n$/);
  const left = { ...right, notVerified: report.notVerified };
  expect(renderVerify(left, plainStyle)).toMatch(/: 0 differences; 1 table not verified\n$/);
});

test('a plan shows the way of each model and why, the statements and the problems', () => {
  const model = {
    name: 'dwd.order_wide',
    layer: 'dwd' as const,
    file: 'layers/dwd/order_wide.sql',
    change: 'added' as const,
    way: 'keys' as const,
    why: 'driven by shop.orders',
    key: ['id'],
    reads: ['shop.orders'],
    ddl: ['CREATE TABLE t (id UInt64)'],
  };
  const problem = {
    code: 'CDC_LAYERS_INVALID' as const,
    where: 'layers/ads/x.sql:1:8',
    message: 'unknown column y',
    severity: 'error' as const,
  };
  expect(renderPlan({ models: [model], problems: [problem] }, plainStyle)).toBe(
    `model           change  way   why
──────────────  ──────  ────  ─────────────────────
dwd.order_wide  added   keys  driven by shop.orders

CREATE TABLE t (id UInt64);

error layers/ads/x.sql:1:8 unknown column y

1 model to apply
`,
  );
  const unchanged = { ...model, change: 'unchanged' as const, ddl: [] };
  expect(renderPlan({ models: [unchanged], problems: [] }, plainStyle)).toMatch(
    /nothing to apply\n$/,
  );
  expect(renderApplied({ models: [model], problems: [] }, plainStyle)).toMatch(
    /\n1 model applied\n$/,
  );
  expect(renderApplied({ models: [unchanged], problems: [] }, plainStyle)).toMatch(
    /\nnothing to apply\n$/,
  );
});

test('the demo shows its tables and how to open them, and ends with the proof', () => {
  const tables = [
    {
      name: 'ads.report',
      columns: ['city', 'revenue'],
      rows: [
        ['上海', 12.5],
        [null, '3'],
      ],
    },
  ];
  const view = renderDemoView(
    { status, generator: { transactions: 10, rows: 1 }, tables },
    plainStyle,
  );
  expect(view).toContain('ads.report\ncity  revenue\n────  ───────\n上海     12.5\nNULL        3');
  // First what must not be cut off on a low terminal.
  expect(view).toMatch(/^running {2}lag .*\nwritten: 10 transactions, 1 row\. /);
  const ready = {
    kind: 'ready' as const,
    folder: '/tmp/d',
    url: 'http://127.0.0.1:1',
    user: 'default',
  };
  expect(renderReady(ready, 'node bin/cdc.js')).toContain(
    'node bin/cdc.js query -c /tmp/d "SELECT * FROM ads.channel_report"',
  );
  const report = {
    ok: true,
    source: { server: 'mariadb', version: '10.11.6' },
    snapshot: { tables: 13, rows: 200_000, seconds: 1.4 },
    stream: { transactions: 9000, rows: 30_000, seconds: 30 },
    layers: [],
    freshness: null,
    verify: { tables: 13, differences: 0, layers: 11, layerDifferences: 0 },
  };
  const text = renderDemo(report, plainStyle);
  expect(text).toContain('source = ODS: 13 tables, 0 differences\n');
  expect(text).toContain('every layer = its query recomputed in full: 11 models, 0 differences\n');
  expect(text).toMatch(/\nproved right\n$/);
  expect(renderDemo({ ...report, ok: false }, plainStyle)).toMatch(/\nNOT proved right\n$/);
});

test('a check that finds warnings only is ready', () => {
  const report = {
    source: { server: 'MySQL', version: '9.7.0' },
    warehouse: { version: '26.7.1' },
    tables: 1,
    problems: [
      {
        code: 'CDC_PREFLIGHT_FAILED' as const,
        where: 'binlog',
        message: 'short',
        severity: 'warning' as const,
      },
    ],
  };
  expect(renderCheck(report, plainStyle)).toBe(
    'source     MySQL 9.7.0, 1 table\nwarehouse  ClickHouse 26.7.1\nwarning binlog short\nready, 1 warning\n',
  );
});
