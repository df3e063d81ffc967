import { setTimeout as delay } from 'node:timers/promises';
import type { QueryValues } from 'mysql2';
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { Random } from './random.ts';
import { attendanceRow, columnsOfPast } from './school-past.ts';
import { personName, studentDetails } from './school-people.ts';
import {
  classCount,
  classIdOf,
  lessonIdOf,
  priceOf,
  renderDatetime,
  schoolPlan,
} from './school-plan.ts';

export interface SchoolGeneratorOptions {
  readonly seed: number;
  /** Aimed at; the generator does not catch up after a pause. */
  readonly transactionsPerSecond: number;
  /** `ALTER TABLE school_main.orders ADD COLUMN coupon` runs after so many transactions. */
  readonly alterAfterTransactions: number;
}

interface Statement {
  readonly sql: string;
  readonly values?: QueryValues;
}

type Transaction = readonly Statement[];

const { students, orders, order_items: items, attendance } = columnsOfPast;

/**
 * Keeps the school busy: every kind of change that makes a warehouse wrong when it is not followed, in
 * the proportions of a working day. Needs the connection for itself, and a school that nobody else changes.
 */
export class SchoolGenerator {
  readonly #connection: Connection;
  readonly #options: SchoolGeneratorOptions;
  readonly #random: Random;
  readonly #actions: readonly (readonly [weight: number, action: () => readonly Transaction[]])[];
  #nextStudentId = 0;
  #nextOrderId = 0;
  #nextItemId = 0;
  #transactions = 0;
  #rows = 0;
  #isAltered = false;

