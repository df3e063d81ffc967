import { expect, test } from 'vitest';
import type { ChangeBatch } from '../../../src/change/change-batch.ts';
import { type Position, packVersion, versionOf } from '../../../src/change/position.ts';
import { MemoryLog } from '../../../src/log/memory/memory-log.ts';
import { SourcePlaces } from '../../../src/pipeline/source-places.ts';

const at = (offset: number, file = 'mysql-bin.000007'): Position => {
  return { epoch: 1, file, offset, serverId: 'one' };
};
const batch = (origin: ChangeBatch['origin'], offset: number, second: number): ChangeBatch => ({
  origin,
  sections: [],
  position: at(offset),
  transactions: 1,
  committedAtMs: second * 1_000,
  receivedAtMs: 0,
});
const version = (offset: number) => versionOf(at(offset));

test('a version is the place in the file and the commit time of the batch it came in', async () => {
  await using log = new MemoryLog();
  await log.append([batch('stream', 100, 1), batch('snapshot', 100, 9), batch('stream', 200, 2)]);
  await log.append([batch('snapshot', 210, 9), batch('stream', 300, 3)]);
  const places = new SourcePlaces(log, at(300));
  const committed = async (offset: number) => {
    return (await places.of('shop.orders', version(offset))).committedAt;
  };
  expect(await places.of('shop.orders', version(150))).toEqual({
    version: String(version(150)),
    position: 'mysql-bin.000007:150',
    origin: 'stream',
    committedAt: '1970-01-01T00:00:02.000Z',
  });
  expect(await committed(40)).toBe('1970-01-01T00:00:01.000Z');
  expect(await committed(200)).toBe('1970-01-01T00:00:03.000Z');
  expect(await committed(300)).toBeNull();
});

test('a row that a snapshot read has no commit time, and another epoch is named', async () => {
  await using log = new MemoryLog();
  const snapshot = { highWatermark: at(150), firstVersion: '0', done: true };
  await log.append([batch('stream', 400, 4)], {
    checkpoints: { 'snapshot/shop.orders': snapshot },
  });
  const places = new SourcePlaces(log, at(400));
  expect(await places.of('shop.orders', version(120))).toMatchObject({
    origin: 'snapshot',
    committedAt: null,
  });
  expect(await places.of('shop.orders', version(160))).toMatchObject({ origin: 'stream' });
  const older = await places.of('shop.items', packVersion(0, 12, 5));
  expect(older.position).toBe('epoch 0 mysql-bin.000012:5');
});
