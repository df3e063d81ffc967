import type { Catalog } from '../catalog/catalog.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { ClickhouseEngine } from '../engine/clickhouse-engine.ts';
import { DeltaHistory } from '../layers/refresh/delta-history.ts';
import type { Logger } from '../ops/logger.ts';

const patienceMs = 10_000;

/**
 * When the layers of this process have come to rest, moves to disk what only the engine's memory has of their
 * history. Close it before the engine; an engine that does not answer any more has lost it.
 */
export class HistoryKeeper implements AsyncDisposable {
  readonly #history: DeltaHistory;
  readonly #logger: Logger;

  constructor(
    { layers }: ProjectConfig,
    parts: {
      readonly engine: ClickhouseEngine;
      readonly catalog: Catalog;
      readonly logger: Logger;
    },
  ) {
    const { engine, catalog, logger } = parts;
    this.#history = new DeltaHistory({ engine, catalog, hours: layers.historyHours });
    this.#logger = logger;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#history.keep(AbortSignal.timeout(patienceMs));
    } catch (error) {
      this.#logger.warn({ component: 'layers', error }, 'The last changes were not kept.');
    }
  }
}
