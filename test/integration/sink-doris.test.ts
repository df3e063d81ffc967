import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DorisSink } from '../../src/sink/doris/doris-sink.ts';
import { ordersBatch } from '../support/doris-double/doris-batches.ts';
import { DorisDouble } from '../support/doris-double/doris-double.ts';
import type { LoadFault } from '../support/doris-double/doris-faults.ts';
import { dorisOptions, dorisSettings } from '../support/doris-double/doris-options.ts';
import { evolve, openPrepared } from '../support/doris-double/prepared-sink.ts';
import { type OrderRow, ordersTable } from '../support/order-batches.ts';
import { waitUntil } from '../support/wait-until.ts';

const first: readonly OrderRow[] = [
  { id: 1, note: 'one', version: 11 },
  { id: 2, note: 'two', version: 12 },
];

let double: DorisDouble;
beforeEach(async () => {
  double = await DorisDouble.open();
});
afterEach(() => double[Symbol.asyncDispose]());

describe('a load whose answer does not arrive', () => {
  test.each<{ fault: LoadFault; bodies: number }>([
    { fault: 'cut-after-commit', bodies: 1 },
    { fault: 'cut-while-running', bodies: 1 },
    { fault: 'publish-timeout', bodies: 1 },
  ])('is found to be loaded by its label ($fault)', async ({ fault, bodies }) => {
    const { sink, rows, sequence } = await openPrepared(double);
    await using _ = sink;
    double.failNext(fault);
    await sink.write(ordersBatch(1, first));
    expect(rows()).toEqual([
      ['1', 'one'],
      ['2', 'two'],
    ]);
    expect(await sequence()).toBe(1);
    expect(double.loads).toHaveLength(bodies);
  });

  test('is found to be loaded when the store is silent until the time is over', async () => {
    const { sink, rows } = await openPrepared(double, { loadSeconds: 1 });
    await using _ = sink;
    double.failNext('hang-after-commit');
    await sink.write(ordersBatch(1, first));
    expect(rows()).toHaveLength(2);
    expect(double.loads).toHaveLength(1);
  }, 20_000);

  test.each<LoadFault>(['cut-before-body', 'cut-before-commit', 'cut-then-abort'])(
    'is tried again with the same label when nothing was loaded (%s)',
    async (fault) => {
      const { sink, rows, sequence } = await openPrepared(double);
      await using _ = sink;
      double.failNext(fault);
      const writing = sink.write(ordersBatch(1, first));
      await expect(writing).rejects.toMatchObject({
        code: 'CDC_SINK_UNREACHABLE',
        details: { table: 'shop.orders' },
      });
      expect([rows(), await sequence()]).toEqual([[], 0]);
      await sink.write(ordersBatch(1, first));
      expect([rows().length, await sequence()]).toEqual([2, 1]);
      expect(new Set(double.loads.map(({ label }) => label)).size).toBeLessThanOrEqual(1);
    },
  );

  test('is not sent a second time after a crash before the progress was kept', async () => {
    const { sink, options, rows, sequence } = await openPrepared(double);
    double.cutStatement(/^INSERT INTO .*cdc_progress/);
    await expect(sink.write(ordersBatch(1, first))).rejects.toMatchObject({ kind: 'transient' });
    await sink[Symbol.asyncDispose]();
    expect([rows().length, await sequence().catch(() => 0)]).toEqual([2, 0]);
    await using next = new DorisSink(options);
    await next.write(ordersBatch(1, first));
    expect((await next.progress()).get('shop.orders')?.sequence).toBe(1);
    expect(double.loads).toHaveLength(1);
  });

  test('is loaded again, harmlessly, when the store has forgotten its labels', async () => {
    const { sink, rows } = await openPrepared(double);
    await using _ = sink;
    double.cutStatement(/^INSERT INTO .*cdc_progress/);
    await expect(sink.write(ordersBatch(1, first))).rejects.toThrow();
    double.cluster.forgetLabels();
    await sink.write(ordersBatch(1, first));
    expect(rows()).toHaveLength(2);
    expect(double.loads).toHaveLength(2);
  });
});

describe('a load that the store refuses', () => {
  test.each<{ fault: LoadFault; code: string }>([
    { fault: 'too-many-versions', code: 'CDC_SINK_BUSY' },
    { fault: 'too-many-transactions', code: 'CDC_SINK_BUSY' },
    { fault: 'no-backend', code: 'CDC_SINK_BUSY' },
    { fault: 'disk-full', code: 'CDC_SINK_FULL' },
  ])('is $code ($fault) and can be repeated', async ({ fault, code }) => {
    const { sink, rows } = await openPrepared(double);
    await using _ = sink;
    double.failNext(fault);
    await expect(sink.write(ordersBatch(1, first))).rejects.toMatchObject({ code });
    await sink.write(ordersBatch(1, first));
    expect(rows()).toHaveLength(2);
  });

  test('names the column and the reason of a bad row, and none of its values', async () => {
    const { sink, options, rows } = await openPrepared(double);
    await using _ = sink;
    const long = { id: 3, note: 'secret'.repeat(200), version: 13 };
    const writing = sink.write(ordersBatch(1, [...first, long]));
    const error = await writing.catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      code: 'CDC_SINK_REJECTED',
      details: { table: 'shop.orders' },
      message:
        'Writing shop.orders: column_name[note], the length of input is too long than schema. first 32 bytes of input str: [...] schema length: 800; actual length: 1200;',
    });
    expect(rows()).toEqual([]);
    expect(double.cluster.table(options.database, 'orders').columns).toHaveLength(3);
  });

  test('is incompatible when the table has gone', async () => {
    const { sink, options } = await openPrepared(double);
    await using _ = sink;
    double.cluster.database(options.database).delete('orders');
    await expect(sink.write(ordersBatch(1, first))).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      details: { table: 'shop.orders' },
    });
  });
});

