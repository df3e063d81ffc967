import type { Column } from '../change/table-schema.ts';

/** What a column's source type says, taken apart: `decimal(10,2) unsigned`. */
export interface SourceType {
  /** In lower case: `decimal`, `enum`. */
  readonly name: string;
  readonly isUnsigned: boolean;
  /** Numbers in the brackets. */
  readonly sizes: readonly number[];
  /** Members of an enum or a set. */
  readonly members: readonly string[];
}

export function parseSourceType({ sourceType }: Column): SourceType {
  const [, name = '', inside = ''] = /^\s*([a-z0-9_]+)\s*(?:\((.*)\))?/is.exec(sourceType) ?? [];
  const hasMembers = /^(enum|set)$/i.test(name);
  return {
    name: name.toLowerCase(),
    isUnsigned: / (unsigned|zerofill)/i.test(sourceType),
    sizes: hasMembers ? [] : (inside.match(/\d+/g) ?? []).map(Number),
    members: hasMembers ? parseMembers(inside) : [],
  };
}

/** `'a','it''s'`: quotes are doubled; COLUMN_TYPE escapes nothing else. */
function parseMembers(text: string): string[] {
  return [...text.matchAll(/'((?:[^']|'')*)'/g)].map(([, member = '']) =>
    member.replaceAll("''", "'"),
  );
}
