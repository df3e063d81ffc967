import { afterAll, beforeAll } from 'vitest';
import { HologresSink } from '../../../src/sink/hologres/hologres-sink.ts';
import { hologresSinkOptions } from '../../../src/sink/hologres/options.ts';
import { pretendToBeHologres } from '../../support/hologres.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../../support/postgres.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

let database: PostgresDatabase;
beforeAll(async () => {
  database = await openPostgresDatabase([`TimeZone = 'Asia/Shanghai'`]);
  await pretendToBeHologres(database.client);
}, 60_000);
afterAll(() => database[Symbol.asyncDispose]());

let schemas = 0;

describeSinkContract({
  name: 'Hologres, as far as PostgreSQL is it,',
  options: async () => {
    const given = { type: 'hologres', name: 'serving', tables: ['shop.*'] };
    const schema = `schema_${++schemas}`;
    const login = { host: 'replaced', user: 'replaced', database: 'replaced' };
    return { ...hologresSinkOptions.parse({ ...given, ...login, schema }), ...database.options };
  },
  open: async (options) => new HologresSink(options),
  rows: 5000,
  refuse: async ({ schema }, target) => {
    await database.client.query(
      `ALTER TABLE "${schema}"."${target}" ADD CONSTRAINT refusing CHECK (note <> 'refuse me')`,
    );
  },
  accept: async ({ schema }, target) => {
    await database.client.query(`ALTER TABLE "${schema}"."${target}" DROP CONSTRAINT refusing`);
  },
});
