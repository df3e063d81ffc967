import { incompatibleTable } from '../sink-errors.ts';
import type { SinkColumn, SinkTable } from '../sink-table.ts';
import { textOfBytes } from './byte-text.ts';
import { parseMoment } from './moment-text.ts';
import type { RedisSinkOptions, RedisTableSettings } from './options.ts';
import { scalarForm } from './scalar-form.ts';
import { type TextOf, TextTemplate } from './text-template.ts';
import { type ValueForm, valueFormOf } from './value-form.ts';

/** Keys may be looked at as paths, glob patterns and lines of tabs; values must not change what they say. */
const reservedInKeys =
  ':{}\x00\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f';

export interface IndexLayout {
  readonly key: TextTemplate;
  /** Undefined: the row's key. */
  readonly member: TextTemplate | undefined;
  readonly score: SinkColumn | undefined;
}

/** How the rows of one table lie in Redis. Templates are without the sink's prefix. */
export interface TableLayout {
  readonly table: SinkTable;
  readonly row: TextTemplate;
  readonly value: ValueForm;
  readonly indexes: readonly IndexLayout[];
  readonly ttl: RedisTableSettings['ttl'];
  /** A row's version lies in a key of its own, with its index entries; otherwise in its value. */
  readonly keepsBeside: boolean;
  readonly description: LayoutDescription;
}

/** What is kept in Redis of a layout: equal descriptions, equal keys and values. */
export interface LayoutDescription {
  readonly key: string;
  readonly value: string;
  readonly beside: boolean;
  readonly expires: boolean;
  readonly indexes: readonly {
    key: string;
    member?: string | undefined;
    score?: string | undefined;
  }[];
  /** Form of the values of each column, by name. */
  readonly columns: Readonly<Record<string, string>>;
}

/** Throws CDC_SINK_INCOMPATIBLE where table and settings do not go together. */
export function layoutOf(table: SinkTable): TableLayout {
  const settings = table.settings as RedisTableSettings;
  const { key: givenKey, indexes: givenIndexes = [], ttl } = settings;
  const key = givenKey ?? [table.target, ...table.key.map((name) => `{${name}}`)].join(':');
  const row = keyTemplate(table, key);
  assertKeyColumns(table, row);
  const value = valueFormOf(table, settings.value);
  for (const { name } of table.columns) {
    if (value.columns.has(name) || table.key.includes(name)) continue;
    const why = `its value has no place for column ${name}; leave it out with drop or keep, or add it.`;
    throw incompatibleTable(table.source, why);
  }
  const indexes = givenIndexes.map(({ key: indexKey, member, score }): IndexLayout => {
    const template = member === undefined ? undefined : keyTemplate(table, member, true);
    if (template !== undefined) assertKeyColumns(table, template);
    const scored = score === undefined ? undefined : momentOrNumber(table, score);
    return { key: keyTemplate(table, indexKey), member: template, score: scored };
  });
  assertApart(table, [row, ...indexes.map((index) => index.key)]);
  if (ttl !== undefined && 'column' in ttl) momentOrNumber(table, ttl.column);
  const keepsBeside = value.version === 'none' || indexes.length > 0 || ttl !== undefined;
  const description: LayoutDescription = {
    key,
    value: JSON.stringify(settings.value ?? 'hash'),
    beside: keepsBeside,
    expires: ttl !== undefined,
    indexes: givenIndexes.map((each) => ({ ...each })),
    columns: Object.fromEntries(table.columns.map((each) => [each.name, value.formOf(each)])),
  };
  return { table, row, value, indexes, ttl, keepsBeside, description };
}

/** The templates of a layout that is in Redis; all its keys are made of these. */
export function templatesOf({ key, indexes }: LayoutDescription): {
  readonly row: TextTemplate;
  readonly indexes: readonly TextTemplate[];
} {
  const parse = (text: string) => new TextTemplate(text, reservedInKeys);
  return { row: parse(key), indexes: indexes.map((index) => parse(index.key)) };
}

