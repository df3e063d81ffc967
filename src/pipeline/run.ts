import { versionOf } from '../change/position.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { streamCheckpoint } from './capture.ts';
import { Pipeline } from './pipeline.ts';
import { assertSourceReady } from './preflight.ts';
import { prepareModels } from './prepare-models.ts';
import type { StatusReport } from './status.ts';
import type { Cut } from './warehouse.ts';

export interface RunOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Stop when everything committed before the start is visible in every layer. */
  readonly untilCurrent?: boolean;
  readonly onProgress?: (status: StatusReport) => void;
}

export interface RunReport {
  readonly current: boolean;
  readonly status: StatusReport;
}

/** Follows the source until the signal aborts (a clean stop) or, on request, until it is current. */
export async function runProject(config: ProjectConfig, options: RunOptions): Promise<RunReport> {
  await using pipeline = await Pipeline.open(config, { logger: options.logger });
  const { source, log } = pipeline.stages;
  if (log.checkpoint(streamCheckpoint) === undefined) {
    throw new CdcError(
      'CDC_NOT_INITIALIZED',
      `Running ${config.name}: no snapshot has been taken.`,
    );
  }
  await assertSourceReady(source);
  await prepareModels(pipeline.stages);
  const target = versionOf((await source.endPosition()).position);
  const isCurrent = (cut: Cut) => versionOf(cut.position) >= target;
  const timer = setInterval(() => options.onProgress?.(pipeline.status()), 1_000);
  const current = await pipeline
    .run(options.signal, options.untilCurrent === true ? isCurrent : undefined)
    .finally(() => clearInterval(timer));
  return { current, status: pipeline.status() };
}
