import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { inject } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { HiveConnection } from '../../src/sink/hive/hive-connection.ts';
import { askForServer } from './server-on-demand.ts';

/** A database of its own in the run's Hive, and a folder that Hive and this process both see. */
export interface TestHive extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly folder: string;
  readonly connection: HiveConnection;
  /** Rows of a SELECT whose columns are STRING. */
  rows(sql: string): Promise<(string | null)[][]>;
}

/**
 * The shared Hive of this run, started by the first who asks; CDC_TEST_HIVE (`host:port/folder`, a server without log-in that
 * reads local folders) replaces it.
 */
export async function openTestHive(): Promise<TestHive> {
  const text = process.env['CDC_TEST_HIVE'] || (await askForServer('Hive', inject('hiveOfferUrl')));
  const [, host = '', port = '', shared = ''] = /^([^:]+):(\d+)(\/.*)$/.exec(text) ?? [];
  return openHiveDatabase({ host, port: Number(port), shared });
}

/** The same on any server; `shared` is a folder that it reads. */
export async function openHiveDatabase(at: {
  host: string;
  port: number;
  shared: string;
  auth?: 'nosasl' | 'plain';
}): Promise<TestHive> {
  const { host, port, shared, auth = 'nosasl' } = at;
  const connection = await HiveConnection.open({
    ...{ host, port, auth, user: 'strata', password: new Secret('strata') },
    timeoutMs: 60_000,
  });
  const database = `test_${randomBytes(5).toString('hex')}`;
  await connection.run(`CREATE DATABASE ${database}`);
  return {
    ...{ host, port, database, connection },
    folder: join(shared, database),
    async rows(sql) {
      const all = [];
      for await (const page of connection.rows(sql)) all.push(...page);
      return all;
    },
    async [Symbol.asyncDispose]() {
      await connection.run(`DROP DATABASE IF EXISTS ${database} CASCADE`).catch(() => undefined);
      await connection.close();
    },
  };
}
