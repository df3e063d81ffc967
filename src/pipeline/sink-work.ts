import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { openCatalog } from '../catalog/lmdb-catalog.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { type ClickhouseEngine, openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { DeadRows } from '../sink/dead-rows.ts';
import type { FeedTable } from '../sink/feed.ts';
import type { SinkOptions } from '../sink/options.ts';
import type { Sink } from '../sink/sink.ts';
import { TableCopier } from '../sink/table-copier.ts';
import { wantsTable } from '../sink/table-plan.ts';
import { withHeldCut } from './control.ts';
import { openLog } from './open-log.ts';
import { copyingParts, findSink, openProjectSink } from './project-sinks.ts';
import { findRunner } from './roles.ts';
import { WarehouseFeed } from './sink-feed.ts';

/** What a command works on one sink with, beside whatever runs. */
export interface SinkWork {
  readonly options: SinkOptions;
  readonly sink: Sink;
  readonly engine: ClickhouseEngine;
  readonly catalog: Catalog;
  readonly deadRows: DeadRows;
  readonly feed: WarehouseFeed;
  /** The tables of the feed that the sink wants, of those that the patterns name. Throws CDC_TABLE_NOT_FOUND for none. */
  tables(patterns: readonly string[] | undefined, signal: AbortSignal): Promise<FeedTable[]>;
  copier(source: string): TableCopier;
  /** Does something while models stand still at the published cut; sinks go on. */
  atHeldCut<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Opens warehouse and sink for a command. Throws CDC_NOT_INITIALIZED when nothing was published yet. */
export async function withSink<T>(
  config: ProjectConfig,
  name: string,
  logger: Logger,
  work: (parts: SinkWork) => Promise<T>,
): Promise<T> {
  const options = findSink(config, name);
  const { stateFolder } = config;
  await using catalog = await openCatalog(join(stateFolder, 'catalog'));
  await using engine = await openEngine(config.warehouse, { stateFolder, logger });
  await using log = await openLog(config, catalog, logger);
  await using sink = await openProjectSink(config, options, { engine, logger });
  const feed = new WarehouseFeed({ engine, catalog, log });
  if (feed.cut() === undefined) {
    throw new CdcError('CDC_NOT_INITIALIZED', `Opening ${name}: no snapshot has been published.`);
  }
  const copying = await copyingParts({ engine, catalog, logger });
  return await work({
    ...{ options, sink, engine, catalog, feed, deadRows: copying.deadRows },
    copier: (source) => new TableCopier(source, { ...copying, sink, options }),
    atHeldCut: (action, signal) =>
      findRunner(config, 'layers') === undefined ? action() : withHeldCut(catalog, signal, action),
    tables: async (patterns, signal) => {
      const wanted = (await feed.tables(signal)).filter(({ source }) =>
        wantsTable(options, source),
      );
      if (patterns === undefined) return wanted;
      const matcher = parseTablePatterns(patterns);
      const found = wanted.filter(({ source }) => matcher.matches(source));
      if (found.length > 0) return found;
      const which = patterns.join(', ');
      throw new CdcError('CDC_TABLE_NOT_FOUND', `${name}: none of its tables matches ${which}.`);
    },
  });
}
