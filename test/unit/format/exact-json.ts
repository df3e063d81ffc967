/** A number that a double may not hold: the digits of an integer, or the double of another number. */
export type ExactValue =
  | string
  | boolean
  | null
  | { readonly number: string }
  | readonly ExactValue[]
  | { readonly [name: string]: ExactValue };

/** JSON with its numbers as text, so that 64-bit integers stay what they are. 1.0E2 and 100.0 are equal. */
export function parseExact(text: string): ExactValue {
  const tagged = text.replace(
    /"(?:[^"\\]|\\.)*"|-?\d+(\.\d+)?([eE][+-]?\d+)?/g,
    (token, fraction?: string, exponent?: string) => {
      if (token.startsWith('"')) return token;
      const isInteger = fraction === undefined && exponent === undefined;
      return `{"number":"${isInteger ? token : `${Number(token)} double`}"}`;
    },
  );
  return JSON.parse(tagged) as ExactValue;
}

/** Every leaf by its path, `after.id`. */
export function leavesOf(value: ExactValue, path = ''): Map<string, string> {
  if (value === null || typeof value !== 'object') return new Map([[path, JSON.stringify(value)]]);
  if ('number' in value && typeof value.number === 'string') return new Map([[path, value.number]]);
  const entries = Object.entries(value);
  if (entries.length === 0) return new Map([[path, Array.isArray(value) ? '[]' : '{}']]);
  return new Map(
    entries.flatMap(([name, inner]) => [
      ...leavesOf(inner, path === '' ? name : `${path}.${name}`),
    ]),
  );
}
