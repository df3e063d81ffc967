import { quoteIdentifier } from '../engine/sql-quote.ts';
import type { TypeMap } from './type-map.ts';

/** Settings for printing JSON: numbers that its readers would round are texts. */
export const jsonSettings = {
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_64bit_floats: 0,
  output_format_json_quote_decimals: 1,
  output_format_json_quote_denormals: 1,
  output_format_json_escape_forward_slashes: 0,
} as const;

/** Values as JSON objects hold them, a row a line. */
export const jsonTypes: TypeMap = {
  stored({ type }) {
    switch (type.kind) {
      case 'binary':
      case 'geometry': {
        const base64 = (value: string) => `base64Encode(${value})`;
        return { type: 'base64', render: base64, canonical: { engine: base64 } };
      }
      case 'int':
      case 'year':
        return { type: 'bits' in type && type.bits === 64 ? 'integer as text' : 'number' };
      case 'bit':
        return { type: 'integer as text' };
      case 'float':
        return { type: 'number', note: 'NaN and the infinities are the texts nan, inf and -inf.' };
      case 'decimal':
        return {
          type: 'decimal as text',
          canonical: { engine: (value) => `toDecimalString(${value}, ${type.scale})` },
        };
      case 'timestamp':
        return { type: 'text', note: '2026-01-31 07:05:00.000 in UTC' };
      default:
        return { type: 'text' };
    }
  },
  quote: quoteIdentifier,
  notes: [
    'A line is a change: the newest `_version` of a key is its state, and `_deleted` = 1 says that it is gone.',
    '“as text” is because many readers of JSON round such numbers.',
  ],
};
