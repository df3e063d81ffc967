import { z } from 'zod';
import { commonFields, overridesOf, secret, tlsOptions } from '../common-options.ts';

/** Batches of changes, posted to an HTTP endpoint. */
export const webhookSinkOptions = z.strictObject({
  type: z.literal('webhook').meta({
    description:
      'An HTTP endpoint that gets every change at least once, by POST, as lines of JSON or as an array.',
  }),
  ...commonFields,
  batchRows: commonFields.batchRows.unwrap().default(500).meta({
    description: 'Largest number of rows in a request.',
  }),
  batchBytes: commonFields.batchBytes
    .unwrap()
    .default(1024 ** 2)
    .meta({ description: 'Largest size of a request’s body, about.' }),
  url: z.url({ protocol: /^https?$/ }).meta({
    description: 'Address; {table} is replaced by the name of the table.',
    example: 'https://hooks.internal/changes/{table}',
  }),
  body: z.enum(['ndjson', 'array']).default('ndjson').meta({
    description: 'ndjson: an object a line (application/x-ndjson); array: one JSON array.',
  }),
  bearer: secret.meta({
    description: 'Present: sent as `Authorization: Bearer ...`; write ${NAME}.',
  }),
  signingSecret: secret.meta({
    description:
      'Present: each request is signed with it, HMAC-SHA256, as Standard Webhooks has it (webhook-signature).',
  }),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string())
    .default({})
    .meta({ description: 'Further headers.', example: { 'X-Team': 'data' } }),
  ssl: tlsOptions,
  timeoutSeconds: z.number().min(1).max(3_600).default(30).meta({
    description: 'A request that takes longer is broken off and repeated.',
  }),
  overrides: overridesOf({}),
});

export type WebhookSinkOptions = z.output<typeof webhookSinkOptions>;
