import { expect, test } from 'vitest';
import { Random } from '../../../src/demo/school/random.ts';
import { pastRows } from '../../../src/demo/school/school-past.ts';
import {
  classCount,
  classIdOf,
  courseOfClass,
  schoolPlan,
  termOfClass,
} from '../../../src/demo/school/school-plan.ts';

const today = new Date('2026-03-15T12:00:00Z');

test('the same seed and day give the same past', () => {
  const first = pastOf(7);
  expect(pastOf(7) === first).toBe(true);
});

test('another seed gives another past', () => {
  expect(pastOf(7) === pastOf(8)).toBe(false);
});

test('nothing of the past happens after today', () => {
  const orders = pastRows(new Random(7), today).find(({ table }) => table.endsWith('.orders'));
  const created = orders?.columns.indexOf('created_at') ?? -1;
  const latest = orders?.rows
    .map((row) => String(row[created]))
    .sort()
    .at(-1);
  expect(latest?.slice(0, 10)).toBe('2026-03-14');
});

test('a class id tells its term and course', () => {
  const ids = new Set<number>();
  for (let term = 1; term <= schoolPlan.terms; term++) {
    for (let course = 1; course <= schoolPlan.courses; course++) {
      const id = classIdOf(term, course, schoolPlan.classesPerCourse - 1);
      expect([termOfClass(id), courseOfClass(id)]).toEqual([term, course]);
      ids.add(id);
    }
  }
  expect(ids.size).toBe(schoolPlan.terms * schoolPlan.courses);
  expect(Math.max(...ids)).toBe(classCount);
});

/** As text: comparing 300,000 rows one by one is slow, and a difference too long to read. */
function pastOf(seed: number): string {
  return JSON.stringify(pastRows(new Random(seed), today));
}
