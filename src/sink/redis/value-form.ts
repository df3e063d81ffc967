import type { SinkColumn, SinkTable } from '../sink-table.ts';
import { hashForm } from './hash-value.ts';
import { jsonForm } from './json-value.ts';
import type { RedisValue } from './options.ts';
import { protobufForm } from './protobuf-value.ts';
import { templateForm } from './template-value.ts';

/** Texts of a row, in the order of the table's columns; NULL as null. */
export type RowTexts = readonly (string | null)[];

/** How the columns of a row become a value in Redis, and the other way. */
export interface ValueForm {
  readonly kind: 'hash' | 'string';
  /** Where in the value its version stands; 'none': it is kept beside. */
  readonly version: 'field' | 'head' | 'none';
  /** Columns that can be had back from a value. */
  readonly columns: ReadonlySet<string>;
  /** What a value of the column looks like; rows of another form must be written anew. */
  formOf(column: SinkColumn): string;
  /** Arguments of HSET, or the one of SET. Throws CDC_SINK_REJECTED for a row that it cannot hold. */
  write(texts: RowTexts, version: string): string[];
  /** Of what HGETALL or GET gave: texts by column, and the version if it stands there; undefined: it is not ours. */
  read(stored: readonly string[]): StoredValue | undefined;
}

export interface StoredValue {
  readonly texts: ReadonlyMap<string, string | null>;
  readonly version?: string;
}

/** Throws CDC_SINK_INCOMPATIBLE where value and table do not go together. */
export function valueFormOf(table: SinkTable, value: RedisValue = 'hash'): ValueForm {
  if (value === 'hash') return hashForm(table);
  if (value === 'json') return jsonForm(table);
  if ('template' in value) return templateForm(table, value.template);
  return protobufForm(table, value);
}
