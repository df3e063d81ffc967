import PQueue from 'p-queue';

/** Statements of that many models run at once: the engine and the source share the machine. */
const concurrency = 2;

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
  for (const model of models) {
    const inputs = model.reads.flatMap((name) => running.get(name) ?? []);
    const result = Promise.all(inputs).then(() => queue.add(() => work(model)));
    running.set(model.name, result);
  }
  await Promise.allSettled(running.values());
  const results = new Map<string, R>();
  for (const [name, result] of running) results.set(name, await result);
  return results;
}
