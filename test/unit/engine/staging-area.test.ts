import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StagingArea } from '../../../src/engine/server/staging-area.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

async function* chunks(...texts: string[]): AsyncGenerator<Buffer, void> {
  for (const text of texts) yield Buffer.from(text);
}

test('a staged file holds what came, for its owner only, until it is disposed of', async () => {
  await using folder = await openTempFolder();
  await using area = await StagingArea.open(join(folder.path, 'staging'));
  const large = 'x'.repeat(3 * 1024 ** 2);
  const file = await area.stage(chunks('a', large, 'b'));
  expect(file.bytes).toBe(large.length + 2);
  expect(readFileSync(file.path, 'utf8')).toBe(`a${large}b`);
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  await file[Symbol.asyncDispose]();
  expect(existsSync(file.path)).toBe(false);
});

test('a body that breaks off leaves no file', async () => {
  await using folder = await openTempFolder();
  await using area = await StagingArea.open(join(folder.path, 'staging'));
  const before = await area.stage(chunks('x'));
  async function* broken() {
    yield Buffer.from('1');
    throw new Error('the client has gone');
  }
  await expect(area.stage(broken())).rejects.toThrow('the client has gone');
  const after = await area.stage(chunks('y'));
  const names = await readdir(join(after.path, '..'));
  expect(names.sort()).toEqual([before, after].map(({ path }) => path.split('/').at(-1)));
});

test('a file that memory has no room for goes on in the state folder', async () => {
  await using folder = await openTempFolder();
  const disk = join(folder.path, 'staging');
  await using area = await StagingArea.open(disk, { memoryBytes: 10 });
  await using file = await area.stage(chunks('12345', '67890', 'abc', 'def'));
  expect(file.path.startsWith(disk)).toBe(true);
  expect(readFileSync(file.path, 'utf8')).toBe('1234567890abcdef');
});

test('what an engine that was killed has left is removed at the next start', async () => {
  await using folder = await openTempFolder();
  const disk = join(folder.path, 'staging');
  const killed = await StagingArea.open(disk);
  const file = await killed.stage(chunks('left'));
  await mkdir(disk, { recursive: true });
  await writeFile(join(disk, '7'), 'left');
  await using _area = await StagingArea.open(disk);
  expect(existsSync(file.path)).toBe(false);
  expect(await readdir(disk)).toEqual([]);
});

test('a folder that somebody has cleaned away is made again', async () => {
  await using folder = await openTempFolder();
  await using area = await StagingArea.open(join(folder.path, 'staging'));
  const first = await area.stage(chunks('x'));
  await rm(join(first.path, '..'), { recursive: true });
  await using second = await area.stage(chunks('y'));
  expect(readFileSync(second.path, 'utf8')).toBe('y');
});
