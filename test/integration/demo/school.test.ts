import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { expect, test } from 'vitest';
import { fillSchool } from '../../../src/demo/school/fill-school.ts';
import { SchoolGenerator } from '../../../src/demo/school/school-generator.ts';
import { schoolTables } from '../../../src/demo/school/school-schema.ts';
import { LocalServer } from '../../../src/demo/server/local-server.ts';
import { describeEachServer, serverProgram } from '../../support/test-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

const today = new Date('2026-03-15T12:00:00Z');

/** One number for each kind of change the generator makes; each must move. */
const traces = {
  'orders placed': 'SELECT MAX(id) FROM school_main.orders',
  'students come': 'SELECT MAX(id) FROM school_main.students',
  'refunds made': 'SELECT MAX(id) FROM school_main.refunds',
  'orders set to refunded': "SELECT SUM(status = 'refunded') FROM school_main.orders",
  'orders deleted': 'SELECT MAX(id) - COUNT(*) FROM school_main.orders',
  'lessons attended': 'SELECT COUNT(*) FROM school_ops.attendance',
  'students changed': 'SELECT COUNT(*) FROM school_main.students WHERE updated_at > registered_at',
  'classes given to another teacher':
    'SELECT SUM(class_id * teacher_id) FROM school_ops.class_teachers',
  'teachers moved to another group': 'SELECT SUM(id * group_id) FROM school_ops.teachers',
} as const;

describeEachServer('the online school', (flavour) => {
  test('has a past of 200,000 rows, and a generator that makes every kind of change', async () => {
    await using server = await LocalServer.open(await serverProgram(flavour));
    await using school = await connect(server);
    await school.connection.query("SET timestamp = UNIX_TIMESTAMP('2020-01-01')");
    const filled = await fillSchool(school.connection, { seed: 1, today });
    await school.connection.query('SET timestamp = DEFAULT');
    expect(filled.tables).toBe(schoolTables.length);
    expect(filled.rows).toBeGreaterThan(200_000);
    const before = await readTraces(school.connection);

    const generator = new SchoolGenerator(school.connection, {
      seed: 2,
      transactionsPerSecond: 5_000,
      alterAfterTransactions: 100,
    });
    const stop = new AbortController();
    const running = generator.run(stop.signal);
    await waitUntil('1,000 transactions', () => generator.counts.transactions >= 1_000, 90_000);
    stop.abort();
    await running;

    const after = await readTraces(school.connection);
    const still = Object.keys(traces).filter((name) => after[name] === before[name]);
    expect(still, 'kinds of change that were not made').toEqual([]);
    expect(generator.counts.rows).toBeGreaterThan(generator.counts.transactions);
    const coupons = await value(school.connection, 'SELECT COUNT(coupon) FROM school_main.orders');
    expect(Number(coupons), 'writes to the column added').toBeGreaterThan(0);
  });

  test('is not filled over databases that are there already', async () => {
    await using server = await LocalServer.open(await serverProgram(flavour));
    await using school = await connect(server);
    await school.connection.query('CREATE DATABASE school_ops');
    await expect(fillSchool(school.connection, { seed: 1, today })).rejects.toMatchObject({
      code: 'CDC_USAGE',
      message: expect.stringContaining('school_ops'),
    });
  });
});

async function readTraces(connection: Connection): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, sql] of Object.entries(traces)) found[name] = await value(connection, sql);
  return found;
}

async function value(connection: Connection, sql: string): Promise<unknown> {
  const [rows] = await connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return rows[0]?.[0];
}

async function connect(server: LocalServer): Promise<AsyncDisposable & { connection: Connection }> {
  const { host, port, user, password } = server.address;
  const connection = await createConnection({ host, port, user, password: password.reveal() });
  return { connection, [Symbol.asyncDispose]: () => connection.end() };
}
