import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Manifest } from '../../src/sink/files/manifest.ts';
import { WebhookReceiver } from '../integration/sink-webhook-receiver.ts';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { createShop } from '../support/shop.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

type Row = Record<string, unknown>;

test('files, a webhook and a command get what the source has, each by itself', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await using receiver = await WebhookReceiver.open('signed');
  await createShop(database, 40);
  const project = await CdcProject.create(folder.path, database, {
    yaml: `name: test
${sourceYaml(database)}sinks:
  - { name: files, type: files, folder: out, tables: ['${database.name}.*', 'dws.*'] }
  - { name: hook, type: webhook, url: '${receiver.url}', signingSecret: signed, tables: ['${database.name}.orders'] }
  - { name: piped, type: command, command: [sh, -c, 'cat >> "piped-$CDC_TABLE"'], tables: ['${database.name}.region'] }
`,
    models: {
      'dws/by_status': 'SELECT status, count() AS orders FROM {db}.orders GROUP BY status\n',
    },
  });
  await project.succeed('check');
  await project.succeed('init');
  await database.connection.query(
    "UPDATE orders SET status = 'refunded', note = NULL WHERE id % 2; DELETE FROM orders WHERE id = 7; INSERT INTO region VALUES (9, 'east', NULL)",
  );
  await project.succeed('run', '--until-current');
  const [orders] = await database.connection.query(
    'SELECT id, status, note, CAST(amount AS CHAR) AS amount FROM orders ORDER BY id',
  );
  const wanted = (orders as Row[]).map((row) => ({ ...row, id: String(row['id']) }));
  const shape = ({ id, status, note, amount }: Row) => ({ id, status, note, amount });
  const byId = (one: Row, other: Row) => Number(one['id']) - Number(other['id']);
  const inFiles = await rowsIn(join(folder.path, 'out', 'orders'), 'id');
  expect(inFiles.sort(byId).map(shape)).toEqual(wanted);
  expect(receiver.rows('orders').sort(byId).map(shape)).toEqual(wanted);
  const counted = await rowsIn(join(folder.path, 'out', 'by_status'), 'status');
  expect(counted.reduce((sum, { orders: n }) => sum + Number(n), 0)).toBe(39);
  const piped = await readFile(join(folder.path, 'piped-region'), 'utf8');
  expect(
    piped
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
  ).toEqual([1, 2, 3, 9]);
  await project.succeed('verify', '--sink', 'files');
  const refused = await project.run('verify', '--sink', 'hook');
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain('CDC_SINK_UNREADABLE');
}, 240_000);

/** As a program that knows nothing of ours would read them. */
async function rowsIn(folder: string, key: string): Promise<Row[]> {
  const text = await readFile(join(folder, '_manifest.json'), 'utf8');
  const { files } = JSON.parse(text) as Manifest;
  expect((await readdir(folder)).length).toBe(files.length + 1);
  const newest = new Map<unknown, Row>();
  for (const { name } of files) {
    const lines = (await readFile(join(folder, name), 'utf8')).trim().split('\n');
    for (const row of lines.map((line) => JSON.parse(line) as Row)) {
      const before = BigInt(String(newest.get(row[key])?.['_version'] ?? 0));
      if (before <= BigInt(String(row['_version']))) newest.set(row[key], row);
    }
  }
  return [...newest.values()].filter((row) => row['_deleted'] === 0);
}
