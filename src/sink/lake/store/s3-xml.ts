/** The answers of S3: elements with texts, without attributes that matter, CDATA or comments. */

/** Contents of the elements of that name, wherever they are. */
export function elements(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}>(.*?)</${name}>`, 'gs');
  return [...xml.matchAll(pattern)].map((match) => match[1] ?? '');
}

/** Texts of the elements that hold only a text, by name; of several the first. */
export function childTexts(xml: string): Readonly<Record<string, string | undefined>> {
  const texts: Record<string, string> = {};
  for (const [, name = '', text = ''] of xml.matchAll(/<(\w+)>([^<]*)<\/\1>/g)) {
    texts[name] ??= decodeEntities(text);
  }
  return texts;
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return entities[name] ?? whole;
  });
}
