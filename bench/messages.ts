// npx tsx bench/messages.ts [rows]: lines of messages into the embedded engine, through its HTTP server.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageLayout } from '../src/change/message-layout.ts';
import { MessageLines } from '../src/change/message-line.ts';
import type { ColumnType, TableSchema } from '../src/change/table-schema.ts';
import { openEngine } from '../src/engine/clickhouse-engine.ts';
import { readEngineRecord } from '../src/engine/engine-file.ts';
import { ClickhouseOds } from '../src/load/clickhouse/clickhouse-ods.ts';
import { createLogger } from '../src/ops/logger.ts';

/** As many as the loader sends at once by default, of Debezium's messages. */
const rowsPerLoad = 40_000;
const rows = Number(process.argv[2] ?? 400_000);

const int = (bits: 16 | 32 | 64, unsigned = false): ColumnType => ({ kind: 'int', bits, unsigned });
const text: ColumnType = { kind: 'string' };
const types: Readonly<Record<string, ColumnType>> = {
  id: int(64, true),
  user_id: int(64),
  course_id: int(32),
  amount: { kind: 'decimal', precision: 12, scale: 2 },
  discount: { kind: 'decimal', precision: 8, scale: 2 },
  status: text,
  channel: text,
  city: text,
  remark: text,
  created_at: { kind: 'datetime', fsp: 0 },
  updated_at: { kind: 'timestamp', fsp: 3 },
  quantity: int(16),
};

function schemaOf(table: string): TableSchema {
  const columns = Object.entries(types).map(([name, type]) => ({
    ...{ name, type, nullable: name === 'discount' || name === 'city', sourceType: type.kind },
  }));
  return { table, version: '1', columns, key: ['id'], arrival: true };
}

const createdAt = 1_767_225_600_000;

function rowOf(i: number, times: { created_at: unknown; updated_at: unknown }) {
  return {
    id: i,
    user_id: (i * 7) % 100_000,
    course_id: i % 500,
    amount: `${i % 10_000}.25`,
    discount: i % 3 === 0 ? null : `${i % 100}.00`,
    status: 'paid',
    channel: `channel-${i % 20}`,
    city: i % 5 === 0 ? null : `city number ${i % 300}`,
    remark: `remark of order ${i}`,
    ...times,
    quantity: i % 9,
  };
}

const serverTime = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** Messages of 784 bytes as Debezium 3.5 writes them, and the same rows of the others. */
const makers: Readonly<Record<string, (i: number) => unknown>> = {
  debezium: (i) => ({
    before: null,
    after: rowOf(i, { created_at: createdAt + i * 1000, updated_at: '2026-06-01T00:00:00.123Z' }),
    source: {
      ...{ version: '3.5.0.Final', connector: 'mariadb', name: 'shop', ts_ms: createdAt },
      ...{ snapshot: 'false', db: 'shop_main_database', sequence: null, ts_us: createdAt * 1000 },
      ...{
        ts_ns: `${createdAt}000000`,
        table: 'orders_of_courses',
        server_id: 1,
        gtid: `0-1-${i}`,
      },
      ...{ file: 'mysql-bin.000003', pos: 4 + i * 300, row: 0, thread: 12, query: null },
    },
    ...{ transaction: null, op: 'c', ts_ms: createdAt, ts_us: createdAt * 1000 },
    ts_ns: `${createdAt}000000`,
  }),
  maxwell: (i) => ({
    ...{ database: 'shop', table: 'orders', type: 'insert', ts: 1_767_225_600, xid: i },
    ...{ commit: true, position: `mysql-bin.000003:${4 + i * 300}` },
    data: rowOf(i, {
      created_at: serverTime(createdAt + i * 1000),
      updated_at: '2026-06-01 00:00:00.123',
    }),
  }),
  canal: (i) => {
    const row = rowOf(i, {
      created_at: serverTime(createdAt + i * 1000),
      updated_at: '2026-06-01 00:00:00.123',
    });
    const texts = Object.entries(row).map(([name, value]) => [name, value && String(value)]);
    return {
      data: [{ ...Object.fromEntries(texts), id: String(i), quantity: String(i % 9) }],
      ...{ database: 'shop', es: createdAt, id: i, isDdl: false, old: null, pkNames: ['id'] },
      mysqlType: { id: 'bigint unsigned', user_id: 'bigint', course_id: 'int', status: 'varchar' },
      ...{ sql: '', table: 'orders', ts: createdAt, type: 'INSERT' },
    };
  },
};

