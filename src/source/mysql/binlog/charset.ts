import iconv from 'iconv-lite';
import { collationIds, multiByteDifferences, swe7FromAt, upperHalves } from './charset-tables.ts';

/** How text of a column becomes UTF-8, exactly as the server would convert it for a SELECT. */
export type TextDecoding =
  /** Bytes are UTF-8 already. */
  | { readonly kind: 'utf8' }
  /** One byte a character: UTF-8 bytes by value of the byte, first in the lowest 8 bits, count in the highest. */
  | { readonly kind: 'singleByte'; readonly utf8: Uint32Array }
  /** Anything else. `decode` throws a RangeError for bytes that are no character. */
  | { readonly kind: 'multiByte'; readonly decode: (bytes: Buffer) => string };

/** Collation id -> name of the character set; undefined for an id that is not known. */
export function charsetOf(collation: number): string | undefined {
  const nopadOffset = 1024;
  if (collation >= 2048) return uca1400Charsets[(collation - 2048) >> 8];
  // MariaDB's NOPAD collations are the others plus 1024.
  return charsetById.get(collation < nopadOffset ? collation : collation - nopadOffset);
}

/** MariaDB gives each of these 256 ids for uca1400, from 2048 on. */
const uca1400Charsets = ['utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf32'];

const charsetById = new Map<number, string>();
for (const [charset, ranges] of Object.entries(collationIds)) {
  for (const range of ranges.split(' ')) {
    const [first = 0, last = first] = range.split('-').map(Number);
    for (let id = first; id <= last; id++) charsetById.set(id, charset);
  }
}

const decodings = new Map<string, TextDecoding | undefined>();

/** The decoding for a collation id, undefined when there is none that is certain to be right. */
export function textDecodingOf(collation: number): TextDecoding | undefined {
  const charset = charsetOf(collation);
  if (charset === undefined) return undefined;
  if (!decodings.has(charset)) decodings.set(charset, makeDecoding(charset));
  return decodings.get(charset);
}

/** Text in a character set as a string; for member names of enums and sets. */
export function decodeText(decoding: TextDecoding, bytes: Buffer): string {
  if (decoding.kind === 'utf8') return bytes.toString('utf8');
  if (decoding.kind === 'multiByte') return decoding.decode(bytes);
  const utf8 = [...bytes].flatMap((byte) => {
    const packed = decoding.utf8[byte] ?? 0;
    return [packed & 0xff, (packed >> 8) & 0xff, (packed >> 16) & 0xff].slice(0, packed >>> 24);
  });
  return Buffer.from(utf8).toString('utf8');
}

function makeDecoding(charset: string): TextDecoding | undefined {
  if (charset === 'utf8mb4' || charset === 'utf8mb3') return { kind: 'utf8' };
  const single = singleByteCharacters(charset);
  if (single !== undefined) return { kind: 'singleByte', utf8: packUtf8(single) };
  const unicode = unicodeEncodings[charset];
  if (unicode !== undefined) {
    return { kind: 'multiByte', decode: (bytes) => decodeUnicode(bytes, unicode) };
  }
  const shape = multiByteShapes[charset];
  return shape && { kind: 'multiByte', decode: multiByteDecoder(charset, shape) };
}

function singleByteCharacters(charset: string): string | undefined {
  const ascii = String.fromCharCode(...Array(128).keys());
  if (charset === 'ascii') return ascii + '?'.repeat(128);
  if (charset === 'swe7') return ascii.slice(0, 0x40) + swe7FromAt + '?'.repeat(128);
  const upper = upperHalves[charset];
  return upper === undefined ? undefined : ascii + upper;
}

/** None of these tables leaves the basic plane, so three bytes always do. */
function packUtf8(characters: string): Uint32Array {
  return Uint32Array.from(characters, (character) => {
    const bytes = Buffer.from(character, 'utf8');
    const [first = 0, second = 0, third = 0] = bytes;
    return (bytes.length << 24) | (third << 16) | (second << 8) | first;
  });
}

const unicodeEncodings: Readonly<Record<string, string>> = {
  ucs2: 'utf-16be',
  utf16: 'utf-16be',
  utf16le: 'utf-16le',
  utf32: 'utf-32be',
};

