/**
 * Column types of Doris as the double knows them, and how the text of a value becomes a stored value.
 * Stricter than the server: what Doris would round, truncate or shift without a word is refused here.
 */
export interface DorisType {
  /** Upper case, as the server prints it in `information_schema.columns.COLUMN_TYPE`, in lower case. */
  readonly name: string;
  readonly parameters: readonly number[];
}

/** A stored value; numbers too are kept as the text the server would print. */
export type DorisValue = string | null;

const integerBits = new Map([
  ['TINYINT', 8n],
  ['SMALLINT', 16n],
  ['INT', 32n],
  ['BIGINT', 64n],
  ['LARGEINT', 128n],
]);

const plainTypes = new Set(['BOOLEAN', 'FLOAT', 'DOUBLE', 'DATE', 'STRING', 'JSON', 'VARIANT']);
/** `string_type_length_soft_limit_bytes` of a backend, its default. */
const maxStringBytes = 1_048_576;

export function parseDorisType(text: string): DorisType {
  const match = /^\s*([A-Z0-9]+)\s*(?:\(\s*([\d\s,]+)\))?\s*$/i.exec(text);
  if (match === null) throw new Error(`mismatched input '${text}' expecting a type`);
  const name = (match[1] ?? '').toUpperCase().replace(/^(DATETIME|DATE|DECIMAL)V[23]$/, '$1');
  const parameters = (match[2] ?? '').split(',').filter(Boolean).map(Number);
  checkParameters(name, parameters);
  return { name, parameters };
}

function checkParameters(name: string, [first = -1, second = 0]: readonly number[]): void {
  if (integerBits.has(name) || plainTypes.has(name)) return;
  if (name === 'CHAR' && (first < 1 || first > 255)) {
    throw new Error(`CHAR size must be between 1 and 255. Size was set to: ${first}.`);
  }
  if (name === 'VARCHAR' && (first < 1 || first > 65533)) {
    throw new Error(`VARCHAR size must be between 1 and 65533. Size was set to: ${first}.`);
  }
  if (name === 'DECIMAL' && (first < 1 || first > 38)) {
    throw new Error(`Precision of decimal must between 1 and 38. Precision was set to: ${first}.`);
  }
  if (name === 'DECIMAL' && second > first) {
    throw new Error(`Scale of decimal must between 0 and ${first}. Scale was set to: ${second}.`);
  }
  if (name === 'DATETIME' && first > 6)
    throw new Error('Scale of Datetime/Time must between 0 and 6.');
  if (!['CHAR', 'VARCHAR', 'DECIMAL', 'DATETIME'].includes(name)) {
    throw new Error(`mismatched input '${name}' expecting a type`);
  }
}

export function printDorisType({ name, parameters }: DorisType): string {
  const list = parameters.length === 0 ? '' : `(${parameters.join(', ')})`;
  return `${name.toLowerCase()}${list}`;
}

/** The stored value for `text`, or why the row is filtered. */
export function convertValue(
  { name, parameters }: DorisType,
  text: string,
  timezone: string,
): { readonly value: string } | { readonly reason: string } {
  const bits = integerBits.get(name);
  if (bits !== undefined) return convertInteger(text, bits);
  switch (name) {
    case 'BOOLEAN':
      return convertBoolean(text);
    case 'FLOAT':
    case 'DOUBLE':
      return convertFloat(text, name);
    case 'DECIMAL':
      return convertDecimal(text, parameters[0] ?? 9, parameters[1] ?? 0);
    case 'DATE':
      return isDate(text) ? { value: text } : { reason: incorrect(text) };
    case 'DATETIME':
      return convertDatetime(text, parameters[0] ?? 0, timezone);
    case 'JSON':
    case 'VARIANT':
      return convertJson(text);
    default:
      return checkLength(text, name === 'STRING' ? maxStringBytes : (parameters[0] ?? 1));
  }
}

function incorrect(text: string): string {
  return `value is incorrect while strict mode is true, src value is ${text}`;
}

function convertInteger(text: string, bits: bigint) {
  if (!/^[+-]?\d+$/.test(text)) return { reason: incorrect(text) };
  const value = BigInt(text);
  const limit = 1n << (bits - 1n);
  return value >= -limit && value < limit ? { value: String(value) } : { reason: incorrect(text) };
}

function convertBoolean(text: string) {
  if (/^(1|true)$/i.test(text)) return { value: '1' };
  return /^(0|false)$/i.test(text) ? { value: '0' } : { reason: incorrect(text) };
}

function convertFloat(text: string, name: string) {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) return { reason: incorrect(text) };
  return { value: String(name === 'FLOAT' ? Math.fround(number) : number) };
}

function convertDecimal(text: string, precision: number, scale: number) {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return { reason: incorrect(text) };
  const whole = (match[2] ?? '').replace(/^0+(?=\d)/, '');
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if ((whole === '0' ? 0 : whole.length) > precision - scale || fraction.length > scale) {
    const column = `value=${text}, precision=${precision}, scale=${scale}`;
    return { reason: `decimal value is not valid for definition, ${column}` };
  }
  const digits = scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`;
  const isZero = /^[0.]+$/.test(digits);
  return { value: match[1] === '-' && !isZero ? `-${digits}` : digits };
}

/** 0000-01-01 to 9999-12-31; a month or a day of zero is no date. */
function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month > 0 && day > 0;
}

/** A text with an offset is shifted into the load's time zone, which is +8 when nobody sets it. */
function convertDatetime(text: string, fsp: number, timezone: string) {
  const match = /^(\S{10})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (match === null || !isDate(match[1] ?? '')) return { reason: incorrect(text) };
  const [, date = '', time = '', fraction = '', offset] = match;
  if (!/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(time)) return { reason: incorrect(text) };
  if (fraction.replace(/0+$/, '').length > fsp) return { reason: incorrect(text) };
  const tail = fsp === 0 ? '' : `.${fraction.slice(0, fsp).padEnd(fsp, '0')}`;
  if (offset === undefined) return { value: `${date} ${time}${tail}` };
  const shifted = new Date(Date.parse(`${date}T${time}${offset}`) + offsetMs(timezone));
  return { value: `${shifted.toISOString().slice(0, 19).replace('T', ' ')}${tail}` };
}

function offsetMs(timezone: string): number {
  const match = /^([+-])(\d{2}):(\d{2})$/.exec(timezone);
  if (match === null) throw new Error(`Unknown or incorrect time zone: '${timezone}'`);
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return (match[1] === '-' ? -minutes : minutes) * 60_000;
}

/** Stored in binary: blanks and the spelling of numbers are lost, as in the server. */
function convertJson(text: string) {
  try {
    return { value: JSON.stringify(JSON.parse(text)) };
  } catch {
    return { reason: `parse json value failed, src value is ${text}` };
  }
}

function checkLength(text: string, limit: number) {
  const length = Buffer.byteLength(text);
  if (length <= limit) return { value: text };
  const start = Buffer.from(text).subarray(0, 32).toString();
  return {
    reason:
      `the length of input is too long than schema. first 32 bytes of input str: [${start}] ` +
      `schema length: ${limit}; actual length: ${length}; `,
  };
}
