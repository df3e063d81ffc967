import type { SchemaSection, SweepSection, TruncateSection } from '../change/change-batch.ts';
import type { Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { FeedEntry } from './change-feed.ts';

/** What has to be done to one table, in this order. */
export type TableOperation = RowsOperation | BarrierOperation;

/** Rows of one schema version that may go in one write. */
export interface RowsOperation {
  readonly kind: 'rows';
  readonly schemaVersion: string;
  readonly rowCount: number;
  readonly chunks: readonly Buffer[];
}

export type BarrierOperation = SchemaSection | TruncateSection | SweepSection;

/**
 * Gathers the sections of some log entries per table. Rows between two barriers of a table, or two
 * schema versions, become one operation. The same entries give the same operations every time.
 *
 * `truncatedAt` holds the newest truncate of each table and is kept up to date. A sweep deletes up to
 * it as well: a chunk read before the truncate may have been appended after it, and nothing but the
 * rows then present was deleted by it.
 */
export function groupByTable(
  entries: readonly FeedEntry[],
  truncatedAt: Map<TableId, Version>,
): Map<TableId, TableOperation[]> {
  const tables = new Map<TableId, (OpenRows | BarrierOperation)[]>();
  for (const section of entries.flatMap(({ batch }) => batch.sections)) {
    const operations = tables.get(section.table) ?? [];
    tables.set(section.table, operations);
    if (section.kind !== 'rows') {
      const version = larger(section.version, truncatedAt.get(section.table) ?? 0n);
      if (section.kind === 'truncate') truncatedAt.set(section.table, version);
      operations.push(section.kind === 'sweep' ? { ...section, version } : section);
      continue;
    }
    const { schemaVersion, rowCount, bytes } = section;
    const last = operations.at(-1);
    if (last?.kind === 'rows' && last.schemaVersion === schemaVersion) {
      last.chunks.push(bytes);
      last.rowCount += rowCount;
    } else {
      operations.push({ kind: 'rows', schemaVersion, rowCount, chunks: [bytes] });
    }
  }
  return tables;
}

/** Rows that more may be added to. */
interface OpenRows extends RowsOperation {
  rowCount: number;
  readonly chunks: Buffer[];
}

function larger(left: Version, right: Version): Version {
  return left > right ? left : right;
}

export function countRows(operations: readonly TableOperation[]): number {
  return operations.reduce((sum, each) => sum + (each.kind === 'rows' ? each.rowCount : 0), 0);
}
