import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { LocalPostgres } from '../src/demo/server/postgres-server.ts';
import { type BenchStore, ordersDdl, printRows } from './sinks-store.ts';

export async function openPostgresStore(): Promise<BenchStore> {
  const server = await LocalPostgres.open({ report: (line) => console.error(line) });
  const { host, port, user, password } = server.address;
  const login = { host, port, user, password: password.reveal(), database: 'postgres' };
  return {
    options: { type: 'postgres', ...login },
    pid: server.pid,
    bulkName: 'COPY FROM STDIN',
    async prepareBulk(source) {
      const path = await printRows(source, 'TabSeparated');
      const client = new Client(login);
      await client.connect();
      await client.query(`CREATE TABLE bulk ${ordersDdl('timestamp', 'timestamp')}`);
      return async () => {
        const stream = client.query(copyFrom('COPY bulk FROM STDIN'));
        await pipeline(createReadStream(path, { highWaterMark: 1024 ** 2 }), stream);
        const { rows } = await client.query('SELECT count(*)::int AS rows FROM bulk');
        await client.end();
        return rows[0].rows as number;
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