const layouts: Readonly<Record<string, MessageLayout>> = {
  debezium: { format: 'debezium', version: 'binlog' },
  maxwell: { format: 'maxwell', version: 'line' },
  canal: { format: 'canal', version: 'line' },
};

const stateFolder = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
try {
  const logger = createLogger({ level: 'error', output: process.stderr });
  await using engine = await openEngine({ type: 'embedded', port: 0 }, { stateFolder, logger });
  const ods = new ClickhouseOds(engine);
  for (const [name, make] of Object.entries(makers)) {
    const schema = schemaOf(`bench.${name}`);
    const { table } = schema;
    await ods.applySchema({ kind: 'schema', table, schema, existingRows: 'keep', version: 1n });
    const lines = new MessageLines();
    let bytes = 0;
    const loads: { rowCount: number; bytes: Buffer }[] = [];
    for (let i = 0; i < rows; i++) {
      const value = Buffer.from(JSON.stringify(make(i)));
      bytes += value.length;
      lines.add({ partition: 0, offset: i, timestampMs: createdAt, value }, '"bench"', `${i}`, 1);
      if (lines.count === rowsPerLoad || i === rows - 1) loads.push(lines.take());
    }
    const layout = layouts[name] as MessageLayout;
    const cpuBefore = process.cpuUsage();
    const engineBefore = await engineSeconds();
    const startedAt = performance.now();
    for (const [index, load] of loads.entries()) {
      const token = `${name} ${index}`;
      await ods.write({
        ...{ schema, layout, token },
        rowCount: load.rowCount,
        chunks: [load.bytes],
      });
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const engineCpu = ((await engineSeconds()) - engineBefore) * 1e6;
    const [found] = await engine.rows<{ n: string; s: string }>(
      `SELECT count() AS n, sum(id) AS s FROM bench.${name}`,
    );
    if (Number(found?.n) !== rows || Number(found?.s) !== (rows * (rows - 1)) / 2) {
      throw new Error(`${name}: ${JSON.stringify(found)}`);
    }
    const perSecond = Math.round(rows / seconds).toLocaleString('en');
    const own = (cpu.user + cpu.system) / rows;
    console.log(
      `${name}: ${perSecond} rows/s, ${Math.round(bytes / rows)} bytes a message; ` +
        `CPU a row: ${own.toFixed(2)} us here, ${(engineCpu / rows).toFixed(2)} us in the engine's process`,
    );
    const small = await latencyOf(async (each) => {
      const load = loads[0] as { bytes: Buffer };
      const line = load.bytes.subarray(0, load.bytes.indexOf(10) + 1);
      await ods.write({ schema, layout, token: `small ${each}`, rowCount: 1, chunks: [line] });
    });
    console.log(`${name}: ${small.toFixed(1)} ms for one message`);
  }
} finally {
  await rm(stateFolder, { recursive: true, force: true, maxRetries: 10 });
}

/** CPU time of the engine's process, staging and merges included. */
async function engineSeconds(): Promise<number> {
  const stat = await readFile(`/proc/${readEngineRecord(stateFolder)?.pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) / 100;
}

async function latencyOf(work: (each: number) => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let each = 0; each < 30; each++) {
    const startedAt = performance.now();
    await work(each);
    times.push(performance.now() - startedAt);
  }
  return times.sort((left, right) => left - right)[15] as number;
}
