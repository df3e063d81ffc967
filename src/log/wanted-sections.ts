import type { ChangeBatch } from '../change/change-batch.ts';
import type { TableId } from '../change/table-id.ts';

/** Leaves out the sections of tables that are not wanted; the batch keeps its place and everything else. */
export function onlyWanted(
  batch: ChangeBatch,
  wants: ((table: TableId) => boolean) | undefined,
): ChangeBatch {
  if (wants === undefined) return batch;
  const sections = batch.sections.filter(({ table }) => wants(table));
  return sections.length === batch.sections.length ? batch : { ...batch, sections };
}

/** Bytes of rows and messages in a batch. */
export function sectionBytes(batch: ChangeBatch): number {
  return batch.sections.reduce(
    (sum, section) => sum + ('bytes' in section ? section.bytes.length : 0),
    0,
  );
}
