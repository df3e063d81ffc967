const newline = 0x0a;
const comma = 0x2c;

/** Lines of JSON as one array. A newline is never inside of a line, because JSON writes it as \n. */
export function arrayOf(lines: readonly Buffer[]): Buffer[] {
  const text = Buffer.concat([Buffer.from('['), ...lines]);
  const last = text.lastIndexOf(newline);
  for (let at = text.indexOf(newline); at !== last; at = text.indexOf(newline, at + 1)) {
    text[at] = comma;
  }
  text[last] = ']'.charCodeAt(0);
  return [text];
}
