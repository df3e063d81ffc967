import { z } from 'zod';
import { commonFields, overridesOf } from '../common-options.ts';

/** Batches of changes, each the standard input of a command. */
export const commandSinkOptions = z.strictObject({
  type: z.literal('command').meta({
    description: 'A command that is run for each batch, with lines of JSON as its standard input.',
  }),
  ...commonFields,
  command: z
    .array(z.string())
    .min(1)
    .meta({
      description:
        'Program and its arguments, started where cdc was started; no shell is between them and it.',
      example: ['python3', 'take.py'],
    }),
  timeoutSeconds: z.number().min(1).max(86_400).default(300).meta({
    description: 'A run that takes longer is ended and repeated.',
  }),
  overrides: overridesOf({}),
});

export type CommandSinkOptions = z.output<typeof commandSinkOptions>;
