import type { ChangeBatch, RowsSection, Section } from '../../change/change-batch.ts';
import type { Position } from '../../change/position.ts';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { StreamItem } from '../source.ts';

export function rowsSection(schema: TableSchema, rowCount: number, bytes: Buffer): RowsSection {
  const { table, version: schemaVersion } = schema;
  return { kind: 'rows', table, schemaVersion, rowCount, bytes };
}

export function batchOf(
  origin: ChangeBatch['origin'],
  sections: readonly Section[],
  position: Position,
): ChangeBatch {
  const now = Date.now();
  return { origin, sections, position, transactions: 0, committedAtMs: now, receivedAtMs: now };
}

/** A transaction as the sections of parts of at least `partRows` rows; a change is never cut. */
export function inParts(
  changes: readonly (readonly Section[])[],
  partRows: number,
): (readonly Section[])[] {
  const parts: Section[][] = [[]];
  for (const change of changes) {
    if ((parts.at(-1)?.length ?? 0) >= partRows) parts.push([]);
    parts.at(-1)?.push(...change);
  }
  return parts.map(mergeNeighbours);
}

/** Rows of one table that follow one another become one section. */
function mergeNeighbours(sections: readonly Section[]): Section[] {
  const merged: Section[] = [];
  for (const section of sections) {
    const last = merged.at(-1);
    if (
      last?.kind === 'rows' &&
      section.kind === 'rows' &&
      last.table === section.table &&
      last.schemaVersion === section.schemaVersion
    ) {
      merged[merged.length - 1] = {
        ...last,
        rowCount: last.rowCount + section.rowCount,
        bytes: Buffer.concat([last.bytes, section.bytes]),
      };
    } else {
      merged.push(section);
    }
  }
  return merged;
}

export function without(item: StreamItem, excluded: ReadonlySet<TableId>): StreamItem {
  if (excluded.size === 0) return item;
  const sections = item.batch.sections.filter(({ table }) => !excluded.has(table));
  return { ...item, batch: { ...item.batch, sections } };
}