describe('frontends and backends', () => {
  test('are reached by the addresses given when the store names its own', async () => {
    const named = await openPrepared(double);
    double.failNext('internal-address');
    await expect(named.sink.write(ordersBatch(1, first))).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
      message: expect.stringContaining('be1.internal.invalid'),
    });
    await named.sink[Symbol.asyncDispose]();
    const given = await openPrepared(double, { backends: [`127.0.0.1:${double.backendPort}`] });
    await using _ = given.sink;
    double.failNext('internal-address');
    await given.sink.write(ordersBatch(1, first));
    expect(given.rows()).toHaveLength(2);
  });

  test('are tried in turn when the first frontend is away', async () => {
    const { frontends } = dorisSettings(double);
    const { sink, rows } = await openPrepared(double, {
      frontends: ['http://127.0.0.1:1', ...frontends],
    });
    await using _ = sink;
    await expect(sink.write(ordersBatch(1, first))).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
    });
    await sink.write(ordersBatch(1, first));
    expect(rows()).toHaveLength(2);
  });

  test('that are away are waited for', async () => {
    const { sink, rows } = await openPrepared(double);
    await using _ = sink;
    double.backendIsAway = true;
    await expect(sink.write(ordersBatch(1, first))).rejects.toMatchObject({ kind: 'transient' });
    double.backendIsAway = false;
    await sink.write(ordersBatch(1, first));
    expect(rows()).toHaveLength(2);
  });

  test.each([
    { what: 'a wrong password', more: { password: 'wrong' }, problems: 2 },
    { what: 'an unknown user', more: { user: 'nobody' }, problems: 2 },
    {
      what: 'nobody at the ports',
      more: { queryPort: 1, frontends: ['http://127.0.0.1:1'] },
      problems: 2,
    },
  ])('are found wanting beforehand: $what', async ({ more, problems }) => {
    await using sink = new DorisSink(dorisOptions(double, more));
    const found = await sink.preflight();
    expect(found).toHaveLength(problems);
    const code = 'queryPort' in more ? 'CDC_SINK_UNREACHABLE' : 'CDC_SINK_ACCESS_DENIED';
    expect(new Set(found.map((each) => each.code))).toEqual(new Set([code]));
  });

  test('refuse a user without rights', async () => {
    const { options } = await openPrepared(double);
    await using reader = new DorisSink({ ...options, user: 'reader' });
    await expect(reader.write(ordersBatch(1, first))).rejects.toMatchObject({
      code: 'CDC_SINK_ACCESS_DENIED',
    });
    await using other = new DorisSink(dorisOptions(double, { user: 'reader' }));
    await expect(other.prepare(ordersTable, evolve)).rejects.toMatchObject({
      code: 'CDC_SINK_ACCESS_DENIED',
    });
  });
});

describe('a two-phase commit', () => {
  test('is carried through when its answer does not arrive', async () => {
    const { sink, rows, sequence } = await openPrepared(double, { twoPhaseCommit: true });
    await using _ = sink;
    double.failNext('cut-after-second-phase');
    await sink.write(ordersBatch(1, first));
    expect([rows().length, await sequence(), double.loads.length]).toEqual([2, 1, 1]);
  });

  test('that a process left behind is taken up by the next one', async () => {
    const { sink, options, rows } = await openPrepared(double, { twoPhaseCommit: true });
    await using _ = sink;
    // The process dies between the phases: neither a commit nor an abort is sent.
    double.failNext('cut-after-commit');
    double.cutStatement(/^SHOW TRANSACTION/);
    await expect(sink.write(ordersBatch(1, first))).rejects.toMatchObject({ kind: 'transient' });
    expect(rows()).toEqual([]);
    await using next = new DorisSink(options);
    await next.write(ordersBatch(1, first));
    expect([rows().length, double.loads.length]).toEqual([2, 1]);
  });

  test('is given up when another process has written meanwhile', async () => {
    const { sink, options, rows } = await openPrepared(double, { twoPhaseCommit: true });
    await using _ = sink;
    await using other = new DorisSink({ ...options, twoPhaseCommit: false });
    // The other one writes between the phases of this one: while the store is still busy with its rows.
    double.cluster.delayMs = 60_000;
    double.failNext('cut-while-running');
    const late = sink.write(ordersBatch(1, [{ id: 9, note: 'late', version: 5 }]));
    late.catch(() => undefined);
    await waitUntil('the rows have arrived', () => double.loads.length === 1);
    await other.write(ordersBatch(1, first));
    double.cluster.settle();
    await expect(late).rejects.toMatchObject({ code: 'CDC_SINK_STALE' });
    expect(rows()).toEqual([
      ['1', 'one'],
      ['2', 'two'],
    ]);
  });
});
