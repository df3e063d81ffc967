import { afterAll, beforeAll } from 'vitest';
import { postgresSinkOptions } from '../../../src/sink/postgres/options.ts';
import { PostgresSink } from '../../../src/sink/postgres/postgres-sink.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../../support/postgres.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

let database: PostgresDatabase;
beforeAll(async () => {
  // What a session is told by its database must not change a value.
  database = await openPostgresDatabase([
    `TimeZone = 'Asia/Kolkata'`,
    `DateStyle = 'German, DMY'`,
    `IntervalStyle = 'sql_standard'`,
    'extra_float_digits = 0',
    `bytea_output = 'escape'`,
    `search_path = ''`,
  ]);
}, 60_000);
afterAll(() => database[Symbol.asyncDispose]());

let schemas = 0;

for (const deletes of ['hard', 'soft'] as const) {
  describeSinkContract({
    name: `PostgreSQL with ${deletes} deletes`,
    options: async () => ({
      ...postgresSinkOptions.parse({
        ...{ type: 'postgres', name: 'serving', tables: ['shop.*'], deletes },
        ...{ user: 'replaced', database: 'replaced', schema: `schema_${++schemas}` },
      }),
      ...database.options,
    }),
    open: async (options) => new PostgresSink(options),
    refuse: async ({ schema }, target) => {
      await database.client.query(
        `ALTER TABLE "${schema}"."${target}" ADD CONSTRAINT refusing CHECK (note <> 'refuse me')`,
      );
    },
    accept: async ({ schema }, target) => {
      await database.client.query(`ALTER TABLE "${schema}"."${target}" DROP CONSTRAINT refusing`);
    },
  });
}
