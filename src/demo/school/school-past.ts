import type { TableRows } from './fill-school.ts';
import type { Random } from './random.ts';
import { personName, studentDetails } from './school-people.ts';
import {
  classIdOf,
  lessonIdOf,
  priceOf,
  renderDatetime,
  schoolPlan,
  termStartMs,
} from './school-plan.ts';

const dayMs = 24 * 3600 * 1000;

type Row = readonly unknown[];

/** What happened before the demo: each student comes in some term, buys, attends, and stays or leaves. */
export function pastRows(random: Random, today: Date): TableRows[] {
  const past = new SchoolPast(random, today);
  for (let id = 1; id <= schoolPlan.students; id++) past.liveStudent(id);
  return past.tables();
}

class SchoolPast {
  readonly #random: Random;
  readonly #today: Date;
  readonly #students: Row[] = [];
  readonly #orders: Row[] = [];
  readonly #items: Row[] = [];
  readonly #refunds: Row[] = [];
  readonly #attendance: Row[] = [];

  constructor(random: Random, today: Date) {
    this.#random = random;
    this.#today = today;
  }

  liveStudent(id: number): void {
    const random = this.#random;
    const firstTerm = random.between(1, schoolPlan.currentTerm);
    const course = random.between(1, schoolPlan.courses);
    const registeredMs = termStartMs(firstTerm, this.#today) - random.between(61, 120) * dayMs;
    const channel = random.chance(0.05) ? null : random.between(1, schoolPlan.channels);
    const { city, profile } = studentDetails(random);
    const grade = 1 + (course % 12);
    const registeredAt = renderDatetime(registeredMs);
    this.#students.push([id, personName(random), grade, city, channel, profile, registeredAt]);
    for (let term = firstTerm; term <= schoolPlan.terms; term++) {
      this.#enrol(id, term, course);
      // The next term has only begun to sell.
      if (!random.chance(term === schoolPlan.currentTerm ? 0.1 : 0.7)) break;
    }
  }

  tables(): TableRows[] {
    const { students, orders, order_items, refunds, attendance } = columnsOfPast;
    return [
      { table: 'school_main.students', columns: students, rows: this.#students },
      { table: 'school_main.orders', columns: orders, rows: this.#orders },
      { table: 'school_main.order_items', columns: order_items, rows: this.#items },
      { table: 'school_main.refunds', columns: refunds, rows: this.#refunds },
      { table: 'school_ops.attendance', columns: attendance, rows: this.#attendance },
    ];
  }

  /** One order for a term, sometimes with a second course in it. */
  #enrol(studentId: number, term: number, course: number): void {
    const random = this.#random;
    const orderId = this.#orders.length + 1;
    // Sold in the second month before the term: the last one's sales end today.
    const soldMs = termStartMs(term, this.#today) - random.between(31, 60) * dayMs;
    const createdMs = soldMs + random.below(dayMs);
    const courses = random.chance(0.25)
      ? [course, random.between(1, schoolPlan.courses)]
      : [course];
    const isRefunded = random.chance(0.04);
    let total = 0;
    for (const [index, bought] of courses.entries()) {
      const price = priceOf(bought);
      const discount = random.chance(0.3) ? price * 0.125 : 0;
      total += price - discount;
      const itemId = this.#items.length + 1;
      const classId = classIdOf(term, bought, random.below(schoolPlan.classesPerCourse));
      this.#items.push([itemId, orderId, classId, price, discount]);
      if (isRefunded) this.#refund(itemId, price - discount, createdMs + 3_600_000);
      else if (index === 0) this.#attend(studentId, classId, term);
    }
    const isPaid = random.chance(0.97);
    const status = isRefunded ? 'refunded' : isPaid ? 'paid' : 'pending';
    const paidAt = status === 'pending' ? null : renderDatetime(createdMs + random.below(600_000));
    const note = random.chance(0.05) ? 'Call before 8 p.m.; "front desk"' : null;
    const createdAt = renderDatetime(createdMs);
    this.#orders.push([orderId, studentId, status, total, note, createdAt, paidAt]);
  }

  #refund(itemId: number, amount: number, timeMs: number): void {
    const reason = this.#random.chance(0.3) ? null : 'Timetable';
    this.#refunds.push([itemId, amount, reason, renderDatetime(timeMs)]);
  }

  #attend(studentId: number, classId: number, term: number): void {
    const random = this.#random;
    if (term > schoolPlan.currentTerm) return;
    const taught = term < schoolPlan.currentTerm ? schoolPlan.lessonsPerClass : 2;
    for (let number = 1; number <= taught; number++) {
      if (random.chance(0.3)) continue;
      this.#attendance.push(attendanceRow(random, lessonIdOf(classId, number), studentId));
    }
  }
}

/** Column lists of the rows made here, by table. */
export const columnsOfPast = {
  students: ['id', 'name', 'grade', 'city', 'channel_id', 'profile', 'registered_at'],
  orders: ['id', 'student_id', 'status', 'total', 'note', 'created_at', 'paid_at'],
  order_items: ['id', 'order_id', 'class_id', 'price', 'discount'],
  refunds: ['order_item_id', 'amount', 'reason', 'refunded_at'],
  attendance: ['lesson_id', 'student_id', 'status', 'minutes', 'score'],
} as const;

/** How one student was in one lesson. */
export function attendanceRow(random: Random, lessonId: number, studentId: number): Row {
  if (random.chance(0.12)) return [lessonId, studentId, 'absent', null, null];
  const status = random.chance(0.1) ? 'late' : 'present';
  const score = random.chance(0.4) ? null : Math.fround(random.below(101) / 100);
  return [lessonId, studentId, status, random.between(20, 90), score];
}
