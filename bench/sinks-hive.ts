import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalHive } from '../src/demo/server/hive-server.ts';
import { Secret } from '../src/lib/secret.ts';
import { HiveConnection } from '../src/sink/hive/hive-connection.ts';
import { type BenchStore, namedRows } from './sinks-store.ts';

/** One that reads the folder of the sink's files. */
export async function openHiveStore(): Promise<BenchStore> {
  const server = await LocalHive.open({ report: (line) => console.error(line) });
  const [host = '', port = ''] = server.address.split(':');
  const login = { host, port: Number(port), auth: 'nosasl' } as const;
  const lake = join(server.folder, 'lake');
  return {
    options: {
      type: 'hive',
      ...login,
      database: 'bench',
      files: { type: 'local', path: join(lake, 'sink') },
    },
    pid: server.pid,
    bulkName: 'one Parquet file written by the engine, and an external table over it',
    async prepareBulk({ engine, select }) {
      const password = new Secret('');
      const user = 'bench';
      const connection = await HiveConnection.open({ ...login, user, password, timeoutMs: 60_000 });
      const folder = join(lake, 'bulk');
      await mkdir(folder, { recursive: true });
      return async () => {
        const { writtenRows } = await engine.command(
          `INSERT INTO FUNCTION file('${folder}/rows.parquet', 'Parquet') ${namedRows(select)}`,
        );
        await connection.run(
          `CREATE EXTERNAL TABLE default.bulk (c1 bigint) STORED AS PARQUET LOCATION '${folder}'`,
        );
        await connection.close();
        return writtenRows;
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
