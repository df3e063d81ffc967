import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { LocalRedis } from '../src/demo/server/redis-server.ts';
import { type BenchStore, orders, printRows } from './sinks-store.ts';

export async function openRedisStore(): Promise<BenchStore> {
  const server = await LocalRedis.open({ report: (line) => console.error(line) });
  return {
    options: { type: 'redis', host: '127.0.0.1', port: server.port, prefix: 'sink:' },
    pid: server.pid,
    bulkName: 'pipelined HSET, encoded before',
    async prepareBulk(source) {
      const lines = await readFile(await printRows(source, 'TabSeparated'), 'utf8');
      const path = `${source.folder}/commands`;
      const rows = lines.trimEnd().split('\n');
      await writeFile(path, rows.map(command).join(''));
      return () => send(server.port, path, rows.length);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const names = orders.columns.map(({ name }) => name);

function command(line: string): string {
  const values = line.split('\t');
  const parts = names.flatMap((name, at) => (values[at] === '\\N' ? [] : [name, values[at] ?? '']));
  const all = ['HSET', `bulk:${values[0]}`, ...parts];
  return `*${all.length}\r\n${all.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
}

/** Counts the answers, each `:<fields>\r\n`. */
async function send(port: number, path: string, rows: number): Promise<number> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  let answers = 0;
  const all = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('-')) reject(new Error(chunk.toString('latin1').slice(0, 200)));
      for (const byte of chunk) if (byte === 0x0a) answers++;
      if (answers === rows) resolve();
    });
  });
  createReadStream(path, { highWaterMark: 1024 ** 2 }).pipe(socket, { end: false });
  await all;
  socket.destroy();
  return answers;
}
