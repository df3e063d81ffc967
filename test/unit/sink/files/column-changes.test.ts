import { expect, test } from 'vitest';
import { changesOf } from '../../../../src/sink/files/column-changes.ts';
import { withColumns } from '../../../../src/sink/files/manifest.ts';
import { sinkColumn, sinkTable } from '../clickhouse/sink-table-builder.ts';

const base = sinkTable();
const manifest = withColumns(undefined, base, { owner: 'me', keep: false });
const [shop, id, paid] = base.columns;
if (shop === undefined || id === undefined || paid === undefined) throw new Error('no columns');
const city = sinkColumn('city', { kind: 'string' });

test('a manifest that fits its table needs nothing', () => {
  expect(changesOf(manifest, base, true)).toEqual([]);
  expect(changesOf(undefined, base, true)).toEqual(['create the folder of orders']);
});

test('columns that come, change and go are said one by one, and kept when they are to stay', () => {
  const wider = sinkColumn('id', { kind: 'int', bits: 64, unsigned: false }, { isKey: true });
  const table = sinkTable({ columns: [shop, wider, city] });
  const said = ['column id is Int64 from now on', 'add column city'];
  expect(changesOf(manifest, table, true)).toEqual([...said, 'drop column paid']);
  expect(changesOf(manifest, table, false)).toEqual(said);
  const kept = withColumns(manifest, table, { owner: 'me', keep: true });
  expect(kept.columns.map(({ name }) => name)).toEqual(['shop', 'id', 'city', 'paid']);
  const dropped = withColumns(manifest, table, { owner: 'me', keep: false });
  expect(dropped.columns.map(({ name }) => name)).toEqual(['shop', 'id', 'city']);
});

test('another key, or a key whose text would be another one, cannot be followed', () => {
  expect(() => changesOf(manifest, sinkTable({ key: ['id'] }), true)).toThrow(
    'its key in the files is (shop, id) and is to be (id).',
  );
  const text = sinkColumn('id', { kind: 'string' }, { isKey: true });
  expect(() => changesOf(manifest, sinkTable({ columns: [shop, text, paid] }), true)).toThrow(
    'its key column id is Int32 in the files and cannot become String.',
  );
});
