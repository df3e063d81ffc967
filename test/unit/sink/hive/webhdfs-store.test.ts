import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebhdfsStore } from '../../../../src/sink/hive/webhdfs-store.ts';
import { WebhdfsDouble } from '../../../support/webhdfs-double.ts';

describe('files in HDFS through WebHDFS', () => {
  let hdfs: WebhdfsDouble;
  let store: WebhdfsStore;
  beforeEach(async () => {
    hdfs = await WebhdfsDouble.open();
    store = new WebhdfsStore({ urls: hdfs.urls, path: '/ods', user: 'writer' });
  });
  afterEach(() => hdfs[Symbol.asyncDispose]());

  test('are written to a data node under another name first, and read from there', async () => {
    await store.put('t/delta_1/a b%.parquet', Buffer.from('one'));
    expect(hdfs.calls).toEqual(['PUT CREATE', 'data PUT CREATE', 'PUT RENAME']);
    expect([...hdfs.files.keys()]).toEqual(['/ods/t/delta_1/a b%.parquet']);
    expect((await store.get('t/delta_1/a b%.parquet'))?.toString()).toBe('one');
    expect(await store.get('t/nothing')).toBeUndefined();
  });

  test('are replaced by a file of the same name, although a rename in HDFS replaces nothing', async () => {
    await store.put('t/a', Buffer.from('one'));
    await store.put('t/a', Buffer.from('two'));
    expect([...hdfs.files]).toEqual([['/ods/t/a', Buffer.from('two')]]);
  });

  test('are taken by the first of two writers', async () => {
    expect(await store.putIfAbsent('t/1', Buffer.from('one'))).toBe(true);
    expect(await store.putIfAbsent('t/1', Buffer.from('two'))).toBe(false);
    expect([...hdfs.files]).toEqual([['/ods/t/1', Buffer.from('one')]]);
  });

  test('are known as our own when the answer to the rename was lost', async () => {
    await store.putIfAbsent('t/1', Buffer.from('one'));
    hdfs.faults.push({ op: 'RENAME', status: 503, exception: '', message: 'proxy' });
    expect(await store.putIfAbsent('t/1', Buffer.from('one'))).toBe(true);
  });

  test('are listed with those in folders, without the ones on their way', async () => {
    await store.put('t/b/2', Buffer.from('22'));
    await store.put('t/a', Buffer.from('1'));
    hdfs.files.set('/ods/t/.part-00', Buffer.from('half'));
    expect(await store.list('t/')).toMatchObject([
      { name: 't/a', bytes: 1 },
      { name: 't/b/2', bytes: 2 },
    ]);
    expect(await store.folders('')).toEqual(['t']);
    expect(await store.list('none/')).toEqual([]);
    await store.delete('t/a');
    await store.delete('t/a');
    expect((await store.list('t/')).map(({ name }) => name)).toEqual(['t/b/2']);
  });

  test.each([
    { status: 403, exception: 'AccessControlException', code: 'CDC_SINK_ACCESS_DENIED' },
    { status: 403, exception: 'SafeModeException', code: 'CDC_SINK_READ_ONLY' },
    { status: 403, exception: 'DSQuotaExceededException', code: 'CDC_SINK_FULL' },
    { status: 400, exception: 'IllegalArgumentException', code: 'CDC_SINK_FAILED' },
  ])('say $code when HDFS says $exception', async ({ status, exception, code }) => {
    hdfs.faults.push({ op: 'CREATE', status, exception, message: 'no' });
    await expect(store.put('t/a', Buffer.from('1'))).rejects.toMatchObject({ code });
    expect(hdfs.files.size).toBe(0);
  });

  test('say that nobody answers when no name node does', async () => {
    const nobody = new WebhdfsStore({ urls: ['http://127.0.0.1:1'], path: '/ods', user: 'writer' });
    await expect(nobody.get('a')).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
  });

  test('say that the user is refused', async () => {
    const other = new WebhdfsStore({ urls: hdfs.urls, path: '/ods', user: 'nobody' });
    await expect(other.list('')).rejects.toMatchObject({ code: 'CDC_SINK_ACCESS_DENIED' });
  });
});
