import type { ModelRecord } from '../layer-state.ts';
import { modelOf } from '../layer-state.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { ModelFile } from '../model/model-file.ts';
import { settingPairs } from '../model/table-settings.ts';
import { isUnsupported, readSelect, type SelectText } from '../text/select-text.ts';
import { canonicalSql, parseSql } from '../text/sql-parser.ts';
import { renderSpan, type Span } from '../text/sql-text.ts';

/**
 * What has changed between the text that a model was built from and its text now, in words: `filter`, `new column at the end:
 * city`, `key`, or that it is not the text but something it reads.
 */
export function describeChange(before: ModelRecord, { model }: CompiledModel): string {
  const old = modelOf(before);
  const [oldSql, newSql] = [parseSql(old.sql), parseSql(model.sql)];
  const parts: string[] = [];
  if ((old.header.key ?? []).join() !== (model.header.key ?? []).join()) parts.push('key');
  if (settingsOf(old) !== settingsOf(model)) parts.push('settings');
  if (canonicalSql(oldSql) !== canonicalSql(newSql)) {
    const [from, to] = [readSelect(oldSql), readSelect(newSql)];
    if (isUnsupported(from) || isUnsupported(to)) parts.push('query');
    else parts.push(...describeSelects(from, to));
  }
  if (parts.length > 0) return parts.join(', ');
  if (before.error !== undefined) return 'it had stopped';
  return 'something it reads';
}

function settingsOf({ header }: ModelFile): string {
  return JSON.stringify(settingPairs(header.settings));
}

function describeSelects(from: SelectText, to: SelectText): string[] {
  const [old, now] = [from.items.map(itemOf(from)), to.items.map(itemOf(to))];
  const parts: string[] = [];
  const isLonger = now.length > old.length && old.every((text, index) => now[index] === text);
  const missing = old.filter((text) => !now.includes(text));
  if (isLonger) parts.push(`new at the end: ${nameItems(to.items.slice(old.length), to)}`);
  else if (old.join() !== now.join()) {
    parts.push(missing.length === 0 ? 'new columns, or another order' : 'columns');
  }
  const clauses: [string, (select: SelectText) => readonly (Span | undefined)[]][] = [
    ['relations or joins', ({ from: span }) => [span]],
    ['filter', ({ where }) => [where]],
    ['grouping', ({ groupBy }) => groupBy],
    ['filter of groups', ({ having }) => [having]],
  ];
  for (const [name, spansOf] of clauses) {
    const texts = [from, to].map((select) => spansOf(select).map((span) => textOf(select, span)));
    if (texts[0]?.join(';') !== texts[1]?.join(';')) parts.push(name);
  }
  return parts.length === 0 ? ['query'] : parts;
}

function itemOf(select: SelectText): (span: Span) => string {
  return (span) => textOf(select, span);
}

function nameItems(items: SelectText['items'], select: SelectText): string {
  return items.map((item) => item.alias ?? textOf(select, item)).join(', ');
}

function textOf({ parsed }: SelectText, span: Span | undefined): string {
  return span === undefined ? '' : canonicalSql(parseSql(renderSpan(parsed.sql, span)));
}
