import { bytesAsText } from './byte-text.ts';

const placeholder = /\{([^{}]+)\}/g;

/** Gives the text of a column, NULL as null; texts as byte-text.ts has them. */
export type TextOf = (column: string) => string | null;

/**
 * A text with columns: `shop:orders:{id}`. Different values always give different texts, and a text can be taken
 * apart again: of a value, `%`, the reserved characters and those with which a literal after a column begins
 * are written as `%` and two hex digits.
 */
export class TextTemplate {
  readonly columns: readonly string[];
  /** One more than columns: before, between and behind them. */
  readonly literals: readonly string[];
  readonly #escaped: RegExp;
  /** What a written value cannot have: the same without `%`. */
  readonly #foreign: RegExp;

  /** `reserved`: escaped in every value, whatever the template says. Throws RangeError for one that cannot work. */
  constructor(text: string, reserved: string) {
    const parts = text.split(placeholder);
    this.columns = parts.filter((_, index) => index % 2 === 1);
    this.literals = parts.filter((_, index) => index % 2 === 0).map(bytesAsText);
    if (this.columns.length === 0) throw new RangeError(`${text} has no {column}`);
    if (this.literals.slice(1, -1).includes('')) {
      throw new RangeError(`${text} has two columns with nothing between them`);
    }
    const firsts = this.literals.slice(1).map((literal) => literal.slice(0, 1));
    const characters = new Set([...reserved, ...firsts.join('')]);
    const codes = [...characters].map((each) => `\\x${hexOf(each)}`).join('');
    this.#escaped = new RegExp(`[%${codes}]`, 'g');
    this.#foreign = codes === '' ? /(?!)/ : new RegExp(`[${codes}]`);
  }

  /** `nullText` stands for NULL; without it NULL makes the whole text null. */
  render(textOf: TextOf, nullText?: string): string | null {
    let text = this.literals[0] as string;
    for (let at = 0; at < this.columns.length; at++) {
      const value = textOf(this.columns[at] as string);
      const written = value === null ? nullText : this.#escape(value, nullText);
      if (written === undefined) return null;
      text += written + (this.literals[at + 1] as string);
    }
    return text;
  }

  /** The texts of the columns; undefined when this template cannot have made the text. */
  takeApart(text: string, nullText?: string): Map<string, string | null> | undefined {
    const [first = ''] = this.literals;
    if (!text.startsWith(first)) return undefined;
    const found = new Map<string, string | null>();
    let from = first.length;
    for (const [at, column] of this.columns.entries()) {
      const literal = this.literals[at + 1] as string;
      const to = literal === '' ? text.length : text.indexOf(literal.charAt(0), from);
      if (to < 0 || !text.startsWith(literal, to)) return undefined;
      const written = text.slice(from, to);
      if (this.#foreign.test(written)) return undefined;
      found.set(column, written === nullText ? null : withoutEscapes(written));
      from = to + literal.length;
    }
    return from === text.length ? found : undefined;
  }

  /** For SCAN: matches every text of this template, and perhaps others. */
  pattern(): string {
    return this.literals.map((literal) => literal.replace(/[*?[\]\\]/g, '\\$&')).join('*');
  }

  /** False only when no text of this template can be one of the other; a colon must be reserved in both. */
  mayMeet(other: TextTemplate): boolean {
    const mine = this.#segments();
    const theirs = other.#segments();
    return mine.length === theirs.length && mine.every((each, at) => meet(each, theirs[at] ?? []));
  }

  #escape(value: string, nullText: string | undefined): string {
    if (value === nullText && value !== '') return percent(value.charAt(0)) + value.slice(1);
    // A regular expression is slower at replacing than at finding nothing.
    if (value.search(this.#escaped) < 0) return value;
    return value.replace(this.#escaped, percent);
  }

  /** What lies between colons: its literals, of which there are as many as columns and one more. */
  #segments(): string[][] {
    const segments: string[][] = [[]];
    for (const literal of this.literals) {
      const [first = '', ...rest] = literal.split(':');
      segments.at(-1)?.push(first);
      for (const each of rest) segments.push([each]);
    }
    return segments;
  }
}

function meet(left: readonly string[], right: readonly string[]): boolean {
  if (left.length === 1 && right.length === 1) return left[0] === right[0];
  const [head = '', otherHead = ''] = [left[0], right[0]];
  const [tail = '', otherTail = ''] = [left.at(-1), right.at(-1)];
  return (
    (head.startsWith(otherHead) || otherHead.startsWith(head)) &&
    (tail.endsWith(otherTail) || otherTail.endsWith(tail))
  );
}

function percent(character: string): string {
  return `%${hexOf(character)}`;
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}

function withoutEscapes(text: string): string {
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number(`0x${hex}`)),
  );
}
