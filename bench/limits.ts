import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { comparePositions } from '../src/change/position.ts';
import type { TableSchema } from '../src/change/table-schema.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import { openEngine } from '../src/engine/clickhouse-engine.ts';
import { ClickhouseSink } from '../src/load/clickhouse/clickhouse-sink.ts';
import { createLogger } from '../src/ops/logger.ts';
import { MysqlSource } from '../src/source/mysql/mysql-source.ts';
import { mysqlSourceOptions } from '../src/source/mysql/options.ts';
import type { Measurement } from './bench.ts';
import { openBenchProject, rate } from './bench-project.ts';
import { createOrders, insertOrders } from './orders-table.ts';

const rows = 1_000_000;
const logger = createLogger({ level: 'error', output: process.stderr });

/** What the parts reach alone, for the figures of the whole to be seen against. */
export async function measureLimits(address: ServerAddress): Promise<Measurement[]> {
  await using project = await openBenchProject(address, 'bench_limits');
  await createOrders(project.connection, project.database);
  const { host, port, user } = address;
  const options = mysqlSourceOptions.parse({
    type: 'mysql',
    host,
    port,
    user,
    password: address.password.reveal(),
    tables: [`${project.database}.*`],
  });
  const schemas = new Map<string, TableSchema>();
  const log = { schemas: () => schemas };
  await using source = new MysqlSource(options, { project: project.folder, logger, log });
  for (const schema of await source.tables()) schemas.set(schema.table, schema);
  const from = await source.currentPosition();
  await insertOrders(project.connection, project.database, rows, 1_000);
  const { position: end } = await source.endPosition(from);

  const bytes: Buffer[] = [];
  let decoded = 0;
  const stop = new AbortController();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  for await (const { batch } of source.stream(from, stop.signal)) {
    for (const section of batch.sections) {
      if (section.kind !== 'rows') continue;
      decoded += section.rowCount;
      bytes.push(section.bytes);
    }
    if (comparePositions(batch.position, end) >= 0) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  if (decoded !== rows) throw new Error(`decoded ${decoded} rows of ${rows}`);
  const engine = await engineAlone([...schemas.values()][0] as TableSchema, bytes);
  return [
    {
      name: 'binlog decoder alone, rows of 15 columns to row bytes',
      figure: `${rate(rows, seconds)}, ${rate(rows, (cpu.user + cpu.system) / 1e6)} of CPU`,
      target: '-',
      limit: 'the server sends and the decoder works on the same 2 cores',
      checked: `${rows.toLocaleString('en')} rows counted`,
    },
    engine,
  ];
}

async function engineAlone(schema: TableSchema, bytes: readonly Buffer[]): Promise<Measurement> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
  try {
    await using engine = await openEngine({ type: 'embedded', port: 0 }, { stateFolder, logger });
    const sink = new ClickhouseSink(engine);
    const table = schema.table;
    await sink.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 0n });
    const startedAt = performance.now();
    // One insert of all of it, in the pieces the decoder made.
    await sink.write({ schema, rowCount: rows, chunks: bytes, token: 'bench' });
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
