import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { TableId } from '../change/table-id.ts';
import { CdcError, type ErrorCode } from '../errors.ts';

/**
 * How a repair asks whoever captures to send single rows again, through the catalog (LMDB is shared between processes). Both
 * keys are removed by the one who asked; what a killed one has left is answered once and then only lies there until the next
 * one clears it.
 *
 *   repair                        capture
 *   put resend/request/<id> ───>  between two transactions: reads the rows, appends them to the log
 *   reads  <────────────────────  put resend/answer/<id>
 *   remove both
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

/** What nobody has answered yet. */
export function openResends(catalog: Catalog): ResendRequest[] {
  const answered = new Set(
    [...catalog.entries(answerPrefix).keys()].map((key) => key.slice(answerPrefix.length)),
  );
  const requests = catalog.entries<ResendRequest>(requestPrefix).values();
  return [...requests].filter(({ id }) => !answered.has(id));
}

export async function answerResend(
  catalog: Catalog,
  { id }: ResendRequest,
  answer: ResendAnswer,
): Promise<void> {
  await catalog.put(answerPrefix + id, answer);
}

/** Resolves to the version that the rows got, once they are in the log. */
export async function requestResend(
  catalog: Catalog,
  request: ResendRequest,
  signal: AbortSignal,
): Promise<bigint> {
  const { id } = request;
  await catalog.put(requestPrefix + id, request);
  try {
    for (;;) {
      const answer = catalog.get<ResendAnswer>(answerPrefix + id);
      if (answer?.error !== undefined) throw new CdcError(answer.error.code, answer.error.message);
      if (answer?.version !== undefined) return BigInt(answer.version);
      await delay(pollMs, undefined, { signal });
    }
  } finally {
    await catalog.batch({ [requestPrefix + id]: undefined, [answerPrefix + id]: undefined });
  }
}

/** Removes what repairs that were killed have left. */
export async function clearResends(catalog: Catalog): Promise<void> {
  const keys = [requestPrefix, answerPrefix].flatMap((prefix) => [
    ...catalog.entries(prefix).keys(),
  ]);
  await catalog.batch(Object.fromEntries(keys.map((key) => [key, undefined])));
}