  constructor(connection: Connection, options: SchoolGeneratorOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#actions = [
      [400, () => [this.#order(this.#anyStudent())]],
      [60, () => this.#orderBeforeItsStudent()],
      [300, () => [this.#attend()]],
      [80, () => [this.#refund()]],
      [50, () => [this.#changeStudent()]],
      [40, () => [this.#correctAttendance()]],
      [40, () => [this.#deleteOrder()]],
      [2, () => [this.#changeTeacher()]],
      [1, () => [this.#moveTeacher()]],
    ];
  }

  /** Committed so far. Rows are those really changed, DDL is neither. */
  get counts(): { readonly transactions: number; readonly rows: number } {
    return { transactions: this.#transactions, rows: this.#rows };
  }

  /** Works until the signal aborts; the transaction under way is finished then. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#readIds();
    const intervalMs = 1000 / this.#options.transactionsPerSecond;
    let dueMs = performance.now();
    while (!signal.aborted) {
      for (const transaction of this.#anyAction()()) {
        await this.#commit(transaction);
        dueMs += intervalMs;
      }
      if (!this.#isAltered && this.#transactions >= this.#options.alterAfterTransactions) {
        await this.#alter();
      }
      const earlyMs = dueMs - performance.now();
      // Timers are exact to a millisecond only, so short waits are saved up.
      if (earlyMs > 2) await delay(earlyMs, undefined, { signal }).catch(() => undefined);
      else if (earlyMs < -1000) dueMs = performance.now();
    }
  }

  async #readIds(): Promise<void> {
    this.#nextStudentId = await this.#nextId('school_main.students');
    this.#nextOrderId = await this.#nextId('school_main.orders');
    this.#nextItemId = await this.#nextId('school_main.order_items');
  }

  async #nextId(table: string): Promise<number> {
    const [rows] = await this.#connection.query(`SELECT MAX(id) + 1 AS next FROM ${table}`);
    const [row] = rows as { next: number | null }[];
    return Number(row?.next ?? 1);
  }

  async #commit(statements: Transaction): Promise<void> {
    let rows = 0;
    await this.#connection.beginTransaction();
    for (const { sql, values } of statements) {
      const [result] = await this.#connection.query<ResultSetHeader>(sql, values);
      // For an UPDATE the affected rows include those that stay as they are.
      rows += sql.startsWith('UPDATE') ? result.changedRows : result.affectedRows;
    }
    await this.#connection.commit();
    if (rows > 0) this.#transactions += 1;
    this.#rows += rows;
  }

  async #alter(): Promise<void> {
    await this.#connection.query(
      'ALTER TABLE school_main.orders ADD COLUMN coupon VARCHAR(20) NULL',
    );
    this.#isAltered = true;
  }

  #anyAction(): () => readonly Transaction[] {
    let rest = this.#random.below(this.#actions.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, action] of this.#actions) {
      rest -= weight;
      if (rest < 0) return action;
    }
    throw new RangeError('weights do not add up');
  }

  /** A purchase, mostly of the coming term: for many students the renewal of this term's course. */
  #order(studentId: number): Transaction {
    const random = this.#random;
    const orderId = this.#nextOrderId++;
    const rows = Array.from({ length: random.between(1, 3) }, () => {
      const course = random.between(1, schoolPlan.courses);
      const term = random.chance(0.8) ? schoolPlan.terms : schoolPlan.currentTerm;
      const classId = classIdOf(term, course, random.below(schoolPlan.classesPerCourse));
      return [this.#nextItemId++, orderId, classId, priceOf(course), random.pick([0, 0, 40.25])];
    });
    const total = rows.reduce(
      (sum, [, , , price, discount]) => sum + Number(price) - Number(discount),
      0,
    );
    const now = renderDatetime(Date.now());
    const columns = this.#isAltered ? [...orders, 'coupon'] : orders;
    const coupon = random.chance(0.5) ? `SPRING-${random.below(100)}` : null;
    const order = [orderId, studentId, 'paid', total, null, now, now];
    return [
      insert('school_main.orders', columns, [this.#isAltered ? [...order, coupon] : order]),
      insert('school_main.order_items', items, rows),
    ];
  }

  /** The order service is faster than the student service: the fact is there before its dimension. */
  #orderBeforeItsStudent(): Transaction[] {
    const random = this.#random;
    const id = this.#nextStudentId++;
    const { city, profile } = studentDetails(random);
    const channel = random.between(1, schoolPlan.channels);
    const now = renderDatetime(Date.now());
    const row = [id, personName(random), random.between(1, 12), city, channel, profile, now];
    return [this.#order(id), [insert('school_main.students', students, [row])]];
  }

  #attend(): Transaction {
    const random = this.#random;
    const lessonId = this.#anyLesson();
    const rows = Array.from({ length: random.between(3, 20) }, () =>
      attendanceRow(random, lessonId, this.#anyStudent()),
    );
    return [insert('school_ops.attendance', attendance, rows)];
  }

  #refund(): Transaction {
    const random = this.#random;
    const orderId = this.#anyOrder();
    const reason = random.chance(0.5) ? 'Too difficult' : null;
    return [
      {
        sql:
          'INSERT INTO school_main.refunds (order_item_id, amount, reason, refunded_at) ' +
          'SELECT i.id, i.price - i.discount, ?, ? FROM school_main.order_items AS i ' +
          "INNER JOIN school_main.orders AS o ON o.id = i.order_id AND o.status = 'paid' " +
          'WHERE o.id = ?',
        values: [reason, renderDatetime(Date.now()), orderId],
      },
      {
        sql: "UPDATE school_main.orders SET status = 'refunded' WHERE id = ? AND status = 'paid'",
        values: [orderId],
      },
    ];
  }

  #changeStudent(): Transaction {
    const random = this.#random;
    const { city, profile } = studentDetails(random);
    return [
      {
        sql: 'UPDATE school_main.students SET city = ?, profile = ?, channel_id = ? WHERE id = ?',
        values: [city, profile, random.between(1, schoolPlan.channels), this.#anyStudent()],
      },
    ];
  }

  /** Attendance booked on the wrong lesson: the row gets another primary key. */
  #correctAttendance(): Transaction {
    const lessonId = this.#anyLesson();
    return [
      {
        sql:
          'UPDATE IGNORE school_ops.attendance SET lesson_id = ? ' +
          'WHERE lesson_id = ? ORDER BY student_id LIMIT 2',
        values: [(lessonId % (classCount * schoolPlan.lessonsPerClass)) + 1, lessonId],
      },
    ];
  }

  #deleteOrder(): Transaction {
    const orderId = this.#anyOrder();
    return [
      {
        sql:
          'DELETE FROM school_main.refunds WHERE order_item_id IN ' +
          '(SELECT id FROM school_main.order_items WHERE order_id = ?)',
        values: [orderId],
      },
      { sql: 'DELETE FROM school_main.order_items WHERE order_id = ?', values: [orderId] },
      { sql: 'DELETE FROM school_main.orders WHERE id = ?', values: [orderId] },
    ];
  }

  #changeTeacher(): Transaction {
    const random = this.#random;
    const term = random.between(schoolPlan.currentTerm, schoolPlan.terms);
    const course = random.between(1, schoolPlan.courses);
    const classId = classIdOf(term, course, random.below(schoolPlan.classesPerCourse));
    return [
      {
        sql: 'UPDATE school_ops.class_teachers SET teacher_id = ?, assigned_at = ? WHERE class_id = ?',
        values: [random.between(1, schoolPlan.teachers), renderDatetime(Date.now()), classId],
      },
    ];
  }

  #moveTeacher(): Transaction {
    const random = this.#random;
    const groupId = random.between(1, schoolPlan.teacherGroups);
    return [
      {
        sql: 'UPDATE school_ops.teachers SET group_id = ? WHERE id = ?',
        values: [groupId, random.between(1, schoolPlan.teachers)],
      },
    ];
  }

  #anyStudent(): number {
    return this.#random.between(1, this.#nextStudentId - 1);
  }

  #anyOrder(): number {
    return this.#random.between(1, this.#nextOrderId - 1);
  }

  /** A lesson of the current term. */
  #anyLesson(): number {
    const course = this.#random.between(1, schoolPlan.courses);
    const parallel = this.#random.below(schoolPlan.classesPerCourse);
    const number = this.#random.between(1, schoolPlan.lessonsPerClass);
    return lessonIdOf(classIdOf(schoolPlan.currentTerm, course, parallel), number);
  }
}

/** IGNORE: a student who is in the class list twice attends once. */
function insert(
  table: string,
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): Statement {
  return { sql: `INSERT IGNORE INTO ${table} (${columns.join(', ')}) VALUES ?`, values: [rows] };
}
