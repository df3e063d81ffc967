import type { MessageFormat, ValueEncoding } from '../../change/message-layout.ts';
import type { ColumnType } from '../../change/table-schema.ts';

/** Where a value stands in the text of a message. */
type Span = readonly [start: number, end: number];

/**
 * The row that a message leaves, its values as they stand in the JSON: a parser would lose digits of numbers. Undefined when the
 * message takes the row away.
 */
export function rowOf(text: string, format: MessageFormat): Map<string, string> | undefined {
  const members = membersAt(text, 0);
  const inner = members.get('payload');
  const envelope = inner === undefined ? members : membersAt(text, inner[0]);
  const word = (name: string) => sliceOf(text, envelope.get(name));
  if (format === 'debezium') {
    return word('op') === '"d"' ? undefined : valuesAt(text, envelope.get('after'));
  }
  if (/^"delete"$/i.test(word('type'))) return undefined;
  const data = envelope.get('data');
  // Canal has an array of one row.
  return valuesAt(text, data && (format === 'canal' ? [data[0] + 1, data[1] - 1] : data));
}

function sliceOf(text: string, span: Span | undefined): string {
  return span === undefined ? '' : text.slice(...span);
}

function valuesAt(text: string, span: Span | undefined): Map<string, string> {
  const members = span === undefined ? new Map<string, Span>() : membersAt(text, span[0]);
  return new Map([...members].map(([name, place]) => [name, text.slice(...place)]));
}

/** Members of the object that begins at `start`. Messages of ours have no blanks between tokens. */
function membersAt(text: string, start: number): Map<string, Span> {
  const members = new Map<string, Span>();
  if (text[start] !== '{') return members;
  for (let at = start + 1; text[at] !== '}'; ) {
    const nameEnd = skipValue(text, at);
    const end = skipValue(text, nameEnd + 1);
    members.set(JSON.parse(text.slice(at, nameEnd)) as string, [nameEnd + 1, end]);
    at = text[end] === ',' ? end + 1 : end;
    if (at >= text.length) throw new RangeError('a message ends in the middle');
  }
  return members;
}

/** The place behind the value at `start`. */
function skipValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '"') {
      at = endOfString(text, at);
      if (depth === 0) return at + 1;
    } else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (character === ',' || character === ':')) return at;
  }
  return text.length;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  throw new RangeError('a message ends in the middle of a string');
}

/** How messages have a column. */
export interface MessageColumn {
  readonly type: ColumnType;
  readonly encoding: ValueEncoding;
  /** A decimal that is written as a double. */
  readonly isRounded: boolean;
}

/** The canonical text (type-map.ts) of a value as it stands in a message; null for NULL. */
export function messageText(token: string, column: MessageColumn): string | null {
  const { type, encoding } = column;
  if (token === 'null') return null;
  if (encoding === 'value') return token;
  const text = token.startsWith('"') ? (JSON.parse(token) as string) : token;
  switch (encoding) {
    case 'epochDays':
      return new Date(Number(text) * dayMs).toISOString().slice(0, 10);
    case 'epochMillis':
      return temporalText(type, BigInt(text), 3);
    case 'epochMicros':
      return temporalText(type, BigInt(text), 6);
    case 'iso':
      return text.replace('T', ' ').replace('Z', '');
    case 'latin1':
      return Buffer.from(text, 'latin1').toString('base64');
    case 'unscaledBase64':
      return decimalText(unscaled(Buffer.from(text, 'base64')), type);
    case 'bits':
      return String(lowestFirst(Buffer.from(text, 'base64')));
    case 'boolean':
      return text === 'true' ? '1' : text === 'false' ? '0' : text;
    case 'geometry': {
      const { wkb, srid } = JSON.parse(text) as { wkb: string; srid: number | null };
      return `${wkb} ${srid ?? 0}`;
    }
    case 'base64':
      return text;
    default:
      return column.isRounded ? floatBits(Number(text), 64) : plainText(text, type);
  }
}

const dayMs = 86_400_000;

function plainText(text: string, type: ColumnType): string {
  if (type.kind === 'float') return floatBits(Number(text), type.bits);
  if (type.kind === 'year') return String(Number(text));
  if (type.kind !== 'decimal') return text;
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function floatBits(value: number, bits: 32 | 64): string {
  if (Number.isNaN(value)) return 'nan';
  const bytes = Buffer.alloc(8);
  if (bits === 32) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return String(bytes.readBigUInt64LE());
}

function unscaled(bytes: Buffer): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex') || '0'}`));
}

function lowestFirst(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex') || '0'}`);
}

function decimalText(value: bigint, type: ColumnType): string {
  const scale = type.kind === 'decimal' ? type.scale : 0;
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = scale === 0 ? whole : `${whole}.${digits.slice(-scale)}`;
  return plainText(value < 0n ? `-${text}` : text, type);
}

/** Ticks of 10^-digits s as the engine prints the type. */
function temporalText(type: ColumnType, ticks: bigint, digits: 3 | 6): string {
  const fsp = 'fsp' in type ? type.fsp : 0;
  const unit = 10n ** BigInt(digits);
  const size = ticks < 0n ? -ticks : ticks;
  const fraction = (rest: bigint) =>
    fsp === 0 ? '' : `.${String(rest).padStart(digits, '0').slice(0, fsp)}`;
  if (type.kind === 'time') {
    const seconds = size / unit;
    const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n];
    const clock = parts.map((part) => String(part).padStart(2, '0')).join(':');
    return `${ticks < 0n ? '-' : ''}${clock}${fraction(size % unit)}`;
  }
  const rest = ((ticks % unit) + unit) % unit;
  const moment = new Date(Number((ticks - rest) / unit) * 1000).toISOString();
  return `${moment.slice(0, 19).replace('T', ' ')}${fraction(rest)}`;
}
