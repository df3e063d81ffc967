import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import { CdcError, type ErrorCode } from '../errors.ts';

/**
 * How another cdc process asks the one that runs for something, through the catalog (LMDB is shared
 * between processes): it writes a request, the runner acts between two cuts and writes the answer.
 *
 *   verify                              run
 *   put control/request/<id> ────────>  finishes its cut, all models at it
 *                            <────────  put control/answer/<id>; waits
 *   copies                              (log keeps filling)
 *   remove control/request/<id> ─────>  goes on
 *
 * A request expires unless renewed, so a killed process never stops the flow for long. What takes long (building new
 * versions of models) is answered when it is done, and the flow goes on meanwhile.
 */
const requestPrefix = 'control/request/';
const answerPrefix = 'control/answer/';
const lifeMs = 5_000;
const pollMs = 20;

type ControlWork =
  | { readonly kind: 'hold' }
  | { readonly kind: 'apply-layers' }
  | { readonly kind: 'rollback-layers'; readonly change: number };

type ControlRequest = ControlWork & { readonly until: number };

interface ControlAnswer {
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly remedy: string;
  };
}

/** What the runner does for others. */
export interface ControlDuties {
  /** Brings everything to one cut, at which it then stands still. */
  readonly prepareHold: (signal: AbortSignal) => Promise<void>;
  readonly applyLayers: () => Promise<void>;
  readonly rollbackLayers: (change: number) => Promise<void>;
}

/** The runner's side. */
export class ControlDesk {
  readonly #catalog: Catalog;
  readonly #duties: ControlDuties;
  /** Requests that are being worked on. */
  readonly #begun = new Set<string>();

  constructor(catalog: Catalog, duties: ControlDuties) {
    this.#catalog = catalog;
    this.#duties = duties;
  }

  /** Called between cuts; a hold lasts as long as it is wanted. */
  async answer(signal: AbortSignal): Promise<void> {
    for (const [key, request] of this.#catalog.entries<ControlRequest>(requestPrefix)) {
      const id = key.slice(requestPrefix.length);
      if (this.#begun.has(id)) continue;
      if (request.until < Date.now()) await this.#catalog.remove(key);
      else if (request.kind === 'hold') await this.#hold(id, signal);
      else this.#begin(id, request);
    }
  }

  #begin(id: string, request: Exclude<ControlRequest, { kind: 'hold' }>): void {
    const { applyLayers, rollbackLayers } = this.#duties;
    this.#begun.add(id);
    const work = request.kind === 'apply-layers' ? applyLayers() : rollbackLayers(request.change);
    void work
      .then(() => ({}), describe)
      .then(async (answer) => {
        // Whoever asked may be gone.
        if (this.#catalog.get(requestPrefix + id) !== undefined)
          await this.#catalog.put(answerPrefix + id, answer);
      })
      .finally(() => this.#begun.delete(id))
      .catch(() => undefined);
  }

  async #hold(id: string, signal: AbortSignal): Promise<void> {
    await this.#duties.prepareHold(signal);
    await this.#catalog.put(answerPrefix + id, {});
    for (;;) {
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
      const now = this.#catalog.get<ControlRequest>(requestPrefix + id);
      if (signal.aborted || now === undefined || now.until < Date.now()) return;
    }
  }
}

/** Holds the runner at a published cut while `work` runs; the source and the log go on. */
export function withHeldCut<T>(
  catalog: Catalog,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  return withRequest(catalog, { kind: 'hold' }, { signal, work });
}

/** Asks the runner to build what has changed in the layer files; resolves when it is in place. */
export function requestApplyLayers(catalog: Catalog, signal: AbortSignal): Promise<void> {
  return withRequest(catalog, { kind: 'apply-layers' }, { signal, work: nothing });
}

/** Asks the runner to put the models back as they were before a change. */
export function requestRollback(
  catalog: Catalog,
  change: number,
  signal: AbortSignal,
): Promise<void> {
  return withRequest(catalog, { kind: 'rollback-layers', change }, { signal, work: nothing });
}

const nothing = () => Promise.resolve();

/** Does `work` once the request has been answered, and takes it back then. */
async function withRequest<T>(
  catalog: Catalog,
  request: ControlWork,
  { signal, work }: { signal: AbortSignal; work: () => Promise<T> },
): Promise<T> {
  const id = `${process.pid}-${Date.now()}`;
  const renew = () => catalog.put(requestPrefix + id, { ...request, until: Date.now() + lifeMs });
  await renew();
  const timer = setInterval(() => void renew().catch(() => undefined), lifeMs / 4);
  try {
    const { error } = await awaitAnswer(catalog, id, signal);
    if (error !== undefined) {
      const { code, message, remedy } = error;
      throw new CdcError(code, message, { remedy });
    }
    return await work();
  } finally {
    clearInterval(timer);
    await catalog.batch({ [requestPrefix + id]: undefined, [answerPrefix + id]: undefined });
  }
}

async function awaitAnswer(
  catalog: Catalog,
  id: string,
  signal: AbortSignal,
): Promise<ControlAnswer> {
  for (;;) {
    const answer = catalog.get<ControlAnswer>(answerPrefix + id);
    if (answer !== undefined) return answer;
    await delay(pollMs, undefined, { signal });
  }
}

function describe(error: unknown): ControlAnswer {
  const known = error instanceof CdcError ? error : new CdcError('CDC_INTERNAL', String(error));
  const { code, message, remedy } = known;
  return { error: { code, message, remedy } };
}
