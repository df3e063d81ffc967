import { type Connection, createConnection } from 'mysql2/promise';
import { Random } from './random.ts';
import type { TestDatabase } from './test-database.ts';

/** Traffic on the shop until `stop`, which resolves to the number of transactions, or the end of the test. */
export async function startShopTraffic(
  database: TestDatabase,
  seed: number,
): Promise<AsyncDisposable & { stop(): Promise<number> }> {
  const connection = await createConnection(database.options);
  const abort = new AbortController();
  const busy = keepShopBusy(connection, new Random(seed), abort.signal).finally(() =>
    connection.end(),
  );
  const stop = () => {
    abort.abort();
    return busy;
  };
  return { stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

/**
 * Random transactions on the shop: inserts, updates, deletes, changed keys, facts before their
 * dimensions, several tables in one transaction, rollbacks. Runs until the signal aborts; returns
 * the number of transactions committed.
 */
export async function keepShopBusy(
  connection: Connection,
  random: Random,
  signal: AbortSignal,
): Promise<number> {
  let committed = 0;
  while (!signal.aborted) {
    await connection.beginTransaction();
    for (let statement = random.between(1, 6); statement > 0; statement--) {
      await connection.query(randomStatement(random)).catch(ignoreConflict);
    }
    if (random.next() < 0.05) await connection.rollback();
    else {
      await connection.commit();
      committed++;
    }
  }
  return committed;
}

function randomStatement(random: Random): string {
  const order = random.between(1, 3000);
  const customer = random.between(1, 260);
  return random.pick([
    () =>
      `INSERT INTO orders (customer_id, amount, status, note, created_at) VALUES (${customer}, ${random.between(1, 99999)}.5, '${random.pick(['new', 'paid', 'refunded'])}', NULL, '2026-03-01 00:00:00.123')`,
    () =>
      `INSERT INTO item VALUES (${order}, ${random.between(1, 40)}, 'sku${random.between(1, 60)}', ${random.between(0, 9)}, ${random.next()}, '{"x": [1, 2.5, "ä"]}')`,
    () =>
      `UPDATE orders SET amount = amount + 1, status = '${random.pick(['new', 'paid', 'refunded'])}', updated_at = NOW(6) WHERE id = ${order}`,
    () => `UPDATE item SET qty = qty + 1 WHERE order_id = ${order}`,
    () => `DELETE FROM item WHERE order_id = ${order} AND line = 1`,
    () => `DELETE FROM orders WHERE id BETWEEN ${order} AND ${order + 2}`,
    () => `UPDATE orders SET id = ${random.between(100000, 900000)} WHERE id = ${order}`,
    () => `UPDATE item SET line = ${random.between(41, 90)} WHERE order_id = ${order} AND line = 2`,
    () =>
      `INSERT INTO customer VALUES (${customer}, 'new ${random.between(1, 999)}', ${random.pick(['1', '2', '3', '7', 'NULL'])}, NULL)`,
    () =>
      `UPDATE customer SET region_id = ${random.pick(['1', '2', '3', 'NULL'])} WHERE id = ${customer}`,
    () => `DELETE FROM customer WHERE id = ${customer}`,
    () =>
      `UPDATE region SET manager = 'm${random.between(1, 9)}', name = 'r${random.between(1, 5)}' WHERE id = ${random.between(1, 3)}`,
    () => `UPDATE orders SET status = 'paid' WHERE customer_id = ${customer}`,
  ])();
}

function ignoreConflict(error: unknown): void {
  const { code = '' } = error as { code?: string };
  // A deadlock has rolled the transaction back; what follows is one of its own.
  if (code !== 'ER_DUP_ENTRY' && code !== 'ER_LOCK_DEADLOCK') throw error;
}
