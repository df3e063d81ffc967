/** What style.ts writes around a text. */
const colorSequence = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)`);
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** East Asian Wide and Fullwidth blocks (Unicode Annex 11), as inclusive ranges. */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18cff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];

/** Columns that a text takes on a terminal: two for a wide character, none for a combining one or a colour. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const [, glyphs] of styledRuns(text)) {
    for (const { segment } of segmenter.segment(glyphs)) width += graphemeWidth(segment);
  }
  return width;
}

/** Cuts a text that is wider than `width` and ends it with an ellipsis. */
export function truncateToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const [style, glyphs] of styledRuns(text)) {
    kept += style;
    for (const { segment } of segmenter.segment(glyphs)) {
      used += graphemeWidth(segment);
      if (used <= width - 1) kept += segment;
    }
  }
  return `${kept}…`;
}

/** A text as pairs of a colour sequence, which takes no room, and what follows it. */
function styledRuns(text: string): [style: string, glyphs: string][] {
  const parts = ['', ...text.split(colorSequence)];
  return Array.from({ length: parts.length / 2 }, (_, index) => [
    parts[index * 2] ?? '',
    parts[index * 2 + 1] ?? '',
  ]);
}

/** Control characters and direction marks made visible: data must not drive the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) =>
      escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function graphemeWidth(grapheme: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u.test(grapheme)) return 0;
  if (/\p{Emoji_Presentation}|\ufe0f/u.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0) ?? 0;
  return wideRanges.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}
