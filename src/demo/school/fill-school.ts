import type { Connection } from 'mysql2/promise';
import { CdcError } from '../../errors.ts';
import { Random } from './random.ts';
import { pastRows } from './school-past.ts';
import { schoolDatabases, schoolTables } from './school-schema.ts';
import { staticRows } from './school-static.ts';

/** Rows of one table, in insert order. */
export interface TableRows {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

const rowsPerInsert = 2_000;

/**
 * Creates the school's databases and fills them with its past: 13 tables, above 200,000 rows. The same
 * seed and day give the same rows. Returns the number of rows. Throws CDC_USAGE when one of the
 * databases is there already: it may be somebody's.
 */
export async function fillSchool(
  connection: Connection,
  options: { readonly seed: number; readonly today: Date },
): Promise<{ tables: number; rows: number }> {
  await createDatabases(connection);
  for (const statement of schoolTables) await connection.query(statement);
  const random = new Random(options.seed);
  let rows = 0;
  for (const tableRows of [
    ...staticRows(random, options.today),
    ...pastRows(random, options.today),
  ]) {
    await insertRows(connection, tableRows);
    rows += tableRows.rows.length;
  }
  return { tables: schoolTables.length, rows };
}

export async function dropSchool(connection: Connection): Promise<void> {
  for (const database of schoolDatabases) {
    await connection.query(`DROP DATABASE IF EXISTS ${database}`);
  }
}

async function createDatabases(connection: Connection): Promise<void> {
  for (const database of schoolDatabases) {
    try {
      await connection.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ER_DB_CREATE_EXISTS') throw error;
      throw new CdcError('CDC_USAGE', `The demo server already has a database ${database}.`, {
        cause: error,
        remedy: `If it is from an earlier demo: ${schoolDatabases.map((name) => `DROP DATABASE IF EXISTS ${name};`).join(' ')}`,
      });
    }
  }
}

async function insertRows(connection: Connection, { table, columns, rows }: TableRows) {
  const insert = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ?`;
  for (let start = 0; start < rows.length; start += rowsPerInsert) {
    await connection.query(insert, [rows.slice(start, start + rowsPerInsert)]);
  }
}
