import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { type LmdbCatalog, openCatalog } from '../catalog/lmdb-catalog.ts';
import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { type ClickhouseEngine, openEngine } from '../engine/clickhouse-engine.ts';
import { CdcError } from '../errors.ts';
import { type Layers, type LayersSetup, openLayers } from '../layers/layers.ts';
import { ClickhouseSink } from '../load/clickhouse/clickhouse-sink.ts';
import { Loader } from '../load/loader.ts';
import type { Sink } from '../load/sink.ts';
import type { ChangeLog } from '../log/change-log.ts';
import { EmbeddedLog } from '../log/embedded/embedded-log.ts';
import type { Logger } from '../ops/logger.ts';
import { MysqlSource } from '../source/mysql/mysql-source.ts';
import type { Source } from '../source/source.ts';
import { streamCheckpoint } from './capture.ts';

/** The stages of one project, opened and connected: source -> log -> loader -> layers. */
export interface Stages extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly source: Source;
  readonly log: ChangeLog;
  readonly loader: Loader;
  readonly sink: Sink;
  readonly engine: ClickhouseEngine;
  readonly layers: Layers;
}

/** The only place where stages meet. `readyTables` says which ODS tables a model may be built from. */
export async function openStages(
  config: ProjectConfig,
  logger: Logger,
  readyTables: (log: ChangeLog) => Map<TableId, TableSchema>,
): Promise<Stages> {
  await mkdir(config.stateFolder, { recursive: true, mode: 0o700 });
  const opened: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(stage: T): T => {
    opened.unshift(stage);
    return stage;
  };
  const close = async () => {
    for (const stage of opened.splice(0)) await stage[Symbol.asyncDispose]();
  };
  try {
    const catalog = keep(await openCatalog(join(config.stateFolder, 'catalog')));
    const log = keep(openLog(config, catalog));
    const source = keep(
      new MysqlSource(config.source, {
        log,
        position: () => log.checkpoint<Position>(streamCheckpoint),
        project: config.folder,
        logger,
      }),
    );
    const engine = keep(
      await openEngine(config.warehouse, { stateFolder: config.stateFolder, logger }),
    );
    const sink = new ClickhouseSink(engine);
    const loader = new Loader({ log, sink, catalog, options: config.load, logger });
    const tables = () => readyTables(log);
    const layers = await openProjectLayers(config, { engine, catalog, tables, logger });
    return { catalog, source, log, sink, loader, engine, layers, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The project's change log. The catalog stays the caller's: close it after the log. */
export function openLog(config: ProjectConfig, catalog: LmdbCatalog): ChangeLog {
  if (config.log.type === 'embedded') return new EmbeddedLog(catalog, config.log);
  throw new CdcError('CDC_INTERNAL', 'log: kafka is being built.');
}

/** The layers of a project's folder over the ODS tables given. */
export function openProjectLayers(
  config: ProjectConfig,
  parts: Pick<LayersSetup, 'engine' | 'catalog' | 'tables' | 'logger'>,
): Promise<Layers> {
  const folder = join(config.folder, config.layers.folder);
  return openLayers({ ...parts, folder, options: config.layers });
}
