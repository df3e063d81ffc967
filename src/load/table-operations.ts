import {
  type SchemaSection,
  type SweepSection,
  scopeOf,
  type TruncateSection,
} from '../change/change-batch.ts';
import type { MessageLayout } from '../change/message-layout.ts';
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
  /** Present: the chunks are lines of messages. */
  readonly layout?: MessageLayout;
}

export type BarrierOperation = SchemaSection | TruncateSection | SweepSection;

/**
 * Gathers the sections of some log entries per table. Rows between two barriers of a table, or two
 * schema versions, become one operation. The same entries give the same operations every time.
 *
 * `truncatedAt` holds the newest truncate of each table, or of the rows in it that a truncate was limited
 * to (by `scopeOf`), and is kept up to date. A sweep deletes up to it as well: a chunk read before the truncate may have been appended after it, and nothing but the
 * rows then present was deleted by it.
 */
export function groupByTable(
  entries: readonly FeedEntry[],
  truncatedAt: Map<string, Version>,
): Map<TableId, TableOperation[]> {
  const tables = new Map<TableId, (OpenRows | BarrierOperation)[]>();
  for (const section of entries.flatMap(({ batch }) => batch.sections)) {
    const operations = tables.get(section.table) ?? [];
    tables.set(section.table, operations);
    if (section.kind !== 'rows' && section.kind !== 'messages') {
      const scope = scopeOf(section.kind === 'schema' ? { table: section.table } : section);
      const version = larger(section.version, truncatedAt.get(scope) ?? 0n);
      if (section.kind === 'truncate') truncatedAt.set(scope, version);
      operations.push(section.kind === 'sweep' ? { ...section, version } : section);
      continue;
    }
    const { schemaVersion, rowCount, bytes } = section;
    const layout = section.kind === 'messages' ? section.layout : undefined;
    const last = operations.at(-1);
    if (
      last?.kind === 'rows' &&
      last.schemaVersion === schemaVersion &&
      isSame(last.layout, layout)
    ) {
      last.chunks.push(bytes);
      last.rowCount += rowCount;
    } else {
      const chunks = [bytes];
      operations.push({ kind: 'rows', schemaVersion, rowCount, chunks, ...(layout && { layout }) });
    }
  }
  return tables;
}

/** Rows that more may be added to. */
interface OpenRows extends RowsOperation {
  rowCount: number;
  readonly chunks: Buffer[];
}

function isSame(left: MessageLayout | undefined, right: MessageLayout | undefined): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

function larger(left: Version, right: Version): Version {
  return left > right ? left : right;
}

export function countRows(operations: readonly TableOperation[]): number {
  return operations.reduce((sum, each) => sum + (each.kind === 'rows' ? each.rowCount : 0), 0);
}
