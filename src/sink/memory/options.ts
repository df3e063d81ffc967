import { z } from 'zod';
import { commonFields, overridesOf } from '../common-options.ts';

/** Rows in this process's memory, gone when it ends: for trying out what a sink would get. */
export const memorySinkOptions = z.strictObject({
  type: z
    .literal('memory')
    .meta({ description: 'Rows in the memory of cdc, for trying things out; nothing is kept.' }),
  ...commonFields,
  overrides: overridesOf({}),
});
