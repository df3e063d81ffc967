import { ClickHouseError } from '@clickhouse/client';
import { expect, test } from 'vitest';
import { engineErrorOf } from '../../../src/engine/engine-error.ts';
import { ServerException, statusOf } from '../../../src/engine/server/server-exception.ts';

const url = 'http://127.0.0.1:8123';

test.each([159, 202, 209, 210, 236, 241, 252, 394])(
  'code %i is worth a repetition',
  (engineCode) => {
    const error = new ClickHouseError({ message: 'm', code: String(engineCode), type: 'T' });
    const mapped = engineErrorOf(error, url);
    expect(mapped).toMatchObject({ code: 'CDC_ENGINE_UNREACHABLE', kind: 'transient' });
    expect(mapped.details).toEqual({ engineCode, engineError: 'T' });
  },
);

test.each([47, 60, 62, 27, 497, 516])('code %i is for a person', (engineCode) => {
  const error = new ClickHouseError({ message: 'm', code: String(engineCode) });
  const mapped = engineErrorOf(error, url);
  expect(mapped).toMatchObject({ code: 'CDC_ENGINE_REJECTED', kind: 'operator' });
  expect(mapped.details).toEqual({ engineCode });
});

test('a refused password says where to correct it', () => {
  const error = new ClickHouseError({ message: 'm', code: '516' });
  expect(engineErrorOf(error, url).remedy).toContain('warehouse.user');
});

test('a broken transport is transient and names the address', () => {
  const reset = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  const error = engineErrorOf(reset, url);
  expect(error).toMatchObject({ code: 'CDC_ENGINE_UNREACHABLE', cause: reset });
  expect(error.message).toBe(`the engine at ${url} does not answer: ECONNRESET socket hang up`);
});

test('an error is mapped once', () => {
  const error = engineErrorOf(new Error('x'), url);
  expect(engineErrorOf(error, url)).toBe(error);
});

test('chdb’s own words become an exception of the protocol', () => {
  const exception = ServerException.from(
    new Error('Query failed: Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)'),
  );
  expect(exception.engineCode).toBe(60);
  expect(exception.message).toBe('Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)');
  expect(statusOf(exception.engineCode)).toBe(404);
});

test('an error of this process is a standard exception with status 500', () => {
  const exception = ServerException.from(new Error('ENOSPC'));
  expect(exception.message).toBe('Code: 1001. DB::Exception: ENOSPC (STD_EXCEPTION)');
  expect(statusOf(exception.engineCode)).toBe(500);
});
