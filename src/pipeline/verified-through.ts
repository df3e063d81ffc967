import type { Catalog } from '../catalog/catalog.ts';

/** How far a table or model has been proven right. */
export interface VerifiedThrough {
  /** Of a table its name in the source. */
  readonly name: string;
  /** The place in the source, `file:offset`: everything before it was in the proof. */
  readonly position: string;
  readonly at: string;
  readonly rows: number;
}

/** A verification that found something; kept when it has been repaired, too. */
export interface VerifyFailure {
  readonly name: string;
  readonly position: string;
  readonly at: string;
  readonly rows: number;
  readonly differences: number;
  /** The first keys. */
  readonly keys: readonly string[];
}

const throughPrefix = 'verify/through/';
const failuresKey = 'verify/failures';
const keptFailures = 20;
const keptKeys = 20;

export interface VerifyOutcome extends VerifiedThrough {
  readonly differences: number;
  readonly keys: readonly string[];
}

/** By name. */
export function verifiedThrough(catalog: Catalog): VerifiedThrough[] {
  const found = [...catalog.entries<VerifiedThrough>(throughPrefix).values()];
  return found.sort((left, right) => left.name.localeCompare(right.name));
}

/** The newest last. */
export function verifyFailures(catalog: Catalog): readonly VerifyFailure[] {
  return catalog.get<readonly VerifyFailure[]>(failuresKey) ?? [];
}

/** A mark moves only when nothing differed; what did is kept as evidence. */
export async function noteVerified(
  catalog: Catalog,
  outcomes: readonly VerifyOutcome[],
): Promise<void> {
  const marks = outcomes
    .filter(({ differences }) => differences === 0)
    .map(({ name, position, at, rows }) => [throughPrefix + name, { name, position, at, rows }]);
  const failed = outcomes
    .filter(({ differences }) => differences > 0)
    .map(({ name, position, at, rows, differences, keys }): VerifyFailure => {
      return { name, position, at, rows, differences, keys: keys.slice(0, keptKeys) };
    });
  const failures = [...verifyFailures(catalog), ...failed].slice(-keptFailures);
  await catalog.batch({
    ...Object.fromEntries(marks),
    ...(failed.length > 0 && { [failuresKey]: failures }),
  });
}
