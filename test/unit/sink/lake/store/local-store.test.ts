import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LocalStore } from '../../../../../src/sink/lake/store/local-store.ts';
import { openTempFolder } from '../../../../support/temp-folder.ts';

test('files of a local lake are there as a whole, and an absent name is taken once', async () => {
  await using folder = await openTempFolder();
  const store = new LocalStore(folder.path);
  await store.put('t/data/b.parquet', Buffer.from('b'));
  await store.put('t/data/p=1/a.parquet', Buffer.from('first'));
  await store.put('t/data/p=1/a.parquet', Buffer.from('again'));
  const contenders = ['one', 'two', 'three'].map((text) =>
    store.putIfAbsent('t/log/1.json', Buffer.from(text)),
  );
  const won = await Promise.all(contenders);
  expect(won.filter((isOurs) => isOurs)).toHaveLength(1);
  const winner = ['one', 'two', 'three'][won.indexOf(true)];
  expect((await store.get('t/log/1.json'))?.toString()).toBe(winner);
  expect((await store.get('t/data/p=1/a.parquet'))?.toString()).toBe('again');
  expect((await store.list('t/')).map(({ name, bytes }) => ({ name, bytes }))).toEqual([
    { name: 't/data/b.parquet', bytes: 1 },
    { name: 't/data/p=1/a.parquet', bytes: 5 },
    { name: 't/log/1.json', bytes: winner?.length },
  ]);
  expect(await store.folders('t/')).toEqual(expect.arrayContaining(['data', 'log']));
  expect(await store.folders('nowhere/')).toEqual([]);
  expect(await store.get('t/nothing')).toBeUndefined();
  await store.delete('t/data/b.parquet');
  await store.delete('t/data/b.parquet');
  expect(await readdir(join(folder.path, 't', 'data'))).toEqual(['p=1']);
});

test('a part that a crash has left in a local lake is no file of it', async () => {
  await using folder = await openTempFolder();
  await mkdir(join(folder.path, 't'));
  await writeFile(join(folder.path, 't', '.part-00ff'), 'half');
  expect(await new LocalStore(folder.path).list('t/')).toEqual([]);
});

test('a local lake below something that is no folder says which path that is', async () => {
  await using folder = await openTempFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, '');
  const put = new LocalStore(path).put('a', Buffer.from('a'));
  await expect(put).rejects.toMatchObject({
    code: 'CDC_SINK_FAILED',
    message: expect.stringContaining(path),
  });
});
