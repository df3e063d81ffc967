import PQueue from 'p-queue';

/** Models refreshed at once. More than cores, because a statement spends part of its time on its way; more than this was slower. */
const concurrency = 4;

/**
 * Runs `work` for each model once those it reads are done; independent ones run side by side.
 * `models` come in an order of dependency. When one fails, what is running ends first, what has not begun is left
 * out, and the first error is thrown.
 */
export async function runInOrder<M extends { name: string; reads: readonly string[] }, R>(
  models: readonly M[],
  work: (model: M) => Promise<R>,
): Promise<Map<string, R>> {
  const queue = new PQueue({ concurrency });
  const running = new Map<string, Promise<R>>();
  const heights = heightsOf(models);
  for (const model of models) {
    const inputs = model.reads.flatMap((name) => running.get(name) ?? []);
    const priority = heights.get(model.name) ?? 0;
    const result = Promise.all(inputs).then(() => queue.add(() => work(model), { priority }));
    running.set(model.name, result);
  }
  await Promise.allSettled(running.values());
  const results = new Map<string, R>();
  for (const [name, result] of running) results.set(name, await result);
  return results;
}

/** How many models follow one another above each: those with the longest way still to go come first. */
function heightsOf(
  models: readonly { name: string; reads: readonly string[] }[],
): ReadonlyMap<string, number> {
  const heights = new Map<string, number>();
  for (const { name, reads } of models.toReversed()) {
    const height = heights.get(name) ?? 0;
    for (const input of reads) heights.set(input, Math.max(heights.get(input) ?? 0, height + 1));
  }
  return heights;
}
