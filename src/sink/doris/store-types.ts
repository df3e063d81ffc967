/** A type in the store’s words, in one spelling for all versions. */
export interface StoreType {
  readonly name: string;
  readonly parameters: readonly number[];
}

const aliases: Readonly<Record<string, string>> = {
  datev2: 'date',
  datetimev2: 'datetime',
  decimalv2: 'decimal',
  decimalv3: 'decimal',
  decimal32: 'decimal',
  decimal64: 'decimal',
  decimal128: 'decimal',
  decimal128i: 'decimal',
  text: 'string',
  jsonb: 'json',
  integer: 'int',
};

const integers = ['tinyint', 'smallint', 'int', 'bigint', 'largeint'];

/**
 * Versions differ in how `information_schema` prints a type: `BIGINT(20)` or `bigint`, `DECIMALV3(10, 2)` or `decimal(10,2)`,
 * `varchar(65533)` (StarRocks) or `string`, `tinyint(1)` (StarRocks) or `boolean`.
 */
export function parseStoreType(text: string): StoreType {
  const match = /^\s*([a-z0-9]+)\s*(?:\(([\d\s,]*)\))?/i.exec(text);
  const word = (match?.[1] ?? text).toLowerCase();
  const name = aliases[word] ?? word;
  const parameters = (match?.[2] ?? '').split(',').filter(Boolean).map(Number);
  if (name === 'tinyint' && parameters[0] === 1) return { name: 'boolean', parameters: [] };
  if (integers.includes(name) || name === 'boolean') return { name, parameters: [] };
  if (name === 'varchar' && (parameters[0] ?? 65_533) >= 65_533) {
    return { name: 'string', parameters: [] };
  }
  return { name, parameters };
}

/** `same`: nothing to do; `wider`: the store must widen its column first; `no`: values would be lost. */
export function compareTypes(stored: string, wanted: string): 'same' | 'wider' | 'no' {
  const [has, needs] = [parseStoreType(stored), parseStoreType(wanted)];
  if (holds(has, needs)) return 'same';
  return holds(needs, has) ? 'wider' : 'no';
}

/** Every value of `inner` is a value of `outer`, written the same. */
function holds(outer: StoreType, inner: StoreType): boolean {
  const [a = 0, b = 0] = outer.parameters;
  const [c = 0, d = 0] = inner.parameters;
  if (outer.name === inner.name) {
    if (outer.name === 'decimal') return b === d && a >= c;
    return a >= c;
  }
  const size = integers.indexOf(outer.name);
  if (size >= 0) return integers.includes(inner.name) && size > integers.indexOf(inner.name);
  if (outer.name === 'double') return inner.name === 'float';
  if (outer.name === 'string') return inner.name === 'varchar' || inner.name === 'char';
  return outer.name === 'varchar' && inner.name === 'char' && a >= c;
}
