import type { Connection } from 'mysql2/promise';

/** 15 columns, about 150 bytes a row: the shape of reference measurements of other tools. */
export async function createOrders(connection: Connection, database: string): Promise<void> {
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.query(`USE ${database}`);
  await connection.query(`CREATE TABLE ${database}.orders (
    id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, user_id BIGINT NOT NULL, course_id INT NOT NULL,
    amount DECIMAL(12,2) NOT NULL, discount DECIMAL(8,2) NULL, status ENUM('new','paid','refunded') NOT NULL,
    channel VARCHAR(32) NOT NULL, city VARCHAR(32) NULL, remark VARCHAR(64) NULL, day DATE NOT NULL,
    created_at DATETIME NOT NULL, paid_at DATETIME NULL, updated_at TIMESTAMP(3) NOT NULL,
    quantity SMALLINT NOT NULL, flag TINYINT NOT NULL)`);
}

/** Inserts `rows` rows in transactions of `perTransaction`; the server makes the values. */
export async function insertOrders(
  connection: Connection,
  database: string,
  rows: number,
  perTransaction: number,
): Promise<void> {
  for (let from = 0; from < rows; from += perTransaction) {
    await connection.query(`INSERT INTO ${database}.orders
      (user_id, course_id, amount, discount, status, channel, city, remark, day, created_at, paid_at, updated_at, quantity, flag)
      SELECT s * 7 % 100000, s % 500, s % 10000 + 0.25, IF(s % 3, s % 100, NULL), ELT(s % 3 + 1, 'new', 'paid', 'refunded'),
        CONCAT('channel-', s % 20), IF(s % 5, CONCAT('city number ', s % 300), NULL), CONCAT('remark of order ', s),
        DATE '2026-01-01' + INTERVAL (s % 300) DAY, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL s SECOND,
        IF(s % 4, TIMESTAMP '2026-01-02 00:00:00' + INTERVAL s SECOND, NULL), TIMESTAMP '2026-06-01 00:00:00.123', s % 9, s % 2
      FROM (SELECT seq AS s FROM seq_${from + 1}_to_${Math.min(rows, from + perTransaction)}) AS numbers`);
  }
}
