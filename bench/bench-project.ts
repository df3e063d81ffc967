import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import type { ServerAddress } from '../src/demo/server/server-address.ts';

/** A project of its own over one database, removed at the end. */
export interface BenchProject extends AsyncDisposable {
  readonly folder: string;
  readonly database: string;
  readonly connection: Connection;
}

export async function openBenchProject(
  address: ServerAddress,
  database: string,
): Promise<BenchProject> {
  const folder = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
  const { host, port, user } = address;
  const password = address.password.reveal();
  const connection = await createConnection({ host, port, user, password, timezone: 'Z' });
  await writeFile(
    join(folder, 'cdc.yaml'),
    `name: bench
source: { type: mysql, host: ${host}, port: ${port}, user: ${user}, password: '${password}', tables: ['${database}.*'] }
`,
    { mode: 0o600 },
  );
  return {
    folder,
    database,
    connection,
    async [Symbol.asyncDispose]() {
      await connection.query(`DROP DATABASE IF EXISTS ${database}`);
      await connection.end();
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Rows and sums of the source and of the warehouse must be the same; returns how it was checked. */
export async function checkContents(
  project: BenchProject,
  run: (sql: string) => Promise<string>,
): Promise<string> {
  const sums = 'count(*) AS rows_, sum(id) AS a, sum(amount) AS b, sum(quantity) AS c';
  const [rows] = await project.connection.query({
    sql: `SELECT ${sums} FROM ${project.database}.orders`,
    rowsAsArray: true,
  });
  const source = (rows as unknown[][])[0]?.map((value) => Number(value)) ?? [];
  const text = await run(`SELECT ${sums} FROM ${project.database}.orders`);
  const warehouse = text.trim().split(',').map(Number);
  if (source.join() !== warehouse.join()) {
    throw new Error(`contents differ: source ${source.join()}, warehouse ${warehouse.join()}`);
  }
  return `${warehouse[0]?.toLocaleString('en')} rows, sums of 3 columns`;
}

export function rate(rows: number, seconds: number): string {
  return `${Math.round(rows / seconds / 1000)}k rows/s`;
}
