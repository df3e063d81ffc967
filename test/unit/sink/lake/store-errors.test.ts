import { expect, test } from 'vitest';
import { CdcError } from '../../../../src/errors.ts';
import { storeErrorOf } from '../../../../src/sink/lake/store-errors.ts';
import { DamagedTable } from '../../../../src/sink/lake/table-format.ts';

const engineError = (engineError: string, message: string) =>
  new CdcError('CDC_ENGINE_REJECTED', message, { details: { engineError } });

test.each([
  { name: 'S3_ERROR', message: 'Connection refused', expected: 'CDC_SINK_UNREACHABLE' },
  { name: 'S3_ERROR', message: 'HTTP response code: 403', expected: 'CDC_SINK_ACCESS_DENIED' },
  { name: 'SOCKET_TIMEOUT', message: 'Timeout', expected: 'CDC_SINK_UNREACHABLE' },
  { name: 'UNKNOWN_IDENTIFIER', message: 'no such column', expected: 'CDC_ENGINE_REJECTED' },
])('that the engine met $name, $message, is $expected', ({ name, message, expected }) => {
  expect(storeErrorOf(engineError(name, message))).toMatchObject({ code: expected });
});

test.each([
  { name: 'FILE_DOESNT_EXIST', message: 'File /lake/a.parquet does not exist' },
  { name: 'S3_ERROR', message: 'NoSuchKey: The specified key does not exist' },
])('that the engine met $name, $message, is damage of a table', ({ name, message }) => {
  expect(storeErrorOf(engineError(name, message))).toBeInstanceOf(DamagedTable);
});

test('an error that is not the engine’s stays what it is', () => {
  const error = new Error('something else');
  expect(storeErrorOf(error)).toBe(error);
});
