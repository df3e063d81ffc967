/** A member of a group, and the items that it has had so far. */
export interface ItemHolder {
  readonly id: string;
  readonly held: readonly number[];
}

/**
 * Divides the items 0 .. count-1 among the members so that nobody has two more than another, and as many as
 * possible stay where they are. The same members give the same division, in whatever order they come.
 */
export function assignEvenly(
  members: readonly ItemHolder[],
  count: number,
): ReadonlyMap<string, readonly number[]> {
  const sorted = [...members].sort((left, right) => (left.id < right.id ? -1 : 1));
  const free = new Set(Array.from({ length: count }, (_, item) => item));
  const assigned = new Map<string, number[]>(sorted.map(({ id }) => [id, []]));
  const least = Math.floor(count / Math.max(1, sorted.length));
  let larger = count - least * sorted.length;
  // Those with the most to lose first, so that the larger portions go where they are already.
  const holders = sorted.toSorted((left, right) => right.held.length - left.held.length);
  for (const { id, held } of holders) {
    const own = held.filter((item) => free.has(item));
    const portion = own.length > least && larger > 0 ? least + 1 : least;
    if (portion > least) larger -= 1;
    for (const item of own.slice(0, portion)) {
      free.delete(item);
      assigned.get(id)?.push(item);
    }
  }
  for (const item of free) {
    const [fewest] = [...assigned.values()].sort((left, right) => left.length - right.length);
    fewest?.push(item);
  }
  return assigned;
}
