import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../src/catalog/catalog.ts';
import { MemoryCatalog } from '../src/catalog/memory-catalog.ts';
import { type ClickhouseEngine, openEngine } from '../src/engine/clickhouse-engine.ts';
import type { EmbeddedEngineOptions } from '../src/engine/options.ts';
import { type Layers, openLayers, type RefreshReport } from '../src/layers/layers.ts';
import { layersOptions } from '../src/layers/options.ts';
import { currentBuild } from '../src/layers/published-models.ts';
import type { SqlEngine, StatementOptions } from '../src/layers/sql-engine.ts';
import { ClickhouseOds } from '../src/load/clickhouse/clickhouse-ods.ts';
import { physicalTable } from '../src/load/clickhouse/ddl.ts';
import { createSilentLogger } from '../src/ops/logger.ts';
import { endEngine, engineProcess } from '../test/support/test-engine.ts';
import {
  fullSize,
  type SchoolSize,
  type SchoolTable,
  schoolRows,
  schoolTables,
} from './layers-school.ts';
import { treeCpuSeconds } from './sinks-store.ts';

/** One statement of the layers. */
export interface TimedStatement {
  readonly sql: string;
  readonly ms: number;
}

/** What some work cost. */
export interface Cost {
  readonly ms: number;
  /** Of it, time in which a statement was running. */
  readonly engineMs: number;
  readonly engineCpuMs: number;
  readonly rowsRead: number;
  readonly statements: readonly TimedStatement[];
}

const studentsPerLate = 2_000;
const never = new AbortController().signal;

/** The layers over the engine as it is shipped, in a process of its own; rows are written straight into ODS. */
export class BenchLayers implements AsyncDisposable {
  readonly engine: ClickhouseEngine;
  readonly layers: Layers;
  readonly #catalog: Catalog;
  readonly #folder: string;
  readonly #timed: TimedEngine;
  #size = fullSize;
  #version = 1_000n;
  #published = { version: 1_000n, build: 0 };
  readonly #touched = new Set<string>();

  private constructor(parts: {
    catalog: Catalog;
    folder: string;
    engine: ClickhouseEngine;
    timed: TimedEngine;
    layers: Layers;
  }) {
    this.#catalog = parts.catalog;
    this.#folder = parts.folder;
    this.engine = parts.engine;
    this.#timed = parts.timed;
    this.layers = parts.layers;
  }

  static async open(
    models: Readonly<Record<string, string>>,
    engineOptions: Partial<EmbeddedEngineOptions> = {},
  ): Promise<BenchLayers> {
    const folder = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
    const logger = createSilentLogger();
    const options = { type: 'embedded', port: 0, ...engineOptions } as const;
    const engine = await openEngine(options, { stateFolder: folder, logger });
    const ods = new ClickhouseOds(engine);
    for (const schema of schoolTables) {
      const { table } = schema;
      const section = { kind: 'schema', table, schema, existingRows: 'keep', version: 1n } as const;
      await ods.applySchema(section);
    }
    for (const [name, sql] of Object.entries(models)) {
      const file = join(folder, 'layers', `${name.replace('.', '/')}.sql`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, sql);
    }
    const timed = new TimedEngine(engine);
    const catalog = new MemoryCatalog();
    const layers = await openLayers({
      engine: timed,
      catalog,
      folder: join(folder, 'layers'),
      options: layersOptions.parse({}),
      tables: () => new Map(schoolTables.map((schema) => [schema.table, schema])),
      logger,
    });
    return new BenchLayers({ catalog, folder, engine, timed, layers });
  }

  /** Fills all tables; for each of `late` rounds one of 2,000 students is left out. */
  async fill(size: SchoolSize, late = 0): Promise<void> {
    this.#size = size;
    const counts: Readonly<Record<SchoolTable, number>> = {
      'school.students': size.students,
      'school.teachers': size.teachers,
      'school.courses': size.courses,
      'school.orders': size.orders,
    };
    for (const schema of schoolTables) {
      const table = schema.table as SchoolTable;
      const isLate = table === 'school.students' ? ` WHERE id % ${studentsPerLate} >= ${late}` : '';
      const rows = `SELECT ${schoolRows[table](size)} FROM numbers(${counts[table]})`;
      await this.write(table, `SELECT * FROM (${rows})${isLate}`);
    }
    this.#published = { version: this.#version, build: 0 };
    this.#touched.clear();
  }

  /** The students that `fill` has left out for this round (from 1). */
  writeLateStudents(round: number): Promise<number> {
    const rows = `SELECT ${schoolRows['school.students'](this.#size)} FROM numbers(${this.#size.students})`;
    const isLate = `id % ${studentsPerLate} = ${round - 1}`;
    return this.write('school.students', `SELECT * FROM (${rows}) WHERE ${isLate}`);
  }

