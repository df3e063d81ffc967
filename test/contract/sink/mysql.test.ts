import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import type { CommonSinkOptions } from '../../../src/sink/common-options.ts';
import { MysqlSink } from '../../../src/sink/mysql/mysql-sink.ts';
import { type MysqlSinkOptions, mysqlSinkOptions } from '../../../src/sink/mysql/options.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';
import { openTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { describeEachServer } from '../../support/test-server.ts';

describeEachServer('in its own database', (flavour) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(flavour);
  });
  afterAll(() => database[Symbol.asyncDispose]());

  const alter = async (options: CommonSinkOptions, target: string, what: string) => {
    const { database: name } = options as MysqlSinkOptions;
    await database.connection.query(`ALTER TABLE ${name}.\`${target}\` ${what}`);
  };
  for (const deletes of ['hard', 'soft'] as const) {
    describeSinkContract({
      name: `${flavour} with ${deletes} deletions`,
      options: async () => {
        const own = `own_${randomBytes(4).toString('hex')}`;
        const { options, connection } = database;
        await connection.query(`CREATE DATABASE ${options.database}_${own}`);
        return mysqlSinkOptions.parse({
          ...options,
          type: 'mysql',
          name: 'serving',
          tables: ['shop.*'],
          database: `${options.database}_${own}`,
          deletes,
        });
      },
      refuse: (options, target) =>
        alter(options, target, "ADD CONSTRAINT own CHECK (note <> 'refuse me')"),
      accept: (options, target) => alter(options, target, 'DROP CONSTRAINT own'),
      open: async (options) => new MysqlSink(options as MysqlSinkOptions),
      rows: 5000,
    });
  }
});
