import { describe, expect, test } from 'vitest';
import { MemoryLog } from '../../../src/log/memory/memory-log.ts';
import { parseReplayPlace, replayRange } from '../../../src/pipeline/replay-range.ts';
import { aBatch } from '../../contract/change-log-batches.ts';

describe('a place to replay from', () => {
  test.each([
    { text: '0', expected: { kind: 'offset', offset: 0 } },
    { text: '120', expected: { kind: 'offset', offset: 120 } },
    { text: '1970-01-01T00:00:01Z', expected: { kind: 'time', ms: 1_000 } },
    { text: '1970-01-01', expected: { kind: 'time', ms: 0 } },
  ])('$text is understood', ({ text, expected }) => {
    expect(parseReplayPlace(text)).toEqual(expected);
  });

  test.each(['', '-1', 'yesterday', '12 entries'])('"%s" is refused', (text) => {
    expect(() => parseReplayPlace(text)).toThrow(
      expect.objectContaining({ code: 'CDC_USAGE' }) as Error,
    );
  });
});

describe('a range to replay', () => {
  /** Ten entries received at 1,000, 2,000 ... ms, of which the first `trimmed` are gone. */
  async function tenEntries(trimmed = 0): Promise<MemoryLog> {
    const log = new MemoryLog();
    const times = Array.from({ length: 10 }, (_, index) => 1_000 * (index + 1));
    await log.append(times.map((receivedAtMs) => aBatch([], { receivedAtMs })));
    if (trimmed > 0) await log.commit('somebody', trimmed);
    return log;
  }
  const time = (ms: number) => ({ kind: 'time', ms }) as const;
  const offset = (place: number) => ({ kind: 'offset', offset: place }) as const;

  test.each([
    { name: 'from an offset on', from: offset(3), to: undefined, expected: { from: 3, to: 8 } },
    { name: 'between offsets', from: offset(3), to: offset(5), expected: { from: 3, to: 5 } },
    {
      name: 'not beyond what is loaded',
      from: offset(3),
      to: offset(9),
      expected: { from: 3, to: 8 },
    },
    {
      name: 'nothing when it ends before it begins',
      from: offset(6),
      to: offset(5),
      expected: { from: 6, to: 6 },
    },
    {
      name: 'from a time between two entries',
      from: time(2_500),
      to: undefined,
      expected: { from: 2, to: 8 },
    },
    {
      name: 'from the time of an entry',
      from: time(3_000),
      to: time(5_000),
      expected: { from: 2, to: 4 },
    },
    {
      name: 'from before the beginning',
      from: time(5),
      to: undefined,
      expected: { from: 0, to: 8 },
    },
    {
      name: 'from after the end',
      from: time(99_000),
      to: undefined,
      expected: { from: 10, to: 10 },
    },
  ])('is taken $name', async ({ from, to, expected }) => {
    await using log = await tenEntries();
    expect(await replayRange(log, 8, from, to)).toEqual(expected);
  });

  test.each([
    { name: 'an offset', from: offset(3), code: 'CDC_REPLAY_RANGE_GONE' },
    { name: 'a time', from: time(3_500), code: 'CDC_REPLAY_RANGE_GONE' },
  ])('that begins at $name which is gone is refused', async ({ from, code }) => {
    await using log = await tenEntries(4);
    await expect(replayRange(log, 8, from, undefined)).rejects.toMatchObject({ code });
  });

  test('may begin with the first entry there is', async () => {
    await using log = await tenEntries(4);
    const expected = { from: 4, to: 8 };
    expect(await replayRange(log, 8, offset(4), undefined)).toEqual(expected);
    expect(await replayRange(log, 8, time(5_000), undefined)).toEqual(expected);
  });
});
