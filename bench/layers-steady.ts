import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';
import { loadProject } from '../src/config/load-project.ts';
import type { ProjectConfig } from '../src/config/project-config.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import { type ClickhouseEngine, openEngine } from '../src/engine/clickhouse-engine.ts';
import { createLogger } from '../src/ops/logger.ts';
import { initProject } from '../src/pipeline/init.ts';
import { Pipeline } from '../src/pipeline/pipeline.ts';
import { verifyProject } from '../src/pipeline/verify.ts';
import { engineProcess } from '../test/support/test-engine.ts';
import type { Measurement } from './bench.ts';
import { type BenchProject, openBenchProject } from './bench-project.ts';
import { schoolModels } from './layers-school.ts';
import { SchoolWriter } from './layers-writer.ts';
import { treeCpuSeconds } from './sinks-store.ts';

const seconds = 30;
const warmUpMs = 5_000;
const database = 'school';
const never = new AbortController().signal;
const logger = createLogger({ level: 'error', output: process.stderr });

const loads = [
  { perSecond: 1_000, target: 'p99 < 1 s' },
  { perSecond: 10_000, target: 'p99 < 3 s' },
] as const;

interface Sample {
  readonly changesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly probes: number;
  /** Seconds of CPU in a second of time. */
  readonly engineCpu: number;
  readonly checked: string;
}

/**
 * MariaDB -> ODS -> the three layers under a steady load, freshness from the commit to the last layer; and the same SELECTs as
 * the engine's own refreshable materialized views over the same ODS tables.
 */
export async function measureSteady(address: ServerAddress): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const { perSecond, target } of loads) {
    const ours = await underLoad(address, perSecond, 'layers');
    const views = await underLoad(address, perSecond, 'views');
    const cost = ({ engineCpu }: Sample) => `${engineCpu.toFixed(2)} cores of the engine`;
    measurements.push({
      name: `steady load through MariaDB, ${Math.round(ours.changesPerSecond).toLocaleString('en')} changes/s (half new, half of the last month), ${SchoolWriter.orders.toLocaleString('en')} facts, three layers, ${seconds} s`,
      figure: `p50 ${ours.p50Ms} ms, p99 ${ours.p99Ms} ms`,
      target,
      limit: `${cost(ours)}; refreshable views of the same SELECTs (EVERY 1 SECOND) at ${Math.round(views.changesPerSecond).toLocaleString('en')} changes/s: p50 ${views.p50Ms} ms, p99 ${views.p99Ms} ms, ${cost(views)}`,
      checked: `${ours.probes} probes; ${ours.checked}; views: ${views.checked}`,
    });
  }
  return measurements;
}

async function underLoad(
  address: ServerAddress,
  perSecond: number,
  way: 'layers' | 'views',
): Promise<Sample> {
  await using project = await openBenchProject(address, database);
  await SchoolWriter.fill(project.connection, database);
  if (way === 'layers') await writeModels(project.folder);
  const config = await loadProject({
    file: join(project.folder, 'cdc.yaml'),
    currentFolder: project.folder,
    environment: process.env,
  });
  await initProject(config, { logger, signal: never });
  await using engine = await openEngine(config.warehouse, {
    stateFolder: config.stateFolder,
    logger,
  });
  const { host, port, user } = address;
  const password = address.password.reveal();
  const connection = await createConnection({ host, port, user, password, database });
  try {
    const writer = new SchoolWriter(connection, database, perSecond);
    return await measure({ config, engine, project, writer, way });
  } finally {
    await connection.end();
  }
}

interface Setting {
  readonly config: ProjectConfig;
  readonly engine: ClickhouseEngine;
  readonly project: BenchProject;
  readonly writer: SchoolWriter;
  readonly way: 'layers' | 'views';
}

async function measure({ config, engine, project, writer, way }: Setting): Promise<Sample> {
  const stop = new AbortController();
  const reader = way === 'layers' ? 'ads.teacher_month' : 'views.teacher_month';
  const measured = await (async () => {
    await using pipeline = await Pipeline.open(config, { logger });
    const running = pipeline.run(stop.signal);
    try {
      const probe = new MarkerProbe(project.connection, engine, reader);
      if (way === 'views') await createViews(engine);
      await probe.ready();
      const stopWriting = new AbortController();
      const writing = writer.run(stopWriting.signal);
      await delay(warmUpMs);
      const before = { written: writer.written, cpu: await engineCpu(config) };
      const startedAt = performance.now();
      const work = [probe.run(seconds * 1_000), writing, running.then(() => undefined)] as const;
      const probes = await Promise.race(work);
      const elapsed = (performance.now() - startedAt) / 1_000;
      const cpu = ((await engineCpu(config)) - before.cpu) / elapsed;
      const changesPerSecond = (writer.written - before.written) / elapsed;
      stopWriting.abort();
      await writing;
      if (probes === undefined) throw new Error('the load has ended early');
      const checked = way === 'views' ? await checkViews(engine, writer, probe) : '';
      return { ...probes, changesPerSecond, engineCpu: cpu, checked };
    } finally {
      stop.abort();
      await running;
    }
  })();
  if (way === 'views') return measured;
  const verified = await verifyProject(config, { logger, signal: never });
  if (!verified.ok) throw new Error(`verify found differences: ${JSON.stringify(verified.layers)}`);
  return { ...measured, checked: 'verify: 0 differences in source, ODS and layers' };
}

