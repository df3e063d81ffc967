import { expect, test } from 'vitest';
import { refusalIn, waitMsOf } from '../../../../src/sink/webhook/answer.ts';

const about = { table: 'shop.orders', url: 'http://hooks/x' };
const nothing = { retryAfter: undefined, location: undefined, text: '' };

test.each([200, 201, 204, 409])('%i means that the endpoint has the rows', (status) => {
  expect(refusalIn({ ...nothing, status }, about)).toBeUndefined();
});

test.each([
  [301, 'CDC_SINK_FAILED'],
  [307, 'CDC_SINK_FAILED'],
  [400, 'CDC_SINK_REJECTED'],
  [401, 'CDC_SINK_ACCESS_DENIED'],
  [403, 'CDC_SINK_ACCESS_DENIED'],
  [404, 'CDC_SINK_FAILED'],
  [408, 'CDC_SINK_BUSY'],
  [413, 'CDC_SINK_REJECTED'],
  [422, 'CDC_SINK_REJECTED'],
  [429, 'CDC_SINK_BUSY'],
  [500, 'CDC_SINK_BUSY'],
  [503, 'CDC_SINK_BUSY'],
  [507, 'CDC_SINK_FULL'],
])('%i is %s', (status, code) => {
  expect(refusalIn({ ...nothing, status }, about)).toMatchObject({ code });
});

test('what an endpoint says of rows that it refuses is not repeated', () => {
  const answer = { ...nothing, status: 422, text: 'mail ann@example.org is wrong' };
  expect(refusalIn(answer, about)?.message).not.toContain('ann@');
  expect(refusalIn({ ...answer, status: 500 }, about)?.message).toContain('ann@');
});

test('Retry-After is read as seconds or a date, and never as hours of waiting', () => {
  const now = Date.parse('2026-01-31T07:00:00Z');
  const wait = (retryAfter: string | undefined) =>
    waitMsOf({ ...nothing, status: 429, retryAfter }, now);
  expect(wait(undefined)).toBe(0);
  expect(wait('7')).toBe(7_000);
  expect(wait('Sat, 31 Jan 2026 07:00:30 GMT')).toBe(30_000);
  expect(wait('Sat, 31 Jan 2026 06:00:00 GMT')).toBe(0);
  expect(wait('soon')).toBe(0);
  expect(wait('999999')).toBe(900_000);
});
