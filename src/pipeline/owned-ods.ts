import type { Ods } from '../load/ods.ts';

/**
 * ODS that asks before every call whether the work is still ours. A process that was stopped in mid-step
 * and goes on later must not repeat a barrier which the new owner of its share is long past.
 */
export function ownedOds(ods: Ods, assertOwned: () => void): Ods {
  return {
    async applySchema(section) {
      assertOwned();
      await ods.applySchema(section);
    },
    async deleteOlder(section) {
      assertOwned();
      await ods.deleteOlder(section);
    },
    async write(load) {
      assertOwned();
      await ods.write(load);
    },
    // ODS stays the caller's.
    [Symbol.asyncDispose]: async () => undefined,
  };
}
