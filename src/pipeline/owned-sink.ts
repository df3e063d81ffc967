import type { Sink } from '../load/sink.ts';

/**
 * A sink that asks before every call whether the work is still ours. A process that was stopped in mid-step
 * and goes on later must not repeat a barrier which the new owner of its share is long past.
 */
export function ownedSink(sink: Sink, assertOwned: () => void): Sink {
  return {
    async applySchema(section) {
      assertOwned();
      await sink.applySchema(section);
    },
    async deleteOlder(section) {
      assertOwned();
      await sink.deleteOlder(section);
    },
    async write(load) {
      assertOwned();
      await sink.write(load);
    },
    // The sink stays the caller's.
    [Symbol.asyncDispose]: async () => undefined,
  };
}
