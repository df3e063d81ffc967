import { expect, test } from 'vitest';
import { versionOf } from '../../../../src/change/position.ts';
import { decodeRows } from '../../../../src/change/row-codec.ts';
import type { TableSchema } from '../../../../src/change/table-schema.ts';
import { MemorySource } from '../../../../src/source/memory/memory-source.ts';
import type { StreamItem } from '../../../../src/source/source.ts';

const schema: TableSchema = {
  table: 'd.t',
  version: 'v',
  key: ['id'],
  columns: [
    { name: 'id', type: { kind: 'year' }, nullable: false, sourceType: 'year' },
    { name: 'n', type: { kind: 'year' }, nullable: false, sourceType: 'year' },
  ],
};

test('parts of a large transaction share a mark and never cut an update', async () => {
  const source = new MemorySource({ detail: 'changes', partRows: 3 });
  source.createTable(schema);
  const from = await source.currentPosition();
  const ids = [1, 2, 3, 4];
  source.commit(ids.map((id) => ({ insert: 'd.t', row: { id, n: 0 } })));
  const end = source.commit(ids.map((id) => ({ update: 'd.t', row: { id, n: 1 } })));
  const stop = new AbortController();
  const items: StreamItem[] = [];
  for await (const item of source.stream(from, stop.signal)) {
    items.push(item);
    if (item.batch.position.offset === end.offset && !item.open) stop.abort();
  }
  const parts = items.filter(({ batch }) => batch.position.offset === end.offset);
  expect(parts.map(({ open }) => open)).toEqual([true, false]);
  const marks = parts.flatMap(({ batch }) => batch.marks ?? []);
  expect(marks).toHaveLength(2);
  expect(new Set(marks.map(({ id }) => id)).size).toBe(1);
  expect(marks.map((mark) => mark.end)).toEqual([versionOf(end), versionOf(end)]);
  for (const { batch } of parts) {
    const rows = batch.sections.flatMap((section) =>
      section.kind === 'rows' ? decodeRows(schema, section.bytes) : [],
    );
    expect(rows.map(({ isBefore }) => isBefore)).toEqual([true, undefined, true, undefined]);
    expect(rows[0]?.values[0]).toBe(rows[1]?.values[0]);
  }
});
