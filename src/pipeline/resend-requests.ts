import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';
import { CdcError, type ErrorCode } from '../errors.ts';

/**
 * How a repair asks whoever captures to send single rows again, through the catalog (LMDB is shared between processes).
 *
 *   repair                        capture
 *   put resend/request/<id> ───>  between two transactions: reads the rows, appends them to the log
 *   reads  <────────────────────  put resend/answer/<id>, removes the request
 *   removes the answer
 *
 * A request of a repair that was killed is answered all the same: a row sent once more is harmless.
 */
const requestPrefix = 'resend/request/';
const answerPrefix = 'resend/answer/';
const pollMs = 20;

export interface ResendRequest {
  readonly id: string;
  /** A table of the source. */
  readonly table: TableId;
  /** As in SnapshotProgress.lastKey. */
  readonly keys: readonly (readonly string[])[];
}

export interface ResendAnswer {
  /** The rows' version, as text; absent when they were not sent. */
  readonly version?: string;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

export function openResends(catalog: Catalog): ResendRequest[] {
  return [...catalog.entries<ResendRequest>(requestPrefix).values()];
}

export async function answerResend(
  catalog: Catalog,
  { id }: ResendRequest,
  answer: ResendAnswer,
): Promise<void> {
  await catalog.batch({ [requestPrefix + id]: undefined, [answerPrefix + id]: answer });
}

/** Removes answers that nobody has fetched; whoever still waits for one asks again. */
export async function clearAnswers(catalog: Catalog): Promise<void> {
  const keys = [...catalog.entries(answerPrefix).keys()];
  await catalog.batch(Object.fromEntries(keys.map((key) => [key, undefined])));
}

/** Resolves to the version that the rows got, once they are in the log. */
export async function requestResend(
  catalog: Catalog,
  request: ResendRequest,
  signal: AbortSignal,
): Promise<bigint> {
  const { id } = request;
  try {
    for (;;) {
      const answer = catalog.get<ResendAnswer>(answerPrefix + id);
      if (answer?.error !== undefined) throw new CdcError(answer.error.code, answer.error.message);
      if (answer?.version !== undefined) return BigInt(answer.version);
      const isAsked = catalog.get(requestPrefix + id) !== undefined;
      if (answer === undefined && !isAsked) await catalog.put(requestPrefix + id, request);
      await delay(pollMs, undefined, { signal });
    }
  } finally {
    await catalog.batch({ [requestPrefix + id]: undefined, [answerPrefix + id]: undefined });
  }
}
