import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TableSchema } from '../src/change/table-schema.ts';
import { LocalServer } from '../src/demo/server/local-server.ts';
import { findMysql } from '../src/demo/server/mysql-program.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import { openEngine } from '../src/engine/clickhouse-engine.ts';
import { ClickhouseOds } from '../src/load/clickhouse/clickhouse-ods.ts';
import { createLogger } from '../src/ops/logger.ts';
import { installMysqlPackage } from '../test/support/mysql-package.ts';
import type { Measurement } from './bench.ts';
import { openBenchProject, rate } from './bench-project.ts';
import { createOrders, insertOrders } from './orders-table.ts';
import { fillWithSingleRows, readBacklog, type StreamReading } from './stream-alone.ts';

const rows = 1_000_000;
const singleRows = 200_000;
const logger = createLogger({ level: 'error', output: process.stderr });

/** What the parts reach alone, for the figures of the whole to be seen against. */
export async function measureLimits(address: ServerAddress): Promise<Measurement[]> {
  await using project = await openBenchProject(address, 'bench_limits');
  const { connection, database } = project;
  await createOrders(connection, database);
  const readings = await readBacklog(address, project, () =>
    insertOrders(connection, database, rows, 1_000),
  );
  const { schema, bytes } = readings.rows;
  return [
    largeTransactions('rows', readings.rows),
    largeTransactions('changes', readings.changes),
    ...(await measureSingleRows('MariaDB', address)),
    ...(await measureMysql()),
    await engineAlone(schema, bytes),
  ];
}

function largeTransactions(detail: string, reading: StreamReading): Measurement {
  if (reading.rows !== rows) throw new Error(`decoded ${reading.rows} rows of ${rows}`);
  return {
    name: `binlog to row bytes alone, rows of 15 columns in transactions of 1,000, detail ${detail}`,
    figure: `${rate(rows, reading.seconds)}, ${rate(rows, reading.cpuSeconds)} of CPU`,
    target: '-',
    limit: 'the server sends and the decoder works on the same 2 cores',
    checked: `${rows.toLocaleString('en')} rows counted`,
  };
}

async function measureSingleRows(server: string, address: ServerAddress): Promise<Measurement[]> {
  await using project = await openBenchProject(address, 'bench_single');
  const { connection, database } = project;
  await createOrders(connection, database);
  const readings = await readBacklog(address, project, () =>
    fillWithSingleRows(connection, database, singleRows),
  );
  return (['rows', 'changes'] as const).map((detail) => {
    const { rows: read, transactions, seconds, cpuSeconds } = readings[detail];
    // Half of them are updates, two rows each when the one before is wanted.
    const expected = detail === 'rows' ? singleRows : singleRows * 1.5;
    if (read !== expected) throw new Error(`decoded ${read} rows of ${expected}`);
    return {
      name: `binlog to row bytes alone, transactions of one row (insert, update), ${server}, detail ${detail}`,
      figure: `${perSecond(transactions, seconds)}, ${perSecond(transactions, cpuSeconds)} of CPU`,
      target: '>= 250k transactions/s on MariaDB',
      limit: 'four events a transaction on MariaDB, five on MySQL',
      checked: `${expected.toLocaleString('en')} rows counted`,
    };
  });
}

async function measureMysql(): Promise<Measurement[]> {
  // Where neither the system nor a Debian mirror has MySQL, MariaDB's figures must do.
  const program = (await findMysql()) ?? (await installMysqlPackage().catch(() => undefined));
  if (program === undefined) return [];
  await using server = await LocalServer.open(program);
  return await measureSingleRows('MySQL', server.address);
}

function perSecond(transactions: number, seconds: number): string {
  return `${Math.round(transactions / seconds / 1000)}k transactions/s`;
}

async function engineAlone(schema: TableSchema, bytes: readonly Buffer[]): Promise<Measurement> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
  try {
    await using engine = await openEngine({ type: 'embedded', port: 0 }, { stateFolder, logger });
    const ods = new ClickhouseOds(engine);
    const table = schema.table;
    await ods.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 0n });
    const startedAt = performance.now();
    // One insert of all of it, in the pieces the decoder made.
    await ods.write({ schema, rowCount: rows, chunks: bytes, token: 'bench' });
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      name: 'engine alone, the same row bytes into the ODS table',
      figure: rate(rows, seconds),
      target: '-',
      limit: 'both cores',
      checked: 'rows written = rows sent',
    };
  } finally {
    await rm(stateFolder, { recursive: true, force: true, maxRetries: 10 });
  }
}
