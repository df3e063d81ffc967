import type { TestValue } from './model-test-yaml.ts';

type ValueKind = 'integer' | 'decimal' | 'float' | 'boolean' | 'date' | 'datetime' | 'text';

const words: Readonly<Record<ValueKind, string>> = {
  integer: 'a whole number',
  decimal: 'a decimal number',
  float: 'a floating-point number',
  boolean: 'true or false',
  date: 'a date',
  datetime: 'a time',
  text: 'text',
};

/** Kinds that together mean the last of them. */
const widenings: readonly (readonly ValueKind[])[] = [
  ['integer', 'decimal'],
  ['integer', 'decimal', 'float'],
  ['date', 'datetime'],
];

export type Inference =
  | { readonly type: string }
  /** Two values that do not go together. */
  | { readonly first: TestValue; readonly other: TestValue; readonly message: string };

/** The engine's type for a column with these values, none of which is null; undefined without any. */
export function inferType(values: readonly TestValue[]): Inference | undefined {
  const [first] = values;
  if (first === undefined) return undefined;
  const kinds = [...new Set(values.map(kindOf))];
  const wide = widenings.find((known) => kinds.every((kind) => known.includes(kind)));
  const kind = kinds.length === 1 ? kinds[0] : wide?.at(-1);
  if (kind !== undefined) return { type: typeOf(kind, values) };
  const other = values.find((value) => kindOf(value) !== kindOf(first)) ?? first;
  const message = `${first.text} is ${words[kindOf(first)]}, ${other.text} is ${words[kindOf(other)]}`;
  return { first, other, message };
}

function kindOf({ form, text }: TestValue): ValueKind {
  if (form === 'boolean') return 'boolean';
  if (form === 'number') {
    if (/^[-+]?\d+$/.test(text)) return 'integer';
    return /^[-+]?\d*\.\d+$/.test(text) ? 'decimal' : 'float';
  }
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return 'date';
  return /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?$/.test(text) ? 'datetime' : 'text';
}

function typeOf(kind: ValueKind, values: readonly TestValue[]): string {
  switch (kind) {
    case 'integer':
      return 'Int64';
    case 'decimal': {
      const digits = values.map(({ text }) => text.split('.')[1]?.length ?? 0);
      return `Decimal(38, ${Math.max(...digits)})`;
    }
    case 'float':
      return 'Float64';
    case 'boolean':
      return 'UInt8';
    case 'date':
      return 'Date32';
    case 'datetime':
      return "DateTime64(6, 'UTC')";
    case 'text':
      return 'String';
  }
}
