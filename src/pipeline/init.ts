import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { Capture } from './capture.ts';
import { CaptureRole } from './capture-role.ts';
import { resetSnapshots } from './capture-state.ts';
import { assertLogReady } from './check-log.ts';
import type { CaptureStages } from './compose.ts';
import { openRouter } from './open-router.ts';
import { Pipeline } from './pipeline.ts';
import { assertSourceReady } from './preflight.ts';
import { prepareModels } from './prepare-models.ts';
import { restartHistory } from './restart.ts';
import type { StatusReport } from './status.ts';

export interface InitOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Table patterns: read these anew; the others are left as they are. */
  readonly tables?: readonly string[];
  /** Forget the stream position and every snapshot: after lost binlogs or a new server. */
  readonly restart?: boolean;
  /** Fill the log only; loaders and layers take it from there. */
  readonly only?: 'capture';
  readonly onProgress?: (progress: InitProgress) => void;
}

export interface InitProgress {
  readonly phase: 'snapshot' | 'catchup' | 'layers';
  readonly tablesDone: number;
  readonly tables: number;
  readonly rows: number;
  readonly rowsExpected: number;
  readonly rowsPerSecond: number;
  readonly secondsLeft: number | null;
}

export interface InitReport {
  readonly tables: number;
  readonly rows: number;
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly status: StatusReport;
}

/** The full snapshot into ODS and the first build of the layers; goes on where it was interrupted. */
export async function initProject(
  config: ProjectConfig,
  options: InitOptions,
): Promise<InitReport> {
  const startedAt = performance.now();
  const { logger, signal } = options;
  const matcher = options.tables && parseTablePatterns(options.tables);
  const router = openRouter(config);
  const only = (table: TableId) =>
    matcher === undefined || matcher.matches(table) || matcher.matches(router.tableOf(table));
  await using worker = await openWorker(config, logger, only, options.only);
  const tables = await prepare(config, worker, options, only);
  const progress = await ProgressMeter.open(worker, tables);
  const timer = setInterval(() => options.onProgress?.(progress.read()), 200);
  const isComplete = await worker.finish(signal).finally(() => clearInterval(timer));
  options.onProgress?.(progress.read());
  const status = worker.status();
  return {
    tables: tables.length,
    // What topics hold comes through the stream.
    rows: config.source.type === 'kafka' ? status.rows.total : progress.read().rows,
    seconds: (performance.now() - startedAt) / 1000,
    interrupted: !isComplete,
    status,
  };
}

/** What takes the snapshot: the whole pipeline, or the capture alone. */
interface Worker extends AsyncDisposable {
  readonly stages: CaptureStages;
  readonly capture: Capture;
  /** Everything in the log is loaded, as far as that is this process's work. */
  isLoaded(): boolean;
  /** Resolves to whether the snapshot is complete. */
  finish(signal: AbortSignal): Promise<boolean>;
  status(): StatusReport;
}

async function openWorker(
  config: ProjectConfig,
  logger: Logger,
  only: (table: TableId) => boolean,
  role: InitOptions['only'],
): Promise<Worker> {
  if (role === 'capture') {
    const opened = await CaptureRole.open(config, { logger, only });
    const { stages, capture } = opened;
    const isComplete = async () => (await capture.missingTables()).length === 0;
    return {
      stages,
      capture,
      isLoaded: () => true,
      finish: (signal) => opened.run(signal, isComplete),
      status: () => opened.status(),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  }
  const pipeline = await Pipeline.open(config, { logger, only });
  const { stages, capture } = pipeline;
  return {
    stages,
    capture,
    isLoaded: () => stages.loader.offset() >= stages.log.end(),
    finish: async (signal) => {
      await prepareModels(stages);
      return await pipeline.run(signal, () => true);
    },
    status: () => pipeline.status(),
    [Symbol.asyncDispose]: () => pipeline[Symbol.asyncDispose](),
  };
}

/** Looks whether it can be done, and forgets what is to be read anew; the tables to read. */
async function prepare(
  config: ProjectConfig,
  { stages, capture }: Worker,
  options: InitOptions,
  only: (table: TableId) => boolean,
): Promise<TableId[]> {
  const { source, log } = stages;
  await assertSourceReady(source);
  const sources = await source.tables();
  await assertLogReady(config, sources, options.logger);
  const tables = sources.map(({ table }) => table).filter(only);
  if (tables.length === 0) {
    throw new CdcError(
      'CDC_TABLE_NOT_FOUND',
      `Taking the snapshot: no captured table matches ${(options.tables ?? namedTables(config)).join(', ')}.`,
    );
  }
  await capture.noteLostTopics();
  if (options.restart === true) await restartHistory(stages);
  else if (options.tables !== undefined) await resetSnapshots(log, only);
  return tables;
}

function namedTables({ source }: ProjectConfig): readonly string[] {
  return source.type === 'mysql' ? source.tables : source.tables.map(({ table }) => table);
}

/** Rows of the tables at hand, against what the server's statistics promise. */
class ProgressMeter {
  readonly #worker: Worker;
  readonly #expected: ReadonlyMap<TableId, number>;
  readonly #startedAt = performance.now();
  readonly #rowsBefore: number;

  static async open(worker: Worker, tables: readonly TableId[]): Promise<ProgressMeter> {
    const { source } = worker.stages;
    const estimates = tables.map(
      async (table) => [table, await source.estimateRows(table)] as const,
    );
    return new ProgressMeter(worker, new Map(await Promise.all(estimates)));
  }

  private constructor(worker: Worker, expected: ReadonlyMap<TableId, number>) {
    this.#worker = worker;
    this.#expected = expected;
    this.#rowsBefore = this.#sum().rows;
  }

  read(): InitProgress {
    const { rows, rowsExpected, tablesDone } = this.#sum();
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const rowsPerSecond = Math.round((rows - this.#rowsBefore) / Math.max(seconds, 0.001));
    const left = Math.max(0, rowsExpected - rows);
    const isReading = tablesDone < this.#expected.size;
    const isLoading = !this.#worker.isLoaded();
    return {
      phase: isReading ? 'snapshot' : isLoading ? 'catchup' : 'layers',
      tablesDone,
      tables: this.#expected.size,
      rows,
      rowsExpected,
      rowsPerSecond,
      secondsLeft: rowsPerSecond > 0 ? left / rowsPerSecond : null,
    };
  }

  #sum(): { rows: number; rowsExpected: number; tablesDone: number } {
    let rows = 0;
    let rowsExpected = 0;
    let tablesDone = 0;
    for (const [table, estimate] of this.#expected) {
      const snapshot = this.#worker.capture.snapshotOf(table);
      const read = snapshot?.rows ?? 0;
      rows += read;
      rowsExpected += snapshot?.done ? read : Math.max(read, estimate);
      if (snapshot?.done) tablesDone++;
    }
    return { rows, rowsExpected, tablesDone };
  }
}
