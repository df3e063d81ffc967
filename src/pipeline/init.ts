import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { resetSnapshots } from './capture.ts';
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
  const matcher = options.tables && parseTablePatterns(options.tables);
  const only = (table: TableId) => matcher?.matches(table) ?? true;
  await using pipeline = await Pipeline.open(config, { logger: options.logger, only });
  const { source, log, loader } = pipeline.stages;
  await assertSourceReady(source);
  const tables = (await source.tables()).map(({ table }) => table).filter(only);
  if (tables.length === 0) {
    throw new CdcError(
      'CDC_TABLE_NOT_FOUND',
      `Taking the snapshot: no captured table matches ${(options.tables ?? config.source.tables).join(', ')}.`,
    );
  }
  if (options.restart === true) await restartHistory(pipeline.stages);
  else if (options.tables !== undefined) await resetSnapshots(log, options.tables);
  if (options.restart === true || options.tables !== undefined) await loader.release(tables);
  await prepareModels(pipeline.stages);
  const progress = await ProgressMeter.open(pipeline, tables);
  const timer = setInterval(() => options.onProgress?.(progress.read()), 200);
  const isComplete = await pipeline
    .run(options.signal, () => true)
    .finally(() => clearInterval(timer));
  options.onProgress?.(progress.read());
  return {
    tables: tables.length,
    rows: progress.read().rows,
    seconds: (performance.now() - startedAt) / 1000,
    interrupted: !isComplete,
    status: pipeline.status(),
  };
}

/** Rows of the tables at hand, against what the server's statistics promise. */
class ProgressMeter {
  readonly #pipeline: Pipeline;
  readonly #expected: ReadonlyMap<TableId, number>;
  readonly #startedAt = performance.now();
  readonly #rowsBefore: number;

  static async open(pipeline: Pipeline, tables: readonly TableId[]): Promise<ProgressMeter> {
    const { source } = pipeline.stages;
    const estimates = tables.map(
      async (table) => [table, await source.estimateRows(table)] as const,
    );
    return new ProgressMeter(pipeline, new Map(await Promise.all(estimates)));
  }

  private constructor(pipeline: Pipeline, expected: ReadonlyMap<TableId, number>) {
    this.#pipeline = pipeline;
    this.#expected = expected;
    this.#rowsBefore = this.#sum().rows;
  }

  read(): InitProgress {
    const { rows, rowsExpected, tablesDone } = this.#sum();
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const rowsPerSecond = Math.round((rows - this.#rowsBefore) / Math.max(seconds, 0.001));
    const left = Math.max(0, rowsExpected - rows);
    const isReading = tablesDone < this.#expected.size;
    const isLoading = this.#pipeline.stages.loader.offset() < this.#pipeline.stages.log.end();
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
      const snapshot = this.#pipeline.capture.snapshotOf(table);
      const read = snapshot?.rows ?? 0;
      rows += read;
      rowsExpected += snapshot?.done ? read : Math.max(read, estimate);
      if (snapshot?.done) tablesDone++;
    }
    return { rows, rowsExpected, tablesDone };
  }
}
