import { expect, test } from 'vitest';
import { CdcError } from '../../../../src/errors.ts';
import { serverErrno, toSourceError } from '../../../../src/source/mysql/error-map.ts';

function driverError(facts: object, message = 'driver words'): Error {
  return Object.assign(new Error(message), facts);
}

test.each([
  { given: { code: 'ECONNREFUSED', errno: -111 }, expected: 'CDC_SOURCE_UNREACHABLE' },
  { given: { code: 'ER_ACCESS_DENIED_ERROR', errno: 1045 }, expected: 'CDC_SOURCE_ACCESS_DENIED' },
  {
    given: { code: 'ER_SPECIFIC_ACCESS_DENIED_ERROR', errno: 1227 },
    expected: 'CDC_SOURCE_ACCESS_DENIED',
  },
  {
    given: { code: 'PROTOCOL_CONNECTION_LOST', fatal: true },
    expected: 'CDC_SOURCE_CONNECTION_LOST',
  },
  { given: { code: 4031, fatal: true }, expected: 'CDC_SOURCE_CONNECTION_LOST' },
  { given: { fatal: true }, expected: 'CDC_SOURCE_CONNECTION_LOST' },
  { given: { code: 'ER_NO_SUCH_TABLE', errno: 1146 }, expected: 'CDC_TABLE_NOT_FOUND' },
  { given: { code: 'ER_PARSE_ERROR', errno: 1064 }, expected: 'CDC_INTERNAL' },
])('$given is $expected', ({ given, expected }) => {
  const cause = driverError(given);
  const error = toSourceError(cause, 'reading shop.orders');
  expect(error.code).toBe(expected);
  expect(error.message).toBe('reading shop.orders: driver words');
  expect(error.cause).toBe(cause);
});

test('several refused addresses are one unreachable server', () => {
  const refused = driverError({ code: 'ECONNREFUSED' }, 'connect ECONNREFUSED ::1:3306');
  const error = toSourceError(
    Object.assign(new AggregateError([refused]), { code: 'ECONNREFUSED' }),
    'connecting',
  );
  expect(error.code).toBe('CDC_SOURCE_UNREACHABLE');
  expect(error.message).toBe('connecting: connect ECONNREFUSED ::1:3306');
});

test('an error of ours passes through and keeps the server’s number', () => {
  const error = toSourceError(driverError({ errno: 1142 }), 'reading');
  expect(toSourceError(error, 'again')).toBe(error);
  expect(serverErrno(error)).toBe(1142);
  expect(serverErrno(new CdcError('CDC_INTERNAL', 'no cause'))).toBe(0);
});
