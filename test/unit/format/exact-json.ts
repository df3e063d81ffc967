/** A number is its own text: a double may not hold it. */
export type ExactValue =
  | string
  | boolean
  | null
  | { readonly number: string }
  | readonly ExactValue[]
  | { readonly [name: string]: ExactValue };

/** JSON with its numbers as `{"number": text}`. */
export function parseExact(text: string): ExactValue {
  const tagged = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : `{"number":"${token}"}`,
  );
  return JSON.parse(tagged) as ExactValue;
}

/** Every leaf by its path, `after.id`. Integers with all their digits; 1.0E2 and 100.0 are equal. */
export function leavesOf(value: ExactValue, path = ''): Map<string, string> {
  if (value === null || typeof value !== 'object') return new Map([[path, JSON.stringify(value)]]);
  if ('number' in value && typeof value.number === 'string') {
    const { number } = value;
    return new Map([[path, /^-?\d+$/.test(number) ? number : `${Number(number)} double`]]);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return new Map([[path, Array.isArray(value) ? '[]' : '{}']]);
  return new Map(
    entries.flatMap(([name, inner]) => [
      ...leavesOf(inner, path === '' ? name : `${path}.${name}`),
    ]),
  );
}
