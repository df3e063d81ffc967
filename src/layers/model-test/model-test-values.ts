import type { TestValue } from './model-test-yaml.ts';

/**
 * Values of tests and of the engine as texts that are equal when the values are: `10`, `10.0` and `10.00` of a
 * decimal column are one text. NULL is null.
 */
export function canonicalOf(value: TestValue, type: string): string | null {
  if (value.form === 'null') return null;
  const inner = plainType(type);
  if (value.form === 'json') return canonicalJson(JSON.parse(value.text), inner);
  return canonicalText(value.text, inner);
}

/** The same of a value as the engine gives it in JSON. */
export function canonicalFound(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null;
  const inner = plainType(type);
  if (typeof value === 'object') return canonicalJson(value, inner);
  return canonicalText(String(value), inner);
}

/** Floating-point sums depend on their order in the last digits, so seven digits count. */
function canonicalText(text: string, type: string): string {
  if (/^Float|^BFloat/.test(type)) {
    const number = Number(text);
    return Number.isNaN(number) ? text.toLowerCase() : String(Number(number.toPrecision(7)));
  }
  if (/^U?Int/.test(type) || type === 'Bool') return canonicalInteger(text);
  if (type.startsWith('Decimal')) return canonicalDecimal(text);
  if (type.startsWith('DateTime')) return canonicalTime(text);
  return text;
}

function canonicalInteger(text: string): string {
  if (text === 'true') return '1';
  if (text === 'false') return '0';
  return /^[-+]?\d+$/.test(text) ? String(BigInt(text)) : canonicalDecimal(text);
}

function canonicalDecimal(text: string): string {
  const match = /^([-+]?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (match === null || text === '') return text;
  const [, sign = '', whole = '', fraction = ''] = match;
  const digits = `${whole || '0'}${fraction === '' ? '' : `.${fraction}`}`;
  return sign === '-' && digits !== '0' ? `-${digits}` : digits;
}

/** A fraction of zeros, or no time at all, means the same moment. */
function canonicalTime(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d))?(?:\.(\d*?)0*)?)?$/.exec(text);
  if (match === null) return text;
  const [, day, minute = '00:00', second = '00', fraction = ''] = match;
  return `${day} ${minute}:${second}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Lists by the type of their elements; other compound values as JSON with their names in order. */
function canonicalJson(value: unknown, type: string): string {
  const element = /^Array\((.*)\)$/.exec(type)?.[1];
  if (element === undefined || !Array.isArray(value)) return JSON.stringify(sorted(value));
  return `[${value.map((each) => canonicalFound(each, element) ?? 'NULL').join(', ')}]`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}

function plainType(type: string): string {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/.exec(type)?.[1];
  return inner === undefined ? type : plainType(inner);
}
