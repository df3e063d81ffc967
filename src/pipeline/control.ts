import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { CdcError } from '../errors.ts';

/**
 * How another cdc process asks the one that runs for something, through the catalog (LMDB is shared
 * between processes): it writes a request, the runner acts between two cuts and writes the answer.
 *
 *   verify                       run
 *   put control/request ──────>  finishes its cut
 *                     <────────  put control/answer; waits
 *   compares                     (log keeps filling)
 *   remove control/request ───>  goes on
 *
 * A hold expires unless renewed, so a killed `verify` never stops the flow for long.
 */
const requestKey = 'control/request';
const answerKey = 'control/answer';
const holdMs = 5_000;
const pollMs = 20;

export type ControlRequest =
  | { readonly id: string; readonly kind: 'hold'; readonly until: number }
  | { readonly id: string; readonly kind: 'apply-layers' };

export interface ControlAnswer {
  readonly id: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The runner's side: called between cuts. */
export async function answerRequests(
  catalog: Catalog,
  applyLayers: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const request = catalog.get<ControlRequest>(requestKey);
  if (request === undefined || catalog.get<ControlAnswer>(answerKey)?.id === request.id) return;
  if (request.kind === 'apply-layers') {
    const error = await applyLayers().then(() => undefined, describe);
    await catalog.put(answerKey, { id: request.id, ...(error && { error }) });
    return;
  }
  await catalog.put(answerKey, { id: request.id });
  for (;;) {
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
    const now = catalog.get<ControlRequest>(requestKey);
    if (signal.aborted || now?.id !== request.id || now.kind !== 'hold' || now.until < Date.now())
      return;
  }
}

/** Holds the runner at a published cut while `work` runs; the source and the log go on. */
export async function withHeldCut<T>(
  catalog: Catalog,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const id = `${process.pid}-${Date.now()}`;
  const renew = () => catalog.put(requestKey, { id, kind: 'hold', until: Date.now() + holdMs });
  await renew();
  const timer = setInterval(() => void renew().catch(() => undefined), holdMs / 4);
  try {
    await awaitAnswer(catalog, id, signal);
    return await work();
  } finally {
    clearInterval(timer);
    await catalog.remove(requestKey);
  }
}

/** Asks the runner to build what has changed in the layer files. */
export async function requestApplyLayers(catalog: Catalog, signal: AbortSignal): Promise<void> {
  const id = `${process.pid}-${Date.now()}`;
  await catalog.put(requestKey, { id, kind: 'apply-layers' });
  try {
    const { error } = await awaitAnswer(catalog, id, signal);
    if (error !== undefined) throw new CdcError('CDC_LAYERS_MODEL_FAILED', error.message);
  } finally {
    await catalog.remove(requestKey);
  }
}

async function awaitAnswer(
  catalog: Catalog,
  id: string,
  signal: AbortSignal,
): Promise<ControlAnswer> {
  for (;;) {
    const answer = catalog.get<ControlAnswer>(answerKey);
    if (answer?.id === id) return answer;
    await delay(pollMs, undefined, { signal });
  }
}

function describe(error: unknown): { code: string; message: string } {
  return error instanceof CdcError
    ? { code: error.code, message: error.message }
    : { code: 'CDC_INTERNAL', message: String(error) };
}