/** Whether a key of one layout could be one of the other, as `x of one and y of the other`. */
export function sharedKeys(one: LayoutDescription, other: LayoutDescription): string | undefined {
  for (const text of keysOf(one)) {
    for (const otherText of keysOf(other)) {
      const [left, right] = [text, otherText].map((each) => new TextTemplate(each, reservedInKeys));
      if (left?.mayMeet(right as TextTemplate)) return `${text} and ${otherText}`;
    }
  }
  return undefined;
}

function keysOf({ key, indexes }: LayoutDescription): string[] {
  return [key, ...indexes.map((index) => index.key)];
}

function keyTemplate(table: SinkTable, text: string, isMember = false): TextTemplate {
  let template: TextTemplate;
  try {
    template = new TextTemplate(text, reservedInKeys);
  } catch (error) {
    throw incompatibleTable(table.source, `its key cannot be: ${(error as Error).message}.`);
  }
  for (const name of template.columns) columnOf(table, name);
  const [first = ''] = template.literals;
  if (!isMember && (first === '' || '_cdc:'.startsWith(first) || first.startsWith('_cdc:'))) {
    const why = `the key ${text} must begin with a text of its own, and not with _cdc:.`;
    throw incompatibleTable(table.source, why);
  }
  return template;
}

/** Different rows must have different keys, and a row always the same one. */
function assertKeyColumns({ source, key }: SinkTable, { columns }: TextTemplate): void {
  const missing = key.filter((name) => !columns.includes(name));
  const others = columns.filter((name) => !key.includes(name));
  if (missing.length + others.length === 0) return;
  const what = missing.length > 0 ? `names no ${missing.join(', ')}` : `names ${others.join(', ')}`;
  throw incompatibleTable(source, `the template of its key must have the key columns: it ${what}.`);
}

/** A row must never be taken for an index, nor one index for another. */
function assertApart({ source }: SinkTable, templates: readonly TextTemplate[]): void {
  for (const [at, one] of templates.entries()) {
    const other = templates.slice(at + 1).find((each) => each.mayMeet(one));
    if (other === undefined) continue;
    const both = [one, other].map((each) => textOfBytes(each.literals.join('…'))).join(' and ');
    throw incompatibleTable(source, `two of its keys could be the same: ${both}.`);
  }
}

function columnOf({ columns, source }: SinkTable, name: string): SinkColumn {
  const column = columns.find((each) => each.name === name);
  if (column === undefined) throw incompatibleTable(source, `it has no column ${name}.`);
  return column;
}

function momentOrNumber(table: SinkTable, name: string): SinkColumn {
  const column = columnOf(table, name);
  const form = scalarForm(column.type);
  if (/^(number|float|date|datetime|timestamp)/.test(form)) return column;
  throw incompatibleTable(table.source, `column ${name} is neither a number nor a time.`);
}

/** As write-script.ts takes them; '' when the row is in no index. */
export function renderEntries(
  { indexes }: TableLayout,
  { prefix }: Pick<RedisSinkOptions, 'prefix'>,
  textOf: TextOf,
): string {
  let entries = '';
  for (const { key, member, score } of indexes) {
    const index = key.render(textOf);
    const value = score && textOf(score.name);
    if (index === null || value === null) continue;
    const kind = value === undefined ? 's' : `z${parseMoment(value)}`;
    entries += `\n${kind}\t${prefix}${index}\t${member?.render(textOf) ?? ''}`;
  }
  return entries;
}

/** Milliseconds since 1970 when the row expires; '': never. */
export function renderExpiry({ ttl }: TableLayout, textOf: TextOf, nowMs: number): string {
  if (ttl === undefined) return '';
  if ('seconds' in ttl) return String(nowMs + ttl.seconds * 1000);
  const text = textOf(ttl.column);
  if (text === null) return '';
  return String(Math.max(1, Math.round((parseMoment(text) + (ttl.plusSeconds ?? 0)) * 1000)));
}
