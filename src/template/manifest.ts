import { z } from 'zod';

/**
 * `templates/<name>/template.json`: what a template asks for and what it writes.
 *
 * - `files` are text with `{{parameter}}` placeholders. In a `.yaml` file a placeholder stands for a
 *   whole YAML value and is written as one (`tables: {{tables}}`), elsewhere for text.
 * - `copy` takes files and folders as they are; `from` may point anywhere in the package.
 * - `{{name}}`, the name of the new folder, is always there.
 */
const parameterSchema = z.strictObject({
  name: z.string().regex(/^[a-z][A-Za-z0-9]*$/),
  description: z.string().min(1),
  /** `list` values are separated by commas on the command line. */
  type: z.enum(['text', 'integer', 'list']).default('text'),
  /** Absent: the parameter must be given. */
  default: z.string().optional(),
  example: z.string().optional(),
  /** What the value, or each value of a list, must match as a whole; `mustBe` says it in words. */
  pattern: z.string().optional(),
  mustBe: z.string().optional(),
  minimum: z.int().optional(),
  maximum: z.int().optional(),
});

const transferSchema = z.strictObject({ from: z.string().min(1), to: z.string().min(1) });

export const manifestSchema = z.strictObject({
  description: z.string().min(1),
  parameters: z.array(parameterSchema).default([]),
  files: z.array(transferSchema).default([]),
  copy: z.array(transferSchema).default([]),
});

export type TemplateManifest = z.output<typeof manifestSchema>;
export type TemplateParameter = TemplateManifest['parameters'][number];
