import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { TypeMap } from '../type-map.ts';

/** Every value is the text that the engine makes of it; bytes as hex, because JSON holds text only. */
export const memoryTypes: TypeMap = {
  stored({ type }) {
    if (type.kind !== 'binary' && type.kind !== 'geometry') {
      return { type: 'text', render: (value) => `toString(${value})` };
    }
    const hex = (value: string) => `lower(hex(${value}))`;
    return { type: 'hex', render: hex, canonical: { engine: hex } };
  },
  quote: quoteIdentifier,
  notes: ['Values are texts in the memory of cdc.'],
};
