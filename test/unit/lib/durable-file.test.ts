import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeDurably } from '../../../src/lib/durable-file.ts';
import { fileNameOf } from '../../../src/lib/file-name.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

test('a file is there as a whole, or the one before stays', async () => {
  await using folder = await openTempFolder();
  const path = join(folder.path, 'new', 'file.json');
  await writeDurably(path, [Buffer.from('one '), Buffer.from('two')]);
  expect(await readFile(path, 'utf8')).toBe('one two');
  const broken = writeDurably(
    path,
    (async function* () {
      yield Buffer.from('thr');
      throw new Error('the rows broke off');
    })(),
  );
  await expect(broken).rejects.toThrow('the rows broke off');
  expect(await readFile(path, 'utf8')).toBe('one two');
  expect(await readdir(join(folder.path, 'new'))).toEqual(['file.json']);
});

test.each([
  ['shop.orders', 'shop.orders'],
  ['.hidden', '%2Ehidden'],
  ['../up/学', '%2E.%2Fup%2F%E5%AD%A6'],
  ['a b%', 'a%20b%25'],
])('the name %s is a file %s', (name, file) => {
  expect(fileNameOf(name)).toBe(file);
});
