import type { TestDatabase } from './test-database.ts';

/** A table beside a shop's that its traffic leaves alone, for large transactions. */
export async function createBulkTable({ connection }: TestDatabase, rows = 4_000): Promise<void> {
  await connection.query(
    'CREATE TABLE bulk (id INT PRIMARY KEY, n INT NOT NULL, body TEXT NOT NULL)',
  );
  const values = Array.from({ length: rows }, (_, id) => `(${id}, 0, REPEAT('${id} ', 100))`);
  await connection.query(`INSERT INTO bulk VALUES ${values.join()}`);
}

/** Changes all of its rows in one transaction, some megabytes of messages. */
export async function changeBulk({ connection }: Pick<TestDatabase, 'connection'>): Promise<void> {
  await connection.query('UPDATE bulk SET n = n + 1');
}
