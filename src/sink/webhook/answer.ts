import type { CdcError } from '../../errors.ts';
import { rejectedRows, sinkError } from '../sink-errors.ts';

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  /** The first characters of the body. */
  readonly text: string;
}

/** undefined: the endpoint has the rows, now or from an earlier request with the same key. */
export function refusalIn(
  { status, location, text }: Answer,
  { table, url }: { readonly table: string; readonly url: string },
): CdcError | undefined {
  if ((status >= 200 && status < 300) || status === 409) return undefined;
  const doing = `Posting ${table}`;
  const why = `${url} answered ${status}${text === '' ? '' : `: ${text}`}`;
  if (status < 400) {
    const to = location === undefined ? '' : ` to ${location}`;
    return sinkError('CDC_SINK_FAILED', doing, `${url} redirects${to}.`, {
      remedy:
        'Write the address that it redirects to as url of the sink; redirects are not followed.',
    });
  }
  switch (status) {
    case 401:
    case 403:
    case 407:
      return sinkError('CDC_SINK_ACCESS_DENIED', doing, why);
    case 404:
    case 405:
    case 410:
      return sinkError('CDC_SINK_FAILED', doing, why, {
        remedy: 'Correct url of the sink; the endpoint takes no changes there.',
      });
    case 408:
    case 425:
    case 429:
      return sinkError('CDC_SINK_BUSY', doing, why, { table });
    case 507:
      return sinkError('CDC_SINK_FULL', doing, why);
    default:
      if (status >= 500) return sinkError('CDC_SINK_BUSY', doing, why, { table });
      // What the endpoint says of rows may have their values in it.
      return rejectedRows(table, `${url} answered ${status}.`);
  }
}

const longestWaitMs = 15 * 60_000;

/** `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). 0: none, or one that is past. */
export function waitMsOf({ retryAfter }: Answer, nowMs: number): number {
  if (retryAfter === undefined) return 0;
  const seconds = /^\s*\d+\s*$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const waitMs = seconds === undefined ? Date.parse(retryAfter) - nowMs : seconds * 1000;
  return Number.isNaN(waitMs) ? 0 : Math.min(Math.max(waitMs, 0), longestWaitMs);
}
