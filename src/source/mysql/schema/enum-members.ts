/**
 * The members of an enum or set from COLUMN_TYPE, e.g. `enum('a','it''s')` -> a, it's. Both servers
 * quote with `'` doubled and leave backslashes alone there.
 */
export function parseEnumMembers(columnType: string): string[] {
  return [...columnType.matchAll(/'((?:[^']|'')*)'/g)].map(([, text = '']) =>
    text.replaceAll("''", "'"),
  );
}