  /** Writes the rows of a SELECT as one step of the source. */
  async write(table: SchoolTable, select: string): Promise<number> {
    this.#version += 1n;
    this.#touched.add(table);
    const { writtenRows } = await this.engine.command(
      `INSERT INTO ${physicalTable(table)} SELECT *, ${this.#version}, 0 FROM (${select})`,
    );
    return writtenRows;
  }

  /** Current rows of a table with some columns replaced, as rows for `write`. */
  changed(table: SchoolTable, replace: string, where: string): string {
    return `SELECT * EXCEPT (_version, _deleted) REPLACE (${replace}) FROM ${physicalTable(table)} FINAL WHERE ${where}`;
  }

  /** Brings the models to what was written; with `isWhole` also those that a job beside the flow is left to. */
  async refresh({ isWhole = false } = {}): Promise<RefreshReport> {
    const tables = new Set(this.#touched);
    const cut = { from: this.#published, to: this.#version, tables, isWhole };
    const report = await this.layers.refresh(cut, never);
    this.#published = { version: cut.to, build: currentBuild(this.#catalog) };
    this.#touched.clear();
    return report;
  }

  /** Resolves when what the layers have asked for in the background is done. */
  async settled(): Promise<void> {
    const running = 'SELECT 1 AS running FROM system.mutations WHERE NOT is_done LIMIT 1';
    while ((await this.engine.rows(running)).length > 0) await delay(200);
  }

  rebuild(): Promise<void> {
    return this.layers.rebuild(new Set(schoolTables.map(({ table }) => table)), never);
  }

  /** Throws when a model differs from its SELECT recomputed in full; returns how many rows were compared. */
  async check(): Promise<number> {
    const compared = await this.layers.verify(never);
    const wrong = compared.filter(({ differences }) => differences > 0);
    if (wrong.length > 0) throw new Error(`layers are wrong: ${JSON.stringify(wrong)}`);
    return compared.reduce((sum, { rows }) => sum + rows, 0);
  }

  async measure<T>(work: () => Promise<T>): Promise<{ cost: Cost; result: T }> {
    const before = await this.#counters();
    this.#timed.reset();
    const startedAt = performance.now();
    const result = await work();
    const ms = performance.now() - startedAt;
    const { busyMs: engineMs, statements } = this.#timed;
    const after = await this.#counters();
    const engineCpuMs = (after.cpuSeconds - before.cpuSeconds) * 1000;
    const rowsRead = after.rowsRead - before.rowsRead;
    return { cost: { ms, engineMs, engineCpuMs, rowsRead, statements }, result };
  }

  engineCpuSeconds(): Promise<number> {
    return treeCpuSeconds(engineProcess(this.#folder));
  }

  /** The most memory the engine's process ever had, in bytes; `reset` begins anew. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${engineProcess(this.#folder)}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }

  async resetPeakMemory(): Promise<void> {
    await writeFile(`/proc/${engineProcess(this.#folder)}/clear_refs`, '5');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    await endEngine(this.#folder);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  async #counters(): Promise<{ rowsRead: number; cpuSeconds: number }> {
    const [row] = await this.engine.rows<{ value: string }>(
      "SELECT value FROM system.events WHERE event = 'SelectedRows'",
    );
    return { rowsRead: Number(row?.value ?? 0), cpuSeconds: await this.engineCpuSeconds() };
  }
}

/** Takes the time of every statement. */
class TimedEngine implements SqlEngine {
  readonly #engine: ClickhouseEngine;
  #statements: TimedStatement[] = [];
  #running = 0;
  #busySince = 0;
  #busyMs = 0;

  constructor(engine: ClickhouseEngine) {
    this.#engine = engine;
  }

  /** Time in which at least one statement was running. */
  get busyMs(): number {
    return this.#busyMs;
  }

  get statements(): readonly TimedStatement[] {
    return [...this.#statements];
  }

  reset(): void {
    this.#statements = [];
    this.#busyMs = 0;
  }

  command(sql: string, options?: StatementOptions): Promise<{ readonly writtenRows: number }> {
    return this.#time(sql, () => this.#engine.command(sql, options));
  }

  rows<T = Record<string, unknown>>(sql: string, options?: StatementOptions): Promise<T[]> {
    return this.#time(sql, () => this.#engine.rows<T>(sql, options));
  }

  async #time<T>(sql: string, run: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    if (this.#running === 0) this.#busySince = startedAt;
    this.#running += 1;
    try {
      return await run();
    } finally {
      const endedAt = performance.now();
      this.#running -= 1;
      if (this.#running === 0) this.#busyMs += endedAt - this.#busySince;
      this.#statements.push({ sql, ms: endedAt - startedAt });
    }
  }
}
