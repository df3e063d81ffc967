import { binlogFileNumber, packVersion } from '../change/position.ts';
import { CdcError } from '../errors.ts';
import type { CutMark } from '../layers/explain/explanation.ts';

/** A moment or a cut, as a person names it. */
export type Since =
  | { readonly kind: 'all' }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'position'; readonly file: string; readonly offset: number };

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `2h`, `10:30` (today), `2026-11-21 10:30`, `binlog.000003:5120` or `all`. Throws CDC_USAGE. */
export function parseSince(text: string, nowMs: number): Since {
  if (text === 'all') return { kind: 'all' };
  const age = /^(\d+(?:\.\d+)?)\s*([smhd])$/.exec(text);
  if (age) return { kind: 'time', ms: nowMs - Number(age[1]) * (units[age[2] ?? ''] ?? 0) };
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (clock) {
    const [hours = 0, minutes = 0, seconds = 0] = clock.slice(1).map((part) => Number(part ?? 0));
    if (hours < 24 && minutes < 60 && seconds < 60) {
      return { kind: 'time', ms: new Date(nowMs).setHours(hours, minutes, seconds, 0) };
    }
  }
  const place = /^(.+\.\d+):(\d{1,11})$/.exec(text);
  if (place) return { kind: 'position', file: place[1] ?? '', offset: Number(place[2]) };
  // Date.parse takes nearly anything for a time.
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (!Number.isNaN(ms)) return { kind: 'time', ms };
  throw new CdcError('CDC_USAGE', `--since "${text}" is neither a time nor a cut.`, {
    remedy:
      'Write 2h, 10:30, 2026-11-21 10:30, the position of a cut such as binlog.000003:5120, or all.',
  });
}

/** The last cut at or before it; `all` when every cut that is known came later. */
export function cutAt(since: Since, cuts: readonly CutMark[], epoch: number): CutMark | 'all' {
  if (since.kind === 'all') return 'all';
  if (since.kind === 'time') {
    return cuts.findLast(({ publishedAtMs }) => publishedAtMs <= since.ms) ?? 'all';
  }
  const version = packVersion(epoch, binlogFileNumber(since.file), since.offset);
  return cuts.findLast((cut) => cut.version <= version) ?? 'all';
}
