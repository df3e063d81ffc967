/** A value as TabSeparated prints it. */
export function tsvText(value: string | null): string {
  if (value === null) return '\\N';
  return value.replace(/[\\\t\n\r\0]/g, (each) => escapes[each] ?? each);
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\\0',
};
