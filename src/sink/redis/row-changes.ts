import type { SinkTable } from '../sink-table.ts';
import type { RedisSinkOptions } from './options.ts';
import { deletedFate, type RowChange, versionText } from './row-change.ts';
import { renderEntries, renderExpiry, type TableLayout } from './table-layout.ts';
import type { TextOf } from './text-template.ts';
import type { RowTexts } from './value-form.ts';

/** A row of a batch: what happens to its key, and the texts of its columns. */
export interface ReadRow {
  readonly change: RowChange;
  readonly texts: RowTexts;
}

/** Rows of JSONCompactEachRow whose values are all texts or NULL. */
export function* readRows(
  body: readonly Buffer[],
  layout: TableLayout,
  options: Pick<RedisSinkOptions, 'prefix'>,
): Generator<ReadRow, void> {
  const { table, row, value } = layout;
  const places = placesOf(table);
  const width = table.columns.length;
  const nowMs = Date.now();
  let texts: RowTexts = [];
  const textOf: TextOf = (name) => texts[places.get(name) as number] ?? null;
  for (const line of linesOf(body)) {
    const values = JSON.parse(line) as (string | null)[];
    texts = values;
    const key = options.prefix + (row.render(textOf) as string);
    const version = versionText(values[width] as string);
    if (Number(values[width + 1]) === 1) {
      const change = { key, version, fate: deletedFate, entries: '', values: [] };
      yield { change, texts };
      continue;
    }
    const fate = renderExpiry(layout, textOf, nowMs);
    const entries = layout.indexes.length === 0 ? '' : renderEntries(layout, options, textOf);
    const change = { key, version, fate, entries, values: value.write(texts, version) };
    yield { change, texts };
  }
}

export function placesOf({ columns }: SinkTable): Map<string, number> {
  return new Map(columns.map(({ name }, at) => [name, at]));
}

/** Lines of all chunks; one may lie in several. */
function* linesOf(body: readonly Buffer[]): Generator<string, void> {
  let rest = '';
  for (const chunk of body) {
    const text = rest + chunk.toString('latin1');
    let from = 0;
    for (let to = text.indexOf('\n'); to >= 0; to = text.indexOf('\n', from)) {
      if (to > from) yield text.slice(from, to);
      from = to + 1;
    }
    rest = text.slice(from);
  }
  if (rest !== '') yield rest;
}
