/** A name in PostgreSQL's statements, whatever characters it has. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal that means the same whatever `standard_conforming_strings` says. */
export function quoteText(text: string): string {
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/** `"a", "b"`. */
export function nameList(names: readonly string[], prefix = ''): string {
  return names.map((name) => `${prefix}${quoteName(name)}`).join(', ');
}
