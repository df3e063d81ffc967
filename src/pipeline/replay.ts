import type { TableId } from '../change/table-id.ts';
import { parseTablePatterns } from '../change/table-pattern.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import { CdcError } from '../errors.ts';
import { replayRows } from '../load/clickhouse/replay-rows.ts';
import { groupByTable } from '../load/table-operations.ts';
import { requestRebuild } from './rebuild-requests.ts';
import {
  oldestOfUse,
  type ReplayContext,
  type ReplayParts,
  rebuildReaders,
  withReplay,
} from './replay-parts.ts';
import { parseReplayPlace, rangeGone, replayRange } from './replay-range.ts';

export interface ReplayOptions extends ReplayContext {
  /** An offset of the log or a time. */
  readonly from: string;
  /** The end of what is loaded when absent. */
  readonly to?: string;
  /** Table patterns; all tables when absent. */
  readonly tables?: readonly string[];
}

export interface ReplayReport {
  /** Offsets of the log. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly tables: readonly { readonly table: TableId; readonly rows: number }[];
  /** The models that read these tables: rebuilt, or waiting for the layers to run. */
  readonly models: 'rebuilt' | 'waiting';
}

/**
 * Writes a range of the log again, rows only, and has the models over these tables rebuilt. Offsets and
 * the cut stay where they are, so it may run beside loaders; rows that are there already change nothing.
 */
export async function replayProject(
  config: ProjectConfig,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const { signal } = options;
  const [from, to] = [parseReplayPlace(options.from), options.to && parseReplayPlace(options.to)];
  return await withReplay(config, options, async (parts) => {
    const { catalog, log, loaded } = parts;
    const range = await replayRange(log, loaded, from, to || undefined);
    const matcher = options.tables && parseTablePatterns(options.tables);
    const wants = (table: TableId) => matcher?.matches(table) ?? true;
    const rows = await replay(parts, range, wants, signal);
    if (rows.size > 0) await requestRebuild(catalog, [...rows.keys()]);
    return {
      ...range,
      rows: [...rows.values()].reduce((sum, each) => sum + each, 0),
      tables: [...rows].map(([table, count]) => ({ table, rows: count })),
      models: await rebuildReaders(config, catalog, options),
    };
  });
}

/** Writes the rows of a range again; says how many of which table. */
export async function replay(
  parts: ReplayParts,
  range: { readonly from: number; readonly to: number },
  wants: (table: TableId) => boolean,
  signal: AbortSignal,
): Promise<Map<TableId, number>> {
  const { log, maxBatchBytes } = parts;
  const rows = new Map<TableId, number>();
  for (let next = range.from; next < range.to; ) {
    signal.throwIfAborted();
    const { firstOffset } = log.stats();
    if (next < firstOffset) throw rangeGone(firstOffset);
    const read = await log.read(next, maxBatchBytes, wants);
    const last = read.at(-1);
    if (last === undefined) break;
    next = last.next;
    const entries = read.filter(({ offset }) => offset < range.to);
    for (const [table, operations] of groupByTable(entries, new Map())) {
      for (const operation of operations) {
        if (operation.kind !== 'rows') continue;
        const { rowCount, chunks, layout, schemaVersion } = operation;
        const schema = log.schema(table, schemaVersion);
        if (schema === undefined) throw schemaLost(table, schemaVersion);
        const load = { schema, rowCount, chunks, ...(layout && { layout }) };
        await replayRows(parts, load, oldestOfUse(parts, table));
        rows.set(table, (rows.get(table) ?? 0) + rowCount);
      }
    }
  }
  return rows;
}

function schemaLost(table: TableId, version: string): CdcError {
  return new CdcError(
    'CDC_LOG_CORRUPT',
    `Replaying ${table}: the log has rows of schema version ${version}, but not the schema.`,
    { details: { table, version } },
  );
}
