import { describe, expect, test } from 'vitest';
import {
  afterEvent,
  type CutEvent,
  type CutOrder,
  type CutState,
  type LoaderMove,
  nextMove,
  type Standing,
} from '../../../src/pipeline/cut-order.ts';

const lease = { id: 'h2', leaseMs: 1_000, from: 0 };
const hold: CutOrder = { ...lease, kind: 'hold' };
const target: CutOrder = { ...lease, kind: 'target', offset: 100 };

interface MoveCase {
  readonly name: string;
  readonly order: CutOrder | undefined;
  readonly offset?: number;
  readonly standing?: Standing;
  readonly expected: LoaderMove;
}

const cases: readonly MoveCase[] = [
  { name: 'loads freely without an order', order: undefined, expected: { kind: 'load' } },
  { name: 'stands for a hold', order: hold, expected: { kind: 'stand', id: 'h2' } },
  {
    name: 'stands again for another hold',
    order: hold,
    standing: { id: 'h1', offset: 10 },
    expected: { kind: 'stand', id: 'h2' },
  },
  {
    name: 'waits once it has said where it stands',
    order: hold,
    standing: { id: 'h2', offset: 10 },
    expected: { kind: 'wait' },
  },
  {
    name: 'loads up to the target',
    order: target,
    offset: 99,
    expected: { kind: 'load', until: 100 },
  },
  { name: 'waits at the target', order: target, offset: 100, expected: { kind: 'wait' } },
  { name: 'waits behind the target', order: target, offset: 101, expected: { kind: 'wait' } },
];

describe('a share', () => {
  test.each(cases)('$name', ({ order, offset = 10, standing, expected }) => {
    expect(nextMove({ order, isUnfinished: false, offset, standing })).toEqual(expected);
  });

  test.each(cases)('finishes what it has begun where otherwise it $name', (each) => {
    const { order, offset = 10, standing } = each;
    expect(nextMove({ order, isUnfinished: true, offset, standing })).toEqual({ kind: 'finish' });
  });
});

describe('the layers', () => {
  const table: Record<CutState, Partial<Record<CutEvent, CutState>>> = {
    apart: { asked: 'holding', lapsed: 'apart' },
    holding: { stood: 'heading', lapsed: 'apart' },
    heading: { reached: 'still', lapsed: 'apart' },
    still: { advanced: 'heading', lapsed: 'apart' },
  };
  const events: readonly CutEvent[] = ['asked', 'stood', 'advanced', 'reached', 'lapsed'];
  const all = (Object.keys(table) as CutState[]).flatMap((state) =>
    events.map((event) => ({ state, event, expected: table[state][event] })),
  );

  test.each(all)('are $expected after $event while $state', ({ state, event, expected }) => {
    expect(afterEvent(state, event)).toBe(expected);
  });

  test('come to stand still only by way of a hold once a lease has lapsed', () => {
    const seen = new Set<string>();
    const walk = (state: CutState, sinceLapse: readonly CutEvent[]): void => {
      const key = `${state} ${sinceLapse.includes('stood')}`;
      if (seen.has(key)) return;
      seen.add(key);
      if (state === 'still') expect(sinceLapse).toContain('stood');
      for (const event of events) {
        const next = afterEvent(state, event);
        if (next === undefined) continue;
        walk(next, event === 'lapsed' ? [] : [...sinceLapse, event]);
      }
    };
    walk('apart', []);
    expect(seen).toContain('still true');
  });
});
