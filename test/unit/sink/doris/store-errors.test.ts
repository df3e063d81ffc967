import { describe, expect, test } from 'vitest';
import { storeError, transportError } from '../../../../src/sink/doris/store-errors.ts';

const about = { doing: 'Writing shop.orders', table: 'shop.orders' };

describe('an error of the store', () => {
  test.each([
    ['tablet writer write failed, tablet_id=1, txn_id=2, err=-235', 'CDC_SINK_BUSY'],
    [
      '[E-235]failed to init rowset builder. version count: 2001, exceed limit: 2000',
      'CDC_SINK_BUSY',
    ],
    ['current running txns on db 10006 is 1000, larger than limit 1000', 'CDC_SINK_BUSY'],
    ['[MEM_LIMIT_EXCEEDED]Process memory limit exceeded', 'CDC_SINK_BUSY'],
    ['tablet 30 alive replica num 0 < quorum replica num 1', 'CDC_SINK_BUSY'],
    ['[INTERNAL_ERROR]cancelled: sender is gone', 'CDC_SINK_BUSY'],
    ["Table[t]'s state(ROLLUP) is not NORMAL. Do not allow doing ALTER ops", 'CDC_SINK_BUSY'],
    ["Can't do partial update when table is doing schema change.", 'CDC_SINK_BUSY'],
    ['disk path /data exceed limit usage', 'CDC_SINK_FULL'],
    ["Access denied for user 'x'@'%' (using password: YES)", 'CDC_SINK_ACCESS_DENIED'],
    ['[DATA_QUALITY_ERROR]too many filtered rows', 'CDC_SINK_REJECTED'],
    ['Encountered unqualified data, stop processing', 'CDC_SINK_REJECTED'],
    ['errCode = 7, detailMessage = unknown table, tableName=orders', 'CDC_SINK_INCOMPATIBLE'],
    [
      'Table orders has sequence column, need to specify the sequence column',
      'CDC_SINK_INCOMPATIBLE',
    ],
    ['Can not change INT to DATE', 'CDC_SINK_INCOMPATIBLE'],
    ['something that nobody has seen', 'CDC_SINK_FAILED'],
  ])('%s is %s', (words, code) => {
    expect(storeError(words, about)).toMatchObject({ code, details: { table: 'shop.orders' } });
  });

  test('is known by its number before its words', () => {
    const tooMany = Object.assign(new Error('Reach limit of connections'), { errno: 1040 });
    expect(storeError(tooMany.message, about, tooMany).code).toBe('CDC_SINK_BUSY');
  });

  test('that is about rows or tables stops the store where there is no table', () => {
    expect(storeError('unknown database, database=x', { doing: 'Asking' })).toMatchObject({
      code: 'CDC_SINK_FAILED',
      message: 'Asking: unknown database, database=x',
    });
  });
});

describe('an error of a socket', () => {
  test('is that of the first address when a host has several', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:8030'), {
      code: 'ECONNREFUSED',
    });
    expect(transportError(new AggregateError([refused, refused]), about)).toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
      message: 'Writing shop.orders: connect ECONNREFUSED ::1:8030',
    });
  });

  test('is one of trust when the certificate does not verify', () => {
    const untrusted = Object.assign(new Error('self-signed certificate'), {
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(transportError(untrusted, about).code).toBe('CDC_SINK_ACCESS_DENIED');
  });
});
