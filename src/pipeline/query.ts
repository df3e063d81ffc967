import type { ProjectConfig } from '../config/project-config.ts';
import { openEngine } from '../engine/clickhouse-engine.ts';
import type { Logger } from '../ops/logger.ts';

/** Reads the warehouse, beside a running `cdc run` or alone. */
export interface WarehouseQuery extends AsyncDisposable {
  /** Runs one statement; yields its result in `format`, a ClickHouse format name, as it arrives. */
  query(sql: string, format: string, signal?: AbortSignal): AsyncIterable<Buffer>;
  /** How another ClickHouse client gets in. */
  readonly address: { readonly url: string; readonly user: string };
}

export async function openQuery(config: ProjectConfig, logger: Logger): Promise<WarehouseQuery> {
  const engine = await openEngine(config.warehouse, { stateFolder: config.stateFolder, logger });
  return {
    query: (sql, format, signal) => engine.query(sql, { format, ...(signal && { signal }) }),
    address: engine.address,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
