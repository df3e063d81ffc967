import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';

const students = 40_000;
const teachers = 400;
const courses = 1_000;
const orders = 1_000_000;
/** Changed ones are of the last month. */
const recent = Math.round(orders / 12);
const transactionsPerSecond = 50;

/** The school in MariaDB, and what goes on there: orders come in, and those of the last month change. */
export class SchoolWriter {
  static readonly orders = orders;
  /** Belongs to a student and a teacher of its own. */
  static readonly probeOrder = 1;
  static readonly probeTeacher = 1;
  readonly #connection: Connection;
  readonly #database: string;
  readonly #rowsEach: number;
  #last = orders;
  /** Rows changed so far. */
  written = 0;

  constructor(connection: Connection, database: string, changesPerSecond: number) {
    this.#connection = connection;
    this.#database = database;
    this.#rowsEach = Math.round(changesPerSecond / transactionsPerSecond / 2);
  }

  static async fill(connection: Connection, database: string): Promise<void> {
    await connection.query(`CREATE DATABASE ${database}`);
    await connection.query(`USE ${database}`);
    for (const sql of [
      `CREATE TABLE students (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, city VARCHAR(40) NOT NULL, teacher_id BIGINT)`,
      `CREATE TABLE teachers (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, department VARCHAR(40) NOT NULL)`,
      `CREATE TABLE courses (id BIGINT PRIMARY KEY, title VARCHAR(40) NOT NULL, subject VARCHAR(40) NOT NULL)`,
      `CREATE TABLE orders (id BIGINT PRIMARY KEY, student_id BIGINT NOT NULL, course_id BIGINT NOT NULL, amount DECIMAL(10, 2) NOT NULL,
        status VARCHAR(10) NOT NULL, created_at DATETIME NOT NULL, note VARCHAR(40) NOT NULL)`,
      `INSERT INTO students SELECT seq, CONCAT('student ', seq), CONCAT('city ', seq % 300), IF(seq = 1, 1, CRC32(seq) % ${teachers - 1} + 2) FROM seq_1_to_${students}`,
      `INSERT INTO teachers SELECT seq, CONCAT('teacher ', seq), CONCAT('department ', seq % 40) FROM seq_1_to_${teachers}`,
      `INSERT INTO courses SELECT seq, CONCAT('course ', seq), CONCAT('subject ', seq % 10) FROM seq_1_to_${courses}`,
      insertOrders('orders', 1, orders),
    ]) {
      await connection.query(sql);
    }
  }

  /** Small transactions at an even pace until the signal aborts; what falls behind is caught up. */
  async run(signal: AbortSignal): Promise<undefined> {
    const startedAt = performance.now();
    for (let count = 0; !signal.aborted; count++) {
      const dueMs = startedAt + (count * 1_000) / transactionsPerSecond - performance.now();
      if (dueMs > 0) await delay(dueMs, undefined, { signal }).catch(() => undefined);
      await this.#transaction();
    }
  }

  async #transaction(): Promise<void> {
    const table = `${this.#database}.orders`;
    const from = this.#last + 1;
    this.#last += this.#rowsEach;
    const changed = Array.from({ length: this.#rowsEach }, () => {
      return from - 1 - Math.floor(Math.random() * recent);
    });
    await this.#connection.query('BEGIN');
    await this.#connection.query(insertOrders(table, from, this.#last));
    await this.#connection.query(
      `UPDATE ${table} SET amount = amount + 1 WHERE id IN (${changed.join(', ')})`,
    );
    await this.#connection.query('COMMIT');
    this.written += this.#rowsEach + new Set(changed).size;
  }
}

function insertOrders(table: string, from: number, to: number): string {
  return `INSERT INTO ${table} SELECT seq, IF(seq = 1, 1, CRC32(seq) % ${students - 1} + 2), CRC32(CONCAT('c', seq)) % ${courses} + 1, seq % 10000 / 100,
    IF(seq % 50, 'paid', 'refunded'), TIMESTAMP '2026-01-01 00:00:00' + INTERVAL FLOOR(seq * 31536000 / ${orders}) SECOND, '' FROM seq_${from}_to_${to}`;
}