function engineCpu({ stateFolder }: ProjectConfig): Promise<number> {
  return treeCpuSeconds(engineProcess(stateFolder));
}

async function writeModels(folder: string): Promise<void> {
  for (const [name, sql] of Object.entries(schoolModels)) {
    const file = join(folder, 'layers', `${name.replace('.', '/')}.sql`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, sql);
  }
}

/** The models as the engine itself would keep them: each SELECT anew, as often as it can. */
async function createViews(engine: ClickhouseEngine): Promise<void> {
  await engine.command('CREATE DATABASE views');
  let before = '';
  for (const [name, sql] of Object.entries(schoolModels)) {
    const view = name.replace(/^\w+/, 'views');
    const select = sql.replace(/^--.*\n/, '').replaceAll(/\b(dwd|dws)\.(?=\w)/g, 'views.');
    const after = before === '' ? '' : ` DEPENDS ON ${before}`;
    await engine.command(
      `CREATE MATERIALIZED VIEW ${view} REFRESH EVERY 1 SECOND${after} ENGINE = MergeTree ORDER BY tuple() AS ${select}
SETTINGS join_use_nulls = 1, prefer_column_name_to_alias = 1`,
    );
    before = view;
  }
}

async function checkViews(
  engine: ClickhouseEngine,
  writer: SchoolWriter,
  probe: MarkerProbe,
): Promise<string> {
  await probe.ready();
  const sums = async (from: string, amount: string, orders: string) => {
    const sql = `SELECT toString(sum(${amount})) AS amount, toString(${orders}) AS orders FROM ${from}`;
    const [row] = await engine.rows(sql);
    return JSON.stringify(row);
  };
  const views = await sums('views.teacher_month', 'amount', 'sum(orders)');
  const source = await sums('school.orders', 'amount', 'count()');
  if (views !== source)
    throw new Error(`views ${views}, source ${source}, ${writer.written} changes`);
  return 'sums equal';
}

/**
 * One order of a teacher of its own carries a growing number: the time from its commit until the last layer shows it is the
 * freshness. Looked at every 50 ms.
 */
class MarkerProbe {
  readonly #connection: Connection;
  readonly #engine: ClickhouseEngine;
  readonly #table: string;
  #marker = 0;

  constructor(connection: Connection, engine: ClickhouseEngine, table: string) {
    this.#connection = connection;
    this.#engine = engine;
    this.#table = table;
  }

  /** Resolves when a marker written now is shown. */
  async ready(): Promise<void> {
    const marker = await this.#write();
    const deadline = performance.now() + 120_000;
    while ((await this.#shown()) < marker) {
      if (performance.now() > deadline) throw new Error(`${this.#table} never shows the probe`);
      await delay(100);
    }
  }

  async run(ms: number): Promise<Pick<Sample, 'p50Ms' | 'p99Ms' | 'probes'>> {
    const waiting: { marker: number; at: number }[] = [];
    const samples: number[] = [];
    const until = performance.now() + ms;
    while (performance.now() < until || waiting.length > 0) {
      if (performance.now() < until) {
        const at = performance.now();
        waiting.push({ marker: await this.#write(), at });
      }
      const shown = await this.#shown();
      while (waiting[0] !== undefined && waiting[0].marker <= shown) {
        samples.push(performance.now() - waiting[0].at);
        waiting.shift();
      }
      await delay(50);
    }
    samples.sort((left, right) => left - right);
    const at = (share: number) => Math.round(samples[Math.floor(samples.length * share)] ?? 0);
    return { p50Ms: at(0.5), p99Ms: at(0.99), probes: samples.length };
  }

  async #write(): Promise<number> {
    this.#marker += 1;
    await this.#connection.query(
      `UPDATE ${database}.orders SET amount = ${this.#marker} WHERE id = ${SchoolWriter.probeOrder}`,
    );
    return this.#marker;
  }

  async #shown(): Promise<number> {
    const sql = `SELECT toString(sum(amount)) AS amount FROM ${this.#table} WHERE teacher_id = ${SchoolWriter.probeTeacher}`;
    const rows = await this.#engine.rows<{ amount: string }>(sql).catch(() => []);
    return Number(rows[0]?.amount ?? 0);
  }
}