function decodeUnicode(bytes: Buffer, encoding: string): string {
  // A leading U+FEFF is a character of the value, not a byte order mark.
  const text = iconv.decode(bytes, encoding, { stripBOM: false });
  if (/\p{Surrogate}/u.test(text)) throw new RangeError('half a surrogate pair');
  return text;
}

interface MultiByteShape {
  /** Bytes of the character that starts with these two. */
  readonly length: (lead: number, next: number) => number;
  readonly decode: (character: Buffer) => string;
}

const eucLength = (lead: number) => (lead === 0x8f ? 3 : lead === 0x8e || lead > 0xa0 ? 2 : 1);
const sjisLength = (lead: number) => ((lead > 0x80 && lead < 0xa0) || lead > 0xdf ? 2 : 1);
const pairLength = (lead: number) => (lead > 0x80 ? 2 : 1);
const windowsSjis = new TextDecoder('shift_jis');

const multiByteShapes: Readonly<Record<string, MultiByteShape>> = {
  big5: { length: pairLength, decode: iconvDecoder('big5') },
  gbk: { length: pairLength, decode: iconvDecoder('gbk') },
  gb2312: { length: pairLength, decode: iconvDecoder('gb2312') },
  euckr: { length: pairLength, decode: iconvDecoder('euckr') },
  gb18030: {
    length: (lead, next) => (lead < 0x81 ? 1 : next >= 0x30 && next <= 0x39 ? 4 : 2),
    decode: iconvDecoder('gb18030'),
  },
  sjis: { length: sjisLength, decode: iconvDecoder('sjis') },
  cp932: { length: sjisLength, decode: (character) => windowsSjis.decode(character) },
  ujis: { length: eucLength, decode: eucUserDefinedOr(iconvDecoder('eucjp')) },
  eucjpms: { length: eucLength, decode: eucUserDefinedOr(iconvDecoder('eucjp')) },
};

function iconvDecoder(encoding: string): (character: Buffer) => string {
  return (character) => iconv.decode(character, encoding, { stripBOM: false });
}

/** Rows 85 to 94 of both planes of EUC-JP are the user's own: U+E000 and U+E3AC onwards. */
function eucUserDefinedOr(decode: (character: Buffer) => string): (character: Buffer) => string {
  return (character) => {
    const row = character.at(-2) ?? 0;
    if (character.length < 2 || row < 0xf5) return decode(character);
    const place = (row - 0xf5) * 94 + (character.at(-1) ?? 0) - 0xa1;
    return String.fromCharCode((character.length === 3 ? 0xe3ac : 0xe000) + place);
  };
}

function multiByteDecoder(charset: string, shape: MultiByteShape): (bytes: Buffer) => string {
  const known = knownCharacters(charset);
  return (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; ) {
      const lead = bytes[at] ?? 0;
      if (lead < 0x80) {
        text += String.fromCharCode(lead);
        at++;
        continue;
      }
      const end = at + shape.length(lead, bytes[at + 1] ?? 0);
      if (end > bytes.length) throw new RangeError('a character is cut off');
      const code = bytes.readUIntBE(at, end - at);
      let character = known.get(code);
      if (character === undefined) {
        character = shape.decode(bytes.subarray(at, end));
        if (character === '' || character.includes('\ufffd')) {
          throw new RangeError(`no character has the code 0x${code.toString(16)}`);
        }
        known.set(code, character);
      }
      text += character;
      at = end;
    }
    return text;
  };
}

/** Characters by code: the differences now, others as they are met (at most what the set has). */
function knownCharacters(charset: string): Map<number, string> {
  const known = new Map<number, string>();
  for (const [firstCode, characters] of multiByteDifferences[charset] ?? []) {
    let code = firstCode;
    for (const character of characters) {
      known.set(code, character);
      code = nextCode(charset, code);
    }
  }
  return known;
}

function nextCode(charset: string, code: number): number {
  const trail = code & 0xff;
  if (trail === 0x7e) return code - trail + 0xa1;
  if (trail === 0xfe) return code - trail + 0x100 + (charset === 'big5' ? 0x40 : 0xa1);
  return code + 1;
}
