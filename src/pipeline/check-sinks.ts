import { join } from 'node:path';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError, type Problem } from '../errors.ts';
import { readModels } from '../layers/model/model-file.ts';
import type { Logger } from '../ops/logger.ts';
import type { SinkOptions } from '../sink/options.ts';
import type { RowEngine } from '../sink/row-engine.ts';
import { wantsTable } from '../sink/table-plan.ts';
import { openProjectSink } from './project-sinks.ts';

/** Asks every sink's store whether it is ready, and whether there is something for each to hold. */
export async function checkSinks(
  config: ProjectConfig,
  schemas: readonly TableSchema[],
  logger: Logger,
): Promise<Problem[]> {
  const { models } = await readModels(join(config.folder, config.layers.folder));
  const sources = [...schemas.map(({ table }) => table), ...models.map(({ name }) => name)];
  const problems: Problem[] = [];
  for (const options of config.sinks) {
    problems.push(...(await checkStore(config, options, logger)));
    if (schemas.length === 0 || sources.some((source) => wantsTable(options, source))) continue;
    problems.push({
      code: 'CDC_TABLE_NOT_FOUND',
      where: `sink ${options.name}`,
      message: `no captured table and no model matches ${options.tables.join(', ')}`,
      remedy: 'Name tables (shop.orders) or models (ads.sales_daily) under `tables` of the sink.',
      severity: 'error',
    });
  }
  return problems;
}

async function checkStore(
  config: ProjectConfig,
  options: SinkOptions,
  logger: Logger,
): Promise<readonly Problem[]> {
  const where = `sink ${options.name}`;
  try {
    await using sink = await openProjectSink(config, options, { engine: noEngine, logger });
    const found = await sink.preflight();
    return found.map((problem) => ({
      ...problem,
      where: problem.where === '' ? where : `${where}, ${problem.where}`,
    }));
  } catch (error) {
    if (!(error instanceof CdcError)) throw error;
    const { code, message, remedy } = error;
    return [{ code, where, message, remedy, severity: 'error' }];
  }
}

/** A check reads no rows, so that it needs no warehouse. */
const unused = () => {
  throw new CdcError('CDC_INTERNAL', 'A check of a sink reads no rows.');
};
const noEngine: RowEngine = { command: unused, rows: unused, query: unused, insert: unused };
