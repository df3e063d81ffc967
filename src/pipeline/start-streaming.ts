import { renderPosition } from '../change/position.ts';
import type { Logger } from '../ops/logger.ts';
import { streamCheckpoint } from './capture-state.ts';
import type { CaptureStages } from './compose.ts';

/** Fixes the first stream position before anything is read, so that nothing committed from then on is missed. */
export async function startStreaming(stages: CaptureStages, logger: Logger): Promise<void> {
  const { log, source } = stages;
  if (log.checkpoint(streamCheckpoint) !== undefined) return;
  const position = await source.currentPosition();
  await log.append([], { checkpoints: { [streamCheckpoint]: position } });
  logger.info({ position: renderPosition(position) }, 'Streaming starts here.');
}
