import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../src/ops/logger.ts';
import { openSink } from '../src/sink/open-sink.ts';
import { sinkOptions } from '../src/sink/options.ts';
import type { Sink } from '../src/sink/sink.ts';
import type { TableCopier } from '../src/sink/table-copier.ts';
import { SinkWorld } from '../test/support/sink-world.ts';
import { engineProcess } from '../test/support/test-engine.ts';
import type { Measurement } from './bench.ts';
import { openClickhouseStore } from './sinks-clickhouse.ts';
import {
  openDeltaStore,
  openFilesStore,
  openIcebergStore,
  openParquetStore,
} from './sinks-files.ts';
import { openHiveStore } from './sinks-hive.ts';
import { openKafkaStore } from './sinks-kafka.ts';
import { openMysqlStore } from './sinks-mysql.ts';
import { openPostgresStore } from './sinks-postgres.ts';
import { openRedisStore } from './sinks-redis.ts';
import { type BenchStore, orderRows, orders, treeCpuSeconds } from './sinks-store.ts';

/** Those with a real server; doubles of Doris, Hologres and S3 would measure themselves. */
const stores: Readonly<Record<string, () => Promise<BenchStore>>> = {
  clickhouse: openClickhouseStore,
  postgres: openPostgresStore,
  mysql: openMysqlStore,
  redis: openRedisStore,
  kafka: openKafkaStore,
  parquet: openParquetStore,
  delta: openDeltaStore,
  iceberg: openIcebergStore,
  hive: openHiveStore,
  files: openFilesStore,
};

const targets: Readonly<Record<string, string>> = {
  clickhouse: '>= 500k rows/s',
  postgres: '>= 60k upserts/s',
  redis: '>= 100k keys/s',
};

const usualRows = 300_000;
const table = orders.table;
const signal = new AbortController().signal;

/**
 * Rows of the warehouse into each store, everything on the same cores: new rows first, then two of five changed and one of
 * twenty deleted. The sink writes them as in `cdc run`, and everything is compared at the end.
 */
export async function measureSinks(only: readonly string[]): Promise<Measurement[]> {
  const unknown = only.find((name) => stores[name] === undefined);
  if (unknown !== undefined) {
    throw new Error(`there is no ${unknown}; there are ${Object.keys(stores).join(', ')}`);
  }
  const measurements: Measurement[] = [];
  for (const [name, open] of Object.entries(stores)) {
    if (only.length > 0 && !only.includes(name)) continue;
    console.error(`  ${name}`);
    await using store = await open();
    measurements.push(...(await measureStore(name, store)));
  }
  return measurements;
}

async function measureStore(name: string, store: BenchStore): Promise<Measurement[]> {
  const rows = store.rows ?? usualRows;
  await using world = await SinkWorld.open();
  await world.define(orders, 'resnapshot');
  const { physical } = world.feed(table);
  await world.run(
    `INSERT INTO ${physical} SELECT *, 2000 + rowNumberInAllBlocks(), 0 FROM (${orderRows(rows)})`,
  );
  const options = sinkOptions.parse({ name: 'bench', tables: [table], ...store.options });
  const logger = createLogger({ level: 'error', output: process.stderr });
  const { engine, stateFolder } = world;
  await using sink: Sink = await openSink(options, {
    engine,
    logger,
    project: 'bench',
    stateFolder,
  });
  const copier = world.copier(table, sink, options);
  const cpu = () => cpuOf(stateFolder, store);

  const inserts = await timed(rows, cpu, () => copyAll(world, copier, 2000n + BigInt(rows)));
  const bulk = await measureBulk(store, world, rows, cpu);
  const changed = await change(world, physical, rows);
  const updates = await timed(changed, cpu, () => copyAll(world, copier, 10n ** 9n + BigInt(rows)));

  const differences = await world.differences(table, sink, options);
  if (differences.length > 0) throw new Error(`${name}: ${differences.length} rows differ`);
  const checked = `all rows compared, 0 differences`;
  const line = (what: string, { perSecond, cost }: Timed) => ({
    name: `${name}: ${what}`,
    figure: `${Math.round(perSecond / 1000)}k rows/s`,
    target: targets[name] ?? 'half of its limit',
    limit: `${store.bulkName} of as many rows: ${Math.round(bulk.perSecond / 1000)}k rows/s, ratio ${(perSecond / bulk.perSecond).toFixed(2)}; CPU a row ${cost}, there ${bulk.cost}`,
    checked,
  });
  return [
    line(`${rows.toLocaleString('en')} new rows`, inserts),
    line(`${changed.toLocaleString('en')} changed or deleted rows`, updates),
  ];
}

async function copyAll(world: SinkWorld, copier: TableCopier, readTo: bigint): Promise<void> {
  for (let isCurrent = false; !isCurrent; ) {
    ({ isCurrent } = await copier.copy(world.feed(table, readTo), signal));
  }
}

/** Returns how many rows are other ones now. */
async function change(world: SinkWorld, physical: string, rows: number): Promise<number> {
  const version = 'toUInt64(1000000000 + id) AS _version';
  await world.run(
    `INSERT INTO ${physical} SELECT * REPLACE (quantity + 1 AS quantity, concat(title, '!') AS title, ${version}) FROM ${physical} WHERE id % 5 < 2 AND id % 20 != 7`,
  );
  await world.run(
    `INSERT INTO ${physical} SELECT * REPLACE (${version}, 1 AS _deleted) FROM ${physical} WHERE id % 20 = 7`,
  );
  const [found] = await world.engine.rows<{ rows: string }>(
    `SELECT count() AS rows FROM ${physical} WHERE _version >= 1000000000`,
  );
  const changed = Number(found?.rows ?? 0);
  if (changed < rows / 3) throw new Error(`${changed} of ${rows} rows were changed`);
  return changed;
}

/** The store's own way in. */
async function measureBulk(
  store: BenchStore,
  { engine }: SinkWorld,
  rows: number,
  cpu: () => Promise<Cpu>,
): Promise<Timed> {
  const memory = '/dev/shm';
  const folder = await mkdtemp(join(existsSync(memory) ? memory : tmpdir(), 'cdc-bench-'));
  try {
    const run = await store.prepareBulk({ engine, select: orderRows(rows), folder });
    return await timed(rows, cpu, async () => {
      const there = await run();
      if (there !== rows) throw new Error(`${store.bulkName}: ${there} rows of ${rows}`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

interface Cpu {
  readonly own: number;
  readonly engine: number;
  readonly store: number;
}

async function cpuOf(stateFolder: string, { pid }: BenchStore): Promise<Cpu> {
  const { user, system } = process.cpuUsage();
  const engine = await treeCpuSeconds(engineProcess(stateFolder));
  return { own: (user + system) / 1e6, engine, store: await treeCpuSeconds(pid) };
}

interface Timed {
  readonly perSecond: number;
  readonly cost: string;
}

async function timed(
  rows: number,
  cpu: () => Promise<Cpu>,
  work: () => Promise<void>,
): Promise<Timed> {
  const before = await cpu();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await cpu();
  const aRow = (part: keyof Cpu) => (((after[part] - before[part]) / rows) * 1e6).toFixed(1);
  const cost = `${aRow('own')} us here + ${aRow('engine')} engine + ${aRow('store')} store`;
  return { perSecond: rows / seconds, cost };
}
