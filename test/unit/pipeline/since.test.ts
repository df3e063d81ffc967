import { describe, expect, test } from 'vitest';
import { packVersion } from '../../../src/change/position.ts';
import { cutAt, parseSince } from '../../../src/pipeline/since.ts';

const now = new Date(2026, 10, 21, 12, 0, 0).getTime();
const hour = 3_600_000;

describe('parseSince', () => {
  test.each([
    { text: 'all', expected: { kind: 'all' } },
    { text: '2h', expected: { kind: 'time', ms: now - 2 * hour } },
    { text: '1.5 d', expected: { kind: 'time', ms: now - 36 * hour } },
    { text: '90m', expected: { kind: 'time', ms: now - 1.5 * hour } },
    { text: '10:30', expected: { kind: 'time', ms: now - 1.5 * hour } },
    { text: '9:00:30', expected: { kind: 'time', ms: now - 3 * hour + 30_000 } },
    { text: '2026-11-20 12:00', expected: { kind: 'time', ms: now - 24 * hour } },
    { text: '2026-11-20T12:00:00Z', expected: { kind: 'time', ms: Date.UTC(2026, 10, 20, 12) } },
    {
      text: 'mysql-bin.000042:5120',
      expected: { kind: 'position', file: 'mysql-bin.000042', offset: 5120 },
    },
  ])('understands $text', ({ text, expected }) => {
    expect(parseSince(text, now)).toEqual(expected);
  });

  test.each([
    { text: 'yesterday', why: 'not a form of ours' },
    { text: '25:00', why: 'no hour of a day' },
    { text: '2026-13-01', why: 'no month' },
    { text: 'binlog:12', why: 'no number of a file' },
    { text: '5', why: 'no unit' },
  ])('refuses $text: $why', ({ text }) => {
    expect(() => parseSince(text, now)).toThrow('is neither a time nor a cut');
  });
});

describe('cutAt', () => {
  const cut = (build: number, offset: number) => {
    const version = packVersion(1, 3, offset);
    return { build, version, position: `binlog.000003:${offset}`, publishedAtMs: now + build };
  };
  const cuts = [cut(5, 100), cut(7, 200), cut(9, 300)];

  test('is the last one at or before a time or a place', () => {
    expect(cutAt({ kind: 'time', ms: now + 8 }, cuts, 1)).toBe(cuts[1]);
    expect(cutAt({ kind: 'time', ms: now + 9 }, cuts, 1)).toBe(cuts[2]);
    const place = (offset: number) =>
      ({ kind: 'position', file: 'binlog.000003', offset }) as const;
    expect(cutAt(place(200), cuts, 1)).toBe(cuts[1]);
    expect(cutAt(place(199), cuts, 1)).toBe(cuts[0]);
  });

  test('is everything when all cuts that are known came later', () => {
    expect(cutAt({ kind: 'time', ms: now }, cuts, 1)).toBe('all');
    expect(cutAt({ kind: 'position', file: 'binlog.000002', offset: 900 }, cuts, 1)).toBe('all');
    expect(cutAt({ kind: 'all' }, cuts, 1)).toBe('all');
  });
});
