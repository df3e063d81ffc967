import type { Connection } from 'mysql2/promise';
import { comparePositions, type Position } from '../src/change/position.ts';
import type { TableSchema } from '../src/change/table-schema.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import { createLogger } from '../src/ops/logger.ts';
import { MysqlSource } from '../src/source/mysql/mysql-source.ts';
import { mysqlSourceOptions } from '../src/source/mysql/options.ts';
import type { BenchProject } from './bench-project.ts';

/** What one reading of a backlog through the source alone took. */
export interface StreamReading {
  readonly rows: number;
  readonly transactions: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly schema: TableSchema;
  readonly bytes: readonly Buffer[];
}

/** Lets `fill` write a backlog, and reads it in each detail; the second reading counts, by then the code is compiled. */
export async function readBacklog(
  address: ServerAddress,
  project: BenchProject,
  fill: () => Promise<void>,
): Promise<Readonly<Record<'rows' | 'changes', StreamReading>>> {
  await using probe = openSource(address, project, 'rows', new Map());
  const schemas = new Map((await probe.tables()).map((schema) => [schema.table, schema]));
  const from = await probe.currentPosition();
  await fill();
  const { position: end } = await probe.endPosition();
  const read = async (detail: 'rows' | 'changes') => {
    await using source = openSource(address, project, detail, schemas);
    await readOnce(source, from, end, schemas);
    return await readOnce(source, from, end, schemas);
  };
  return { rows: await read('rows'), changes: await read('changes') };
}

function openSource(
  address: ServerAddress,
  project: BenchProject,
  detail: 'rows' | 'changes',
  schemas: ReadonlyMap<string, TableSchema>,
): MysqlSource {
  const { host, port, user } = address;
  const password = address.password.reveal();
  const tables = [`${project.database}.*`];
  return new MysqlSource(
    mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables }),
    {
      project: project.folder,
      logger: createLogger({ level: 'error', output: process.stderr }),
      log: { schemas: () => schemas },
      detail,
    },
  );
}

async function readOnce(
  source: MysqlSource,
  from: Position,
  end: Position,
  schemas: ReadonlyMap<string, TableSchema>,
): Promise<StreamReading> {
  const [schema] = schemas.values();
  if (schema === undefined) throw new Error('there is no table to read');
  const bytes: Buffer[] = [];
  let rows = 0;
  let transactions = 0;
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  for await (const { batch } of source.stream(from, new AbortController().signal)) {
    transactions += batch.transactions;
    for (const section of batch.sections) {
      if (section.kind !== 'rows') continue;
      rows += section.rowCount;
      bytes.push(section.bytes);
    }
    if (comparePositions(batch.position, end) >= 0) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  return { rows, transactions, seconds, cpuSeconds, schema, bytes };
}

/** `count` transactions of one row: inserts, and an update of such a row after each. */
export async function fillWithSingleRows(
  connection: Connection,
  database: string,
  count: number,
): Promise<void> {
  await connection.query(`CREATE PROCEDURE ${database}.fill(IN last INT) BEGIN
    DECLARE s INT DEFAULT 1;
    WHILE s <= last DO
      INSERT INTO ${database}.orders
        (user_id, course_id, amount, discount, status, channel, city, remark, day, created_at, paid_at, updated_at, quantity, flag)
        VALUES (s * 7 % 100000, s % 500, s % 10000 + 0.25, IF(s % 3, s % 100, NULL), ELT(s % 3 + 1, 'new', 'paid', 'refunded'),
          CONCAT('channel-', s % 20), IF(s % 5, CONCAT('city number ', s % 300), NULL), CONCAT('remark of order ', s),
          DATE '2026-01-01' + INTERVAL (s % 300) DAY, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL s SECOND,
          IF(s % 4, TIMESTAMP '2026-01-02 00:00:00' + INTERVAL s SECOND, NULL), TIMESTAMP '2026-06-01 00:00:00.123', s % 9, s % 2);
      UPDATE ${database}.orders SET amount = amount + 1, remark = CONCAT('changed ', s) WHERE id = s;
      SET s = s + 1;
    END WHILE;
  END`);
  await connection.query(`CALL ${database}.fill(?)`, [count / 2]);
}
