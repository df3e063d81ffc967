import { quoteString } from '../../engine/sql-quote.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';

/** Every value is the text that the engine makes of it; what the kinds of value make of texts is theirs to say. */
export const redisTypes: TypeMap = {
  stored({ type }): StoredColumn {
    const isText = 'text' in type && type.text === true;
    switch (isText ? 'string' : type.kind) {
      case 'string':
      case 'json':
        return { type: 'text' };
      case 'binary':
      case 'geometry': {
        const base64 = (value: string) => `base64Encode(${value})`;
        return { type: 'base64 text', render: base64, canonical: { engine: base64 } };
      }
      case 'float': {
        const bits = type.kind === 'float' ? type.bits : 64;
        return { type: 'number', render: toText, canonical: { engine: floatBits(bits) } };
      }
      case 'datetime':
      case 'timestamp':
      case 'time': {
        const hasFraction = 'fsp' in type && type.fsp > 0;
        const canonical = hasFraction ? { canonical: { engine: withoutZeros } } : {};
        return { type: 'text', render: toText, ...canonical };
      }
      case 'date':
        return { type: 'text', render: toText };
      default:
        return { type: 'number', render: toText };
    }
  },
  quote: (name) => name,
  notes: [
    'A hash has a field for each column that is not NULL, and `_version` (19 digits).',
    'JSON values begin with `_version`; NULL is null, integers of up to 32 bits and floats are numbers, 64-bit integers, decimals and bits are strings, so that no digit is lost; JSON columns are embedded as they are, and left out when NULL.',
    'In protobuf NULL is a field that is not there; every other value is written, zeros too.',
    'In a template NULL is `\\N`.',
    'Binary values and geometries are base64, in protobuf bytes.',
  ],
};

const toText = (value: string) => `toString(${value})`;

/** Text of a time whose digits after the point say nothing about the type: a widened column has the same one. */
const withoutZeros = (value: string) =>
  `replaceRegexpOne(toString(${value}), ${quoteString('\\.?0+$')}, '')`;

/** Floats have many texts; their bits are what is compared. */
function floatBits(bits: 32 | 64): (value: string) => string {
  return (value) =>
    `multiIf(isNull(${value}), NULL, isNaN(assumeNotNull(${value})), 'nan', ` +
    `toString(reinterpretAsUInt${bits}(assumeNotNull(${value}))))`;
}
