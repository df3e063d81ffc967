/**
 * Does `work` with a signal that aborts when `signal` does or after `limitMs`. Node 20 lets a timeout signal be collected that
 * only `AbortSignal.any` refers to, and then it never aborts; the timer here keeps its own.
 */
export async function withinTime<T>(
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}
