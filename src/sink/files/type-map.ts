import { jsonTypes } from '../json-types.ts';
import type { TypeMap } from '../type-map.ts';

/** CSV holds the same texts as JSON. */
export const filesTypes: TypeMap = {
  ...jsonTypes,
  notes: [
    ...jsonTypes.notes,
    'In CSV, numbers have no quotes, texts have, and NULL is \\N without quotes.',
  ],
};
