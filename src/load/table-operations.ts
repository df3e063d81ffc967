import type { SchemaSection, SweepSection, TruncateSection } from '../change/change-batch.ts';
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
 */
export function groupByTable(entries: readonly FeedEntry[]): Map<TableId, TableOperation[]> {
  const tables = new Map<TableId, (OpenRows | BarrierOperation)[]>();
  for (const section of entries.flatMap(({ batch }) => batch.sections)) {
    const operations = tables.get(section.table) ?? [];
    tables.set(section.table, operations);
    if (section.kind !== 'rows') {
      operations.push(section);
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

export function countRows(operations: readonly TableOperation[]): number {
  return operations.reduce((sum, each) => sum + (each.kind === 'rows' ? each.rowCount : 0), 0);
}
