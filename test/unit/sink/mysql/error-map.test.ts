import { describe, expect, test } from 'vitest';
import { CdcError } from '../../../../src/errors.ts';
import { isRefusal, toSinkError } from '../../../../src/sink/mysql/error-map.ts';

/** As mysql2 throws what a server says. */
function serverError(errno: number, sqlMessage: string, more: object = {}): Error {
  return Object.assign(new Error(sqlMessage), { errno, sqlMessage, code: 'ER_SOME', ...more });
}

describe('errors of MySQL and MariaDB', () => {
  test.each([
    [1205, 'Lock wait timeout exceeded', 'CDC_SINK_BUSY'],
    [1213, 'Deadlock found', 'CDC_SINK_BUSY'],
    [1040, 'Too many connections', 'CDC_SINK_BUSY'],
    [1927, 'Connection was killed', 'CDC_SINK_UNREACHABLE'],
    [1045, 'Access denied', 'CDC_SINK_ACCESS_DENIED'],
    [1142, 'INSERT command denied', 'CDC_SINK_ACCESS_DENIED'],
    [1290, 'running with the --read-only option', 'CDC_SINK_READ_ONLY'],
    [1114, 'The table is full', 'CDC_SINK_FULL'],
    [1030, 'Got error 28 "No space left on device" from storage engine', 'CDC_SINK_FULL'],
    [3, 'Error writing file (Errcode: 28 "No space left on device")', 'CDC_SINK_FULL'],
    [1264, 'Out of range value', 'CDC_SINK_REJECTED'],
    [3819, 'Check constraint is violated', 'CDC_SINK_REJECTED'],
    [4025, 'CONSTRAINT failed', 'CDC_SINK_REJECTED'],
    [1054, 'Unknown column', 'CDC_SINK_INCOMPATIBLE'],
    [1146, 'Table does not exist', 'CDC_SINK_INCOMPATIBLE'],
    [1064, 'You have an error in your SQL syntax', 'CDC_SINK_FAILED'],
  ])('number %i (%s) are %s', (errno, words, code) => {
    const error = toSinkError(serverError(errno, words), 'Writing shop.orders', 'shop.orders');
    expect(error).toMatchObject({ code });
    expect((error as CdcError).message).toContain('shop.orders');
  });

  test('blame a table only where there is one', () => {
    const error = serverError(1062, 'Duplicate entry');
    expect(toSinkError(error, 'Writing', 'shop.orders')).toMatchObject({
      code: 'CDC_SINK_REJECTED',
      details: { table: 'shop.orders' },
    });
    expect(toSinkError(error, 'Looking')).toMatchObject({ code: 'CDC_SINK_FAILED' });
  });

  test.each([
    ["Duplicate entry 'ann@example.com' for key 't.mail'", 'ann@example.com'],
    ["Incorrect date value: '1999-99-99' for column `t`.`day` at row 1", '1999-99-99'],
    ["Incorrect string value: '\\xFF' for column 'name' at row 3", '\\xFF'],
  ])('do not tell values of rows: %s', (words, value) => {
    const error = toSinkError(serverError(1366, words), 'Writing', 'shop.orders') as CdcError;
    expect(error.message).not.toContain(value);
    expect(error.message).toMatch(/for (key|column)/);
  });

  test('say what happens when a row meets another one in a unique index', () => {
    const error = serverError(1048, "Column '_version' cannot be null");
    expect(toSinkError(error, 'Writing', 'shop.orders')).toMatchObject({
      code: 'CDC_SINK_REJECTED',
      message: expect.stringContaining('another row of the store has the same value'),
    });
  });

  test('name the statement for a database that is missing', () => {
    expect(toSinkError(serverError(1049, "Unknown database 'x'"), 'Writing')).toMatchObject({
      code: 'CDC_SINK_FAILED',
      remedy: expect.stringContaining('Create the database'),
    });
  });

  test('of sockets and broken connections are transient', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', errno: -111 });
    const lost = Object.assign(new Error('Connection lost'), { fatal: true, code: 'SOMETHING' });
    const several = Object.assign(new AggregateError([refused], ''), { code: 'ECONNREFUSED' });
    for (const error of [refused, lost, several]) {
      const found = toSinkError(error, 'Writing') as CdcError;
      expect(found.code).toBe('CDC_SINK_UNREACHABLE');
      expect(found.message).not.toMatch(/: $/);
    }
    expect(isRefusal(lost)).toBe(false);
    expect(isRefusal(serverError(1062, 'Duplicate entry'))).toBe(true);
    expect(isRefusal(serverError(1053, 'Shutdown', { fatal: true }))).toBe(false);
  });

  test('of ours, and mistakes of ours, pass through', () => {
    const ours = new CdcError('CDC_SINK_STALE', 'late');
    const mistake = new TypeError('x is not a function');
    expect(toSinkError(ours, 'Writing')).toBe(ours);
    expect(toSinkError(mistake, 'Writing')).toBe(mistake);
  });
});
