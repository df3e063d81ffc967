import type { Catalog } from '../../catalog/catalog.ts';

/** Where whoever publishes a cut keeps it by the newest build in it, in order. */
export const pastCutPrefix = 'cut/past/';
/** Removed together. */
const cutsPerStep = 1_000;
const buildDigits = 12;

export function pastCutKey(build: number): string {
  return pastCutPrefix + String(build).padStart(buildDigits, '0');
}

/**
 * Removes cuts of builds up to about `oldest`, beginning at `from`; returns where to begin the next time. A day has
 * tens of thousands of cuts, so they are never all read for this.
 */
export async function forgetPastCuts(
  catalog: Catalog,
  from: number,
  oldest: number,
): Promise<number> {
  const last = Math.floor(oldest / cutsPerStep);
  for (let step = Math.floor(from / cutsPerStep); step < last; step++) {
    const prefix = pastCutKey(step * cutsPerStep).slice(0, -String(cutsPerStep - 1).length);
    const keys = [...catalog.entries(prefix).keys()];
    if (keys.length > 0)
      await catalog.batch(Object.fromEntries(keys.map((key) => [key, undefined])));
  }
  return last * cutsPerStep;
}
