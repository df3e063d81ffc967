import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { expect, test } from 'vitest';
import { LocalServer } from '../../../src/demo/server/local-server.ts';
import { openTestDatabase } from '../../support/test-database.ts';
import { describeEachServer, serverProgram } from '../../support/test-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

describeEachServer('a local server', (flavour) => {
  test('writes rows with full images and full metadata to its binlog', async () => {
    await using database = await openTestDatabase(flavour);
    const [rows] = await database.connection.query<RowDataPacket[]>(
      'SELECT @@log_bin b, @@binlog_format f, @@binlog_row_image i, @@binlog_row_metadata m',
    );
    expect(rows).toEqual([{ b: 1, f: 'ROW', i: 'FULL', m: 'FULL' }]);
  });

  test('keeps its data over a crash and over a stop', async () => {
    await using server = await LocalServer.open(await serverProgram(flavour));
    await execute(server, 'CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)');
    await execute(server, 'INSERT INTO d.t VALUES (1)');
    await server.kill();
    await server.start();
    await execute(server, 'INSERT INTO d.t VALUES (2)');
    await server.stop();
    await server.start();
    expect(await execute(server, 'SELECT id FROM d.t ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test('refuses everybody who does not know its password', async () => {
    await using server = await LocalServer.open(await serverProgram(flavour));
    const { host, port, user } = server.address;
    await expect(createConnection({ host, port, user, password: '' })).rejects.toThrow(
      /Access denied/,
    );
  });
});

test('a local server and its data are gone after its parent was killed', async () => {
  const program = fileURLToPath(new URL('../../support/server-parent.ts', import.meta.url));
  const parent = spawn(process.execPath, ['--import', 'tsx', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(parent.stdout), 'line');
  const { pid, folder } = JSON.parse(String(line)) as { pid: number; folder: string };
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await waitUntil('the server has ended', () => !isAlive(pid));
  await waitUntil('its data is removed', () => !existsSync(folder));
});

test('a server that cannot start is reported with the end of its log', async () => {
  const opening = LocalServer.open(await serverProgram('mariadb'), ['--no-such-option']);
  await expect(opening).rejects.toMatchObject({
    code: 'CDC_DEMO_SERVER_MISSING',
    message: expect.stringContaining('no-such-option'),
  });
});

async function execute(server: LocalServer, sql: string): Promise<unknown> {
  const { host, port, user, password } = server.address;
  const login = { host, port, user, password: password.reveal(), multipleStatements: true };
  const connection = await createConnection(login);
  try {
    const [result] = await connection.query(sql);
    return result;
  } finally {
    await connection.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
