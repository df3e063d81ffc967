import { setTimeout as delay } from 'node:timers/promises';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { DeadRows } from '../../src/sink/dead-rows.ts';
import type { FeedTable } from '../../src/sink/feed.ts';
import { openLakeSink } from '../../src/sink/lake/lake-sink.ts';
import { type LakeSinkOptions, lakeSinkOptions } from '../../src/sink/lake/options.ts';
import { TableCopier } from '../../src/sink/table-copier.ts';
import { openEngineIn } from '../support/test-engine.ts';

/** What the process is told, as JSON in its argument. */
export interface LakeWriterTask {
  readonly stateFolder: string;
  readonly owner: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly feed: Omit<FeedTable, 'readTo'>;
}

/** A process that brings a table of a lake forward until it is killed; it says when it begins, and after each step how long that took. */
const task = JSON.parse(process.argv[2] ?? '{}') as LakeWriterTask;
const logger = createSilentLogger();
const { stateFolder, owner, feed } = task;
const options: LakeSinkOptions = lakeSinkOptions.parse(task.options);
const engine = await openEngineIn(stateFolder);
const sink = await openLakeSink(options, { engine, stateFolder, logger, project: 'test' });
const deadRows = new DeadRows(engine);
const copier = new TableCopier(feed.source, { sink, options, engine, owner, deadRows, logger });
process.stdout.write('0\n');
for (;;) {
  const [newest] = await engine.rows<{ version: string }>(
    `SELECT max(_version) AS version FROM ${feed.physical}`,
  );
  const readTo = BigInt(newest?.version ?? 0);
  const startedAt = performance.now();
  const step = await copier.copy({ ...feed, readTo }, new AbortController().signal);
  if (step.rows > 0) process.stdout.write(`${Math.ceil(performance.now() - startedAt)}\n`);
  if (step.isCurrent) await delay(5);
}
