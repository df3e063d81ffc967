import { hasReached, type Position } from '../change/position.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { CaptureRole } from './capture-role.ts';
import { streamCheckpoint } from './capture-state.ts';
import { assertLogReady } from './check-log.ts';
import { LayersRole } from './layers-role.ts';
import { LoadRole } from './load-role.ts';
import { Pipeline } from './pipeline.ts';
import { assertSourceReady } from './preflight.ts';
import { prepareModels } from './prepare-models.ts';
import type { Role } from './roles.ts';
import { SinksRole } from './sinks-role.ts';
import type { StatusReport } from './status.ts';
import type { Cut } from './warehouse.ts';

export interface RunOptions {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** One part of the work; everything when absent. */
  readonly only?: Role;
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
  const { only, untilCurrent } = options;
  if (only === undefined) return await runAll(config, options);
  if (untilCurrent === true && only !== 'capture') {
    throw new CdcError(
      'CDC_USAGE',
      `--until-current with --only ${only}: only the capture knows where the source ends.`,
      { remedy: 'Leave one of the two out.' },
    );
  }
  if (only === 'capture') return await runCapture(config, options);
  const { logger, signal } = options;
  if (only === 'load' || only === 'sinks') {
    await using role = await (only === 'load' ? LoadRole : SinksRole).open(config, logger);
    return await following(role, options, async () => {
      await role.run(signal);
      return false;
    });
  }
  await using role = await LayersRole.open(config, logger);
  return await following(role, options, () => role.run(signal));
}

async function runAll(config: ProjectConfig, options: RunOptions): Promise<RunReport> {
  await using pipeline = await Pipeline.open(config, { logger: options.logger });
  const { source, log } = pipeline.stages;
  assertInitialized(config, log.checkpoint(streamCheckpoint));
  await assertSourceReady(source);
  await assertLogReady(config, await source.tables(), options.logger);
  await prepareModels(pipeline.stages);
  const target = (await source.endPosition()).position;
  const isCurrent = (cut: Cut) => hasReached(cut.position, target);
  const isEnough = options.untilCurrent === true ? isCurrent : undefined;
  return await following(pipeline, options, () => pipeline.run(options.signal, isEnough));
}

async function runCapture(config: ProjectConfig, options: RunOptions): Promise<RunReport> {
  await using role = await CaptureRole.open(config, { logger: options.logger });
  const { source, log } = role.stages;
  assertInitialized(config, log.checkpoint(streamCheckpoint));
  await assertSourceReady(source);
  await assertLogReady(config, await source.tables(), options.logger);
  const target = (await source.endPosition()).position;
  const isCurrent = async () => {
    const streamed = log.checkpoint<Position>(streamCheckpoint);
    if (streamed === undefined || !hasReached(streamed, target)) return false;
    return (await role.capture.missingTables()).length === 0;
  };
  const isEnough = options.untilCurrent === true ? isCurrent : undefined;
  return await following(role, options, () => role.run(options.signal, isEnough));
}

/** Shows progress while the work goes on; the work says whether it ended because it was current. */
async function following(
  worker: { status(): StatusReport },
  { onProgress }: RunOptions,
  work: () => Promise<boolean>,
): Promise<RunReport> {
  const timer = setInterval(() => onProgress?.(worker.status()), 1_000);
  const current = await work().finally(() => clearInterval(timer));
  return { current, status: worker.status() };
}

function assertInitialized(config: ProjectConfig, position: unknown): void {
  if (position !== undefined) return;
  throw new CdcError('CDC_NOT_INITIALIZED', `Running ${config.name}: no snapshot has been taken.`);
}
