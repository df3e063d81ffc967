import { expect, test } from 'vitest';
import { fileErrorOf } from '../../../../src/sink/files/file-errors.ts';

test.each([
  ['ENOSPC', 'CDC_SINK_FULL', 'operator'],
  ['EDQUOT', 'CDC_SINK_FULL', 'operator'],
  ['EROFS', 'CDC_SINK_READ_ONLY', 'operator'],
  ['EACCES', 'CDC_SINK_ACCESS_DENIED', 'operator'],
  ['EMFILE', 'CDC_SINK_BUSY', 'transient'],
  ['EIO', 'CDC_SINK_UNREACHABLE', 'transient'],
  ['ENOTDIR', 'CDC_SINK_FAILED', 'operator'],
])('%s of the file system is %s', (code, expected, kind) => {
  const error = Object.assign(new Error(`${code}: no, write`), { code, syscall: 'write' });
  expect(fileErrorOf(error, 'Writing shop.orders')).toMatchObject({ code: expected, kind });
});

test('errors that are not of the file system pass as they are', () => {
  const error = new Error('mine');
  expect(fileErrorOf(error, 'Writing shop.orders')).toBe(error);
});
