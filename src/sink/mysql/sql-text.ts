/** A name as the server's statements write it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text as a literal; with the sql_mode of our sessions a backslash escapes. */
export function quoteText(text: string): string {
  return `'${text.replace(/['\\\0]/g, (each) => (each === '\0' ? '\\0' : `\\${each}`))}'`;
}

export function nameList(names: readonly string[]): string {
  return names.map(quoteName).join(', ');
}

/** Quoted, with its database. */
export function tableName({ database }: { readonly database: string }, target: string): string {
  return `${quoteName(database)}.${quoteName(target)}`;
}
