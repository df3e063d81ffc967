/** True when every value of `from` is the same value in `to`; both as `format_type` spells them. */
export function widens(from: string, to: string): boolean {
  if (from === to) return true;
  const source = parseType(from);
  const target = parseType(to);
  const [places, morePlaces] = [integers.indexOf(source.name), integers.indexOf(target.name)];
  if (places >= 0 && morePlaces >= 0) return morePlaces > places;
  if (places >= 0 && target.name === 'numeric') return wholeDigits(target) >= (digits[places] ?? 0);
  if (source.name !== target.name)
    return otherNames.some(([a, b]) => source.name === a && target.name === b);
  if (source.name === 'numeric') {
    return scaleOf(target) >= scaleOf(source) && wholeDigits(target) >= wholeDigits(source);
  }
  // timestamp(3) and timestamp, varchar(10) and varchar: without a number it is the largest.
  const [size = Number.POSITIVE_INFINITY] = source.numbers;
  const [room = Number.POSITIVE_INFINITY] = target.numbers;
  return room >= size && source.name !== 'bit';
}

const integers = ['smallint', 'integer', 'bigint'];
const digits = [5, 10, 19];
const otherNames = [
  ['real', 'double precision'],
  ['character varying', 'text'],
] as const;

interface ParsedType {
  /** Without numbers: `timestamp with time zone`. */
  readonly name: string;
  readonly numbers: readonly number[];
}

function parseType(type: string): ParsedType {
  const [, numbers = ''] = /\(([\d,]+)\)/.exec(type) ?? [];
  const name = type.replace(/\([\d,]+\)/, '');
  return { name, numbers: numbers === '' ? [] : numbers.split(',').map(Number) };
}

function scaleOf({ numbers }: ParsedType): number {
  return numbers.length === 0 ? Number.POSITIVE_INFINITY : (numbers[1] ?? 0);
}

function wholeDigits({ numbers: [precision, scale = 0] }: ParsedType): number {
  return precision === undefined ? Number.POSITIVE_INFINITY : precision - scale;
}
