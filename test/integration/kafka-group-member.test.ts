import { expect, test } from 'vitest';
import { GroupMember } from '../../src/kafka/group-member.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { waitUntil } from '../support/wait-until.ts';

const never = new AbortController().signal;

/** A member with the heartbeat that a loader gives it; joins again when it is told to. */
class Joined {
  readonly member: GroupMember;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  items: readonly number[] = [];
  joins = 0;

  static async open(groupId: string, instanceId: string): Promise<Joined> {
    const member = await GroupMember.open(await testKafka(), {
      groupId,
      instanceId,
      items: 5,
      clientId: 'test',
      logger: createSilentLogger(),
    });
    return new Joined(member);
  }

  private constructor(member: GroupMember) {
    this.member = member;
    this.#done = this.#run();
  }

  /** As a killed process does: no farewell. */
  async kill(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.member[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.items = await this.member.join(signal);
      this.joins++;
      while (!signal.aborted && (await this.member.heartbeat()) === 'steady') {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

const all = (members: readonly Joined[]) =>
  members.flatMap(({ items }) => items).toSorted((left, right) => left - right);

test('members divide all items, keep what they have, and are given up when they do not come back', async () => {
  const groupId = randomName('group');
  const first = await Joined.open(groupId, 'one');
  await waitUntil('the first has all', () => first.items.length === 5, 30_000);
  const second = await Joined.open(groupId, 'two');
  await waitUntil('both have some', () => second.items.length === 2, 60_000);
  await waitUntil('nothing is held twice', () => all([first, second]).join() === '0,1,2,3,4');
  const [kept, joins] = [first.items, first.joins];

  // Back within the session under the same name: the same items, and the other notices nothing.
  const held = second.items;
  await second.kill();
  const again = await Joined.open(groupId, 'two');
  await waitUntil('it has what it had', () => again.items.length > 0, 30_000);
  expect(again.items).toEqual(held);
  expect([first.items, first.joins]).toEqual([kept, joins]);

  // Not back: its items go to the one that is left.
  await again.kill();
  await waitUntil('the first has all again', () => first.items.length === 5, 60_000);
  await first.kill();
}, 180_000);

test('a member that was silent for a session is told so, and has items again once it joins', async () => {
  const groupId = randomName('group');
  const member = await GroupMember.open(await testKafka(), {
    groupId,
    instanceId: 'silent',
    items: 5,
    clientId: 'test',
    logger: createSilentLogger(),
  });
  expect(await member.join(never)).toEqual([0, 1, 2, 3, 4]);
  expect(await member.heartbeat()).toBe('steady');
  const other = await Joined.open(groupId, 'other');
  await waitUntil('the session of the silent one is over', () => other.items.length === 5, 90_000);
  expect(await member.heartbeat()).toBe('lost');
  const items = await member.join(never);
  expect(items).toHaveLength(2);
  await waitUntil('the other has the rest', () => other.items.length === 3);
  expect([...items, ...other.items].toSorted()).toEqual([0, 1, 2, 3, 4]);
  await other.kill();
  await member[Symbol.asyncDispose]();
}, 180_000);
