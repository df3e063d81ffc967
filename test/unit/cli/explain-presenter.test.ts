import { expect, test } from 'vitest';
import { renderExplanation } from '../../../src/cli/presenter/explain.ts';
import { plainStyle } from '../../../src/cli/presenter/style.ts';
import type { Explanation, Place } from '../../../src/layers/explain/explanation.ts';

const now = new Date(2026, 10, 21, 12, 0, 0);
const today = (hour: number, minute: number) => {
  return new Date(2026, 10, 21, hour, minute, 7).toISOString();
};
const place = (offset: number, minute: number): Place => ({
  version: '1',
  position: `binlog.000003:${offset}`,
  origin: 'stream',
  committedAt: today(10, minute),
});
const about = { model: 'dws.teams', description: 'Sales by team.', key: { team: 'north' } };
const none = { entered: 0, left: 0, movedIn: 0, movedOut: 0, changed: 0 };
const render = (explanation: Explanation) => renderExplanation(explanation, plainStyle, now);

test('the rows behind a number are tables with places and times of the source', () => {
  const text = render({
    ...about,
    found: 'row',
    values: { team: 'north', revenue: '150.00' },
    levels: [
      {
        reader: 'dws.teams',
        name: 'dws.teams#1',
        alias: '_rows',
        kind: 'stage',
        by: 'group',
        total: 30,
        rows: [{ key: { 'o.id': '1' }, values: { amount: '100.00' }, into: [0] }],
      },
      {
        reader: 'dws.teams#1',
        name: 'dws.teams#2',
        alias: 't',
        kind: 'stage',
        by: 'key',
        total: 1,
        rows: [{ key: { id: '5' }, values: { name: 'Ann' }, into: [0] }],
      },
      {
        reader: 'dws.teams#2',
        name: 'shop.teachers',
        alias: 't',
        kind: 'table',
        by: 'key',
        total: 2,
        rows: [
          { key: { id: '5' }, values: { id: '5', name: 'Ann' }, into: [0], place: place(77, 31) },
          {
            key: { id: '6' },
            values: { id: '6', name: null },
            into: [0],
            place: { ...place(9, 0), origin: 'snapshot', committedAt: null },
          },
        ],
      },
      {
        reader: 'dws.teams',
        name: 'ads.all',
        alias: 'ads.all',
        kind: 'model',
        by: 'all',
        total: 9,
        rows: [],
      },
    ],
  });
  expect(text).toMatchInlineSnapshot(`
    "dws.teams  team north
    Sales by team.

      team     north
      revenue  150.00

    inner rows of dws.teams: 1 of 30 rows
      o.id  amount
      ────  ──────
      1     100.00

    shop.teachers (t): 2 rows, read by inner rows of dws.teams
      id  name  last changed      committed
      ──  ────  ────────────────  ───────────────
      5   Ann   binlog.000003:77  10:31:07
      6   NULL  binlog.000003:9   in the snapshot

    ads.all: dws.teams depends on all 9 rows of it
    "
  `);
});

test('the story of a number names rows, places and what they moved', () => {
  const cut = (minute: number) => {
    return { position: `binlog.000003:${minute}00`, publishedAt: today(10, minute), build: minute };
  };
  const text = render({
    ...about,
    found: 'gone',
    values: { team: 'north', revenue: '100.00' },
    goneAt: cut(40),
    history: {
      since: cut(1),
      omitted: 1,
      begins: cut(2),
      steps: [
        {
          cut: cut(31),
          kind: 'changed',
          columns: [{ column: 'revenue', from: '150.00', to: '100.00' }],
          causes: [
            {
              table: 'shop.orders',
              alias: 'o',
              key: { id: '2' },
              kind: 'changed',
              columns: [{ column: 'status', from: 'paid', to: 'refunded' }],
              place: place(310, 30),
              level: 'dwd.orders',
              effect: { ...none, left: 1 },
            },
            {
              table: 'shop.orders',
              alias: 'o',
              key: { id: '3' },
              kind: 'written',
              columns: [{ column: 'status', from: null, to: 'paid' }],
              level: 'dwd.orders',
              effect: { ...none, entered: 2, changed: 1 },
            },
          ],
          causesOmitted: 7,
          levels: [
            {
              reader: 'dws.teams',
              name: 'dwd.orders',
              alias: 'orders',
              kind: 'model',
              by: 'group',
              total: 30,
              effect: { ...none, left: 1, changed: 1 },
              rows: [
                {
                  key: { order_id: '2' },
                  kind: 'left',
                  columns: [{ column: 'amount', from: '50.00', to: null }],
                },
                {
                  key: { order_id: '4' },
                  kind: 'changed',
                  columns: [{ column: 'amount', from: '1.00', to: '2.00' }],
                },
              ],
            },
          ],
        },
        {
          cut: cut(40),
          sumSince: cut(31),
          kind: 'vanished',
          columns: [{ column: 'revenue', from: '100.00', to: null }],
          causes: [],
          causesOmitted: 0,
          levels: [],
        },
      ],
    },
  });
  expect(text).toMatchInlineSnapshot(`
    "dws.teams  team north
    Sales by team.
    The row is gone since 10:40:07 (cut binlog.000003:4000)

    revenue 150.00 -> 100.00 at 10:31:07 (cut binlog.000003:3100)
      - shop.orders id 2 changed status paid -> refunded (binlog.000003:310, 10:30:07): 1 row of dwd.orders left
      - shop.orders id 3 is new or was changed to status paid (changed again since, so where is not kept): 2 rows of dwd.orders came in, 1 changed
      - and 7 other changed rows of the source
    vanished: revenue 100.00 at 10:40:07 (cut binlog.000003:4000), the sum of all changes since 10:31:07 (cut binlog.000003:3100)
      - which rows of the source did it is not kept any more
    1 earlier change not shown (--limit)
    Its history is kept from 10:02:07 (cut binlog.000003:200) on.

    1 row of dwd.orders left, 1 changed at 10:31:07 (cut binlog.000003:3100)
      order_id           amount
      ────────  ───────  ────────────
      2         left     50.00
      4         changed  1.00 -> 2.00
      and 28 more rows
    "
  `);
});

test('several rows that fit are listed, and none is said plainly', () => {
  const base = { model: 'dws.teams', description: null };
  const candidates = [{ team: 'north', day: null }];
  expect(render({ ...base, found: 'several', candidates, hasMore: true })).toMatchInlineSnapshot(`
    "1 row and more of dws.teams fit; say which by --key:

    team   day
    ─────  ────
    north  NULL
    "
  `);
  expect(render({ ...base, found: 'none' })).toBe(
    'dws.teams has no such row, and as far back as its history goes it had none.\n',
  );
});
