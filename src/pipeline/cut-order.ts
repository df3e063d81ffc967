/**
 * How the layers make several loaders stand still at one place of the log, a *target*: through a row that
 * the layers write (`layers`, `order`) and rows that the loaders write, all in the warehouse's state table.
 *
 *   layers                                        each share
 *   order hold (id)  ───────────────────────>     finishes its step
 *                    <───────────────────────     stand {id, offset}; loads nothing
 *   order target = the largest of them  ─────>    loads up to it, not beyond
 *                    <───────────────────────     offset = target
 *   refreshes, publishes; the next target ───>    ...
 *
 * An order is a lease by the engine's clock. Without a live one the shares load as fast as they can; the
 * layers then begin with a hold again. So what stands at a published cut is exactly what lies before the
 * target, in all tables: whole transactions, whatever topics and partitions they went through.
 */
export type CutOrder = (
  | { readonly kind: 'hold' }
  | { readonly kind: 'target'; readonly offset: number }
) & {
  readonly id: string;
  readonly leaseMs: number;
  /** Up to here the layers have taken note of what changed; shares may forget it. */
  readonly from: number;
};

export const layersScope = 'layers';
export const orderKey = 'order';
export const standKey = 'stand';

/** A share that stands still for a hold, and where. */
export interface Standing {
  readonly id: string;
  readonly offset: number;
}

/** Loaders obey a little longer than the layers rely on it: the two look at the clock at different moments. */
export const graceMs = 1_000;

/** What a share does next. */
export type LoaderMove =
  | { readonly kind: 'finish' }
  | { readonly kind: 'load'; readonly until?: number }
  | { readonly kind: 'stand'; readonly id: string }
  | { readonly kind: 'wait' };

type Asked = 'nothing' | 'hold' | 'held' | 'target' | 'reached';

const moves: Readonly<Record<Asked, LoaderMove['kind']>> = {
  nothing: 'load',
  hold: 'stand',
  held: 'wait',
  target: 'load',
  reached: 'wait',
};

/** `order`: the live one. A step that was begun is finished whatever is asked: it may be half done. */
export function nextMove(share: {
  readonly order: CutOrder | undefined;
  readonly isUnfinished: boolean;
  readonly offset: number;
  readonly standing: Standing | undefined;
}): LoaderMove {
  const { order } = share;
  const kind = share.isUnfinished ? 'finish' : moves[askedOf(share)];
  if (kind === 'stand') return { kind, id: order?.id ?? '' };
  if (kind === 'load' && order?.kind === 'target') return { kind, until: order.offset };
  return { kind };
}

function askedOf(share: Parameters<typeof nextMove>[0]): Asked {
  const { order, offset, standing } = share;
  if (order === undefined) return 'nothing';
  if (order.kind === 'hold') return standing?.id === order.id ? 'held' : 'hold';
  return offset < order.offset ? 'target' : 'reached';
}

/** Where the layers are in it. */
export type CutState = 'apart' | 'holding' | 'heading' | 'still';
export type CutEvent = 'asked' | 'stood' | 'advanced' | 'reached' | 'lapsed';

const transitions: Readonly<Record<CutState, Readonly<Record<CutEvent, CutState | undefined>>>> = {
  apart: {
    asked: 'holding',
    stood: undefined,
    advanced: undefined,
    reached: undefined,
    lapsed: 'apart',
  },
  holding: {
    asked: undefined,
    stood: 'heading',
    advanced: undefined,
    reached: undefined,
    lapsed: 'apart',
  },
  heading: {
    asked: undefined,
    stood: undefined,
    advanced: undefined,
    reached: 'still',
    lapsed: 'apart',
  },
  still: {
    asked: undefined,
    stood: undefined,
    advanced: 'heading',
    reached: undefined,
    lapsed: 'apart',
  },
};

/** Undefined for an event that cannot happen in the state. */
export function afterEvent(state: CutState, event: CutEvent): CutState | undefined {
  return transitions[state][event];
}
