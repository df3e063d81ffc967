import { expect, test } from 'vitest';
import { CdcError } from '../../../../src/errors.ts';
import { storeErrorOf } from '../../../../src/sink/clickhouse/store-errors.ts';

function refused(engineCode: number, message = 'the engine refused the statement: no'): CdcError {
  return new CdcError('CDC_ENGINE_REJECTED', message, { details: { engineCode } });
}

const writing = { doing: 'Writing shop.orders', table: 'shop.orders', isWrite: true };

test.each([
  [252, 'CDC_SINK_BUSY', 'transient'],
  [241, 'CDC_SINK_BUSY', 'transient'],
  [242, 'CDC_SINK_BUSY', 'transient'],
  [159, 'CDC_SINK_BUSY', 'transient'],
  [210, 'CDC_SINK_UNREACHABLE', 'transient'],
  [999, 'CDC_SINK_UNREACHABLE', 'transient'],
  [243, 'CDC_SINK_FULL', 'operator'],
  [164, 'CDC_SINK_READ_ONLY', 'operator'],
  [497, 'CDC_SINK_ACCESS_DENIED', 'operator'],
  [516, 'CDC_SINK_ACCESS_DENIED', 'operator'],
  [469, 'CDC_SINK_REJECTED', 'operator'],
  [16, 'CDC_SINK_INCOMPATIBLE', 'operator'],
  [53, 'CDC_SINK_INCOMPATIBLE', 'operator'],
])('ClickHouse error %i of a write is %s', (engineCode, code, kind) => {
  expect(storeErrorOf(refused(engineCode), writing)).toMatchObject({ code, kind });
});

test('an error about the whole store names no table, so that the sink stops and not one table', () => {
  for (const engineCode of [243, 164, 516]) {
    expect(storeErrorOf(refused(engineCode), writing)).toHaveProperty('details', {});
  }
  expect(storeErrorOf(refused(60), writing)).toHaveProperty('details', { table: 'shop.orders' });
});

test('a disk without room is a full store, however ClickHouse numbers it', () => {
  const error = refused(75, 'Cannot write to file: No space left on device');
  expect(storeErrorOf(error, writing)).toMatchObject({ code: 'CDC_SINK_FULL' });
});

test('a statement that was broken off for its time is repeated', () => {
  const error = new DOMException('timed out', 'TimeoutError');
  expect(storeErrorOf(error, writing)).toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
});

test('values of rows do not get into the message of a refusal', () => {
  const text = "Constraint `c` is violated at row 3. Column values: note = 'secret'.";
  const error = storeErrorOf(refused(469, text), writing);
  expect(error).toMatchObject({ code: 'CDC_SINK_REJECTED' });
  expect((error as Error).message).not.toContain('secret');
});

test('errors of others pass as they are', () => {
  const error = new Error('mine');
  expect(storeErrorOf(error, writing)).toBe(error);
});
