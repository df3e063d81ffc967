import { setTimeout as delay } from 'node:timers/promises';
import { assignEvenly } from '../../src/kafka/even-assignment.ts';
import type { ShareGroup } from '../../src/pipeline/share-group.ts';

interface Member {
  held: readonly number[];
  /** In the round that is under way. */
  hasJoined: boolean;
}

/** A consumer group without a broker. `expel` is what the broker does when a session runs out. */
export class MemoryShareGroups {
  readonly #items: number;
  readonly #members = new Map<string, Member>();
  #assigned: ReadonlyMap<string, readonly number[]> = new Map();
  #isDividing = false;

  constructor(items: number) {
    this.#items = items;
  }

  member(id: string, sessionMs: number): ShareGroup {
    return {
      sessionMs,
      join: (signal) => this.#join(id, signal),
      heartbeat: async () => {
        if (!this.#members.has(id)) return 'lost';
        return this.#isDividing ? 'rebalance' : 'steady';
      },
      [Symbol.asyncDispose]: async () => this.expel(id),
    };
  }

  expel(id: string): void {
    if (!this.#members.delete(id)) return;
    this.#begin();
    this.#divideWhenAllAreHere();
  }

  async #join(id: string, signal: AbortSignal): Promise<readonly number[]> {
    const held = this.#members.has(id) ? (this.#assigned.get(id) ?? []) : [];
    if (!this.#isDividing) this.#begin();
    this.#members.set(id, { held, hasJoined: true });
    this.#divideWhenAllAreHere();
    while (this.#isDividing && !signal.aborted) {
      await delay(5, undefined, { signal }).catch(() => undefined);
    }
    return this.#assigned.get(id) ?? [];
  }

  #begin(): void {
    this.#isDividing = true;
    for (const member of this.#members.values()) member.hasJoined = false;
  }

  #divideWhenAllAreHere(): void {
    const members = [...this.#members];
    if (members.some(([, { hasJoined }]) => !hasJoined)) return;
    this.#assigned = assignEvenly(
      members.map(([id, { held }]) => ({ id, held })),
      this.#items,
    );
    this.#isDividing = false;
  }
}
