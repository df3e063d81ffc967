import { describe, expect, test } from 'vitest';
import { isRefusal, toSinkError } from '../../../../src/sink/postgres/error-map.ts';

const failed = (code: string, message = 'in its own words') =>
  Object.assign(new Error(message), { code, severity: 'ERROR' });
const writing = { doing: 'Writing shop.orders', table: 'shop.orders', hasRows: true } as const;

describe('an error of PostgreSQL', () => {
  test.each([
    ['08006', 'CDC_SINK_UNREACHABLE'],
    ['57P01', 'CDC_SINK_UNREACHABLE'],
    ['57014', 'CDC_SINK_BUSY'],
    ['40001', 'CDC_SINK_BUSY'],
    ['40P01', 'CDC_SINK_BUSY'],
    ['53300', 'CDC_SINK_BUSY'],
    ['55P03', 'CDC_SINK_BUSY'],
    ['53100', 'CDC_SINK_FULL'],
    ['25006', 'CDC_SINK_READ_ONLY'],
    ['28P01', 'CDC_SINK_ACCESS_DENIED'],
    ['42501', 'CDC_SINK_ACCESS_DENIED'],
    ['22021', 'CDC_SINK_REJECTED'],
    ['23514', 'CDC_SINK_REJECTED'],
    ['54000', 'CDC_SINK_REJECTED'],
    ['P0001', 'CDC_SINK_REJECTED'],
    ['42P01', 'CDC_SINK_INCOMPATIBLE'],
    ['42703', 'CDC_SINK_INCOMPATIBLE'],
    ['3D000', 'CDC_SINK_FAILED'],
    ['XX000', 'CDC_SINK_FAILED'],
    ['ECONNREFUSED', 'CDC_SINK_UNREACHABLE'],
    ['EPIPE', 'CDC_SINK_UNREACHABLE'],
    ['EBADF', 'CDC_SINK_UNREACHABLE'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'CDC_SINK_ACCESS_DENIED'],
  ])('%s while rows are written is %s', (code, expected) => {
    expect(toSinkError(failed(code), writing)).toMatchObject({ code: expected });
  });

  test.each([
    ['Connection terminated unexpectedly', 'CDC_SINK_UNREACHABLE'],
    ['Query read timeout', 'CDC_SINK_UNREACHABLE'],
    ['timeout exceeded when trying to connect', 'CDC_SINK_UNREACHABLE'],
    ['The server does not support SSL connections', 'CDC_SINK_ACCESS_DENIED'],
  ])('that the driver tells as "%s" is %s', (message, expected) => {
    expect(toSinkError(new Error(message), writing)).toMatchObject({ code: expected });
  });

  test('blames rows only where rows are written, and a table only where there is one', () => {
    const { hasRows: _, ...preparing } = writing;
    expect(toSinkError(failed('23505'), preparing)).toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
    });
    expect(toSinkError(failed('23505'), { doing: 'Reading' })).toMatchObject({
      code: 'CDC_SINK_FAILED',
    });
    expect(toSinkError(failed('42P01'), writing)).toMatchObject({
      details: { table: 'shop.orders' },
    });
  });

  test('that nobody knows passes through', () => {
    const error = new TypeError('undefined is not a function');
    expect(toSinkError(error, writing)).toBe(error);
  });

  test('leaves the connection as good as before only when it was a refusal', () => {
    expect(isRefusal(failed('23505'))).toBe(true);
    expect(isRefusal(Object.assign(failed('57P01'), { severity: 'FATAL' }))).toBe(false);
    expect(isRefusal(new Error('Connection terminated'))).toBe(false);
  });
});
