/** A name in statements and in the header `columns`. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A string literal; control characters stand as they are. */
export function quoteText(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** A comment: one line, as long as the store takes. */
export function quoteComment(text: string): string {
  return quoteText(text.replace(/\s+/g, ' ').slice(0, 1000));
}
