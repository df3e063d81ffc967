import { CdcError } from '../errors.ts';
import type { ChangeLog } from '../log/change-log.ts';

/** A place in the log, as a person names it. */
export type ReplayPlace =
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly ms: number };

/** An offset, or a time as ISO 8601. Throws CDC_USAGE. */
export function parseReplayPlace(text: string): ReplayPlace {
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) };
  // Date.parse takes nearly anything for a time.
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return { kind: 'time', ms };
  throw new CdcError('CDC_USAGE', `"${text}" is neither an offset of the log nor a time.`, {
    remedy: 'Write an offset such as 1200, or a time such as 2026-01-31T10:00:00Z.',
  });
}

/**
 * The range of the log between two places, up to what is loaded. Throws CDC_REPLAY_RANGE_GONE when the log
 * begins behind its start.
 */
export async function replayRange(
  log: ChangeLog,
  loaded: number,
  from: ReplayPlace,
  to: ReplayPlace | undefined,
): Promise<{ readonly from: number; readonly to: number }> {
  const { firstOffset } = log.stats();
  const start = await offsetOf(log, from);
  const end = to === undefined ? loaded : await offsetOf(log, to);
  const isGone =
    from.kind === 'offset' ? start < firstOffset : firstOffset > 0 && start === firstOffset;
  if (isGone && !(await isFirst(log, firstOffset, from))) throw rangeGone(firstOffset);
  return { from: start, to: Math.max(start, Math.min(end, loaded)) };
}

/** The first entry there is came at or before the time asked for: nothing is missing. */
async function isFirst(log: ChangeLog, firstOffset: number, from: ReplayPlace): Promise<boolean> {
  if (from.kind === 'offset') return false;
  const [first] = await log.read(firstOffset, 1, () => false);
  return first === undefined || first.batch.receivedAtMs <= from.ms;
}

/** Entries arrive in the order of their times, so the place is found by halving. */
async function offsetOf(log: ChangeLog, place: ReplayPlace): Promise<number> {
  if (place.kind === 'offset') return place.offset;
  let low = log.stats().firstOffset;
  let high = log.end();
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [entry] = await log.read(middle, 1, () => false);
    if (entry === undefined || entry.batch.receivedAtMs >= place.ms) high = middle;
    else low = entry.next;
  }
  return low;
}

export function rangeGone(firstOffset: number): CdcError {
  return new CdcError(
    'CDC_REPLAY_RANGE_GONE',
    `Replaying: the log begins at offset ${firstOffset}, behind the place asked for.`,
    { details: { firstOffset } },
  );
}
