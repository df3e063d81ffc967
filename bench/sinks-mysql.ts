import { createReadStream } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { LocalServer } from '../src/demo/server/local-server.ts';
import { findMariadb, installMariadb } from '../src/demo/server/mariadb-program.ts';
import { type BenchStore, ordersDdl, printRows } from './sinks-store.ts';

/** MariaDB. */
export async function openMysqlStore(): Promise<BenchStore> {
  const program = (await findMariadb()) ?? (await installMariadb((line) => console.error(line)));
  const server = await LocalServer.open(program, ['--innodb-buffer-pool-size=512M']);
  const { host, port, user } = server.address;
  const password = server.address.password.reveal();
  const database = 'bench';
  const connection = await createConnection({ host, port, user, password });
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.query(`USE ${database}`);
  return {
    options: { type: 'mysql', host, port, user, password, database },
    pid: server.pid,
    bulkName: 'LOAD DATA LOCAL',
    async prepareBulk(source) {
      const path = await printRows(source, 'TabSeparated');
      await connection.query('SET GLOBAL local_infile = 1');
      await connection.query(`CREATE TABLE bulk ${ordersDdl('datetime', 'datetime(6)')}`);
      return async () => {
        await connection.query({
          sql: "LOAD DATA LOCAL INFILE 'rows' INTO TABLE bulk CHARACTER SET utf8mb4",
          infileStreamFactory: () => createReadStream(path, { highWaterMark: 1024 ** 2 }),
        });
        const [rows] = await connection.query('SELECT count(*) AS n FROM bulk');
        return Number((rows as { n: number }[])[0]?.n);
      };
    },
    async [Symbol.asyncDispose]() {
      await connection.end();
      await server[Symbol.asyncDispose]();
    },
  };
}
