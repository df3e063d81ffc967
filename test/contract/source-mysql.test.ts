import type { RowDataPacket } from 'mysql2';
import type { TableId } from '../../src/change/table-id.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { MysqlSource } from '../../src/source/mysql/mysql-source.ts';
import { mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { describeEachServer, type ServerFlavour } from '../support/test-server.ts';
import { ReplicaState } from './replica-state.ts';
import { type Change, type Detail, describeSource, type SourceHarness } from './source.ts';

/** The smallest that the options allow. */
const chunkRows = 100;

async function open(flavour: ServerFlavour, detail: Detail): Promise<SourceHarness> {
  const database = await openTestDatabase(flavour);
  const { connection, name, options } = database;
  const tables = [`${name}.orders`, `${name}.students`] as const;
  for (const table of tables) {
    await connection.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, name varchar(40), amount decimal(10,2) NOT NULL)`,
    );
  }
  const reader = new ReplicaState();
  const { host, port, user, password } = options;
  const source = new MysqlSource(
    mysqlSourceOptions.parse({
      ...{ type: 'mysql', host, port, user, password },
      tables: [`${name}.*`],
      snapshot: { chunkRows },
      heartbeatSeconds: 0.5,
    }),
    { project: name, logger: createSilentLogger(), log: reader, detail },
  );
  return {
    source,
    chunkRows,
    reader,
    tables,
    async commit(changes) {
      await connection.beginTransaction();
      for (const [sql, values] of statements(changes)) await connection.query(sql, values);
      await connection.commit();
    },
    async truncate(table) {
      await connection.query(`TRUNCATE TABLE ${table}`);
    },
    async addNote(table) {
      await connection.query(`ALTER TABLE ${table} ADD COLUMN note varchar(40)`);
    },
    async rows(table) {
      const [rows] = await connection.query<RowDataPacket[]>(`SELECT * FROM ${table} ORDER BY id`);
      return rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([column, value]) => [
            column,
            value === null ? null : String(value),
          ]),
        ),
      );
    },
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Inserts into one table that follow one another become one statement. */
function statements(changes: readonly Change[]): [string, unknown[]][] {
  const list: [string, unknown[]][] = [];
  let inserting: { table: TableId; rows: unknown[][] } | undefined;
  for (const change of changes) {
    if (change.kind === 'insert') {
      const row = [change.row.id, change.row.name, change.row.amount];
      if (inserting?.table === change.table) {
        inserting.rows.push(row);
      } else {
        inserting = { table: change.table, rows: [row] };
        list.push([`INSERT INTO ${change.table} (id, name, amount) VALUES ?`, [inserting.rows]]);
      }
      continue;
    }
    inserting = undefined;
    if (change.kind === 'update') {
      list.push([`UPDATE ${change.table} SET ? WHERE id = ?`, [change.row, change.id]]);
    } else {
      list.push([`DELETE FROM ${change.table} WHERE id = ?`, [change.id]]);
    }
  }
  return list;
}

describeEachServer('source', (flavour) => {
  describeSource(flavour, (detail) => open(flavour, detail));
});
