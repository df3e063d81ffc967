import { z } from 'zod';
import { isTablePattern } from '../change/table-pattern.ts';
import { Secret } from '../lib/secret.ts';

const pattern = z.string().refine(isTablePattern, {
  message: 'is not a table pattern such as shop.orders, ads.* or !shop.tmp_*',
});

/** What every sink has; a sink's options spread these and add its own and `overrides: overridesOf({...})`. */
export const commonFields = {
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,40}$/, {
      message: 'must begin with a small letter and hold only small letters, digits, _ and -',
    })
    .meta({ description: 'Name of the sink in commands, status and logs.', example: 'serving' }),
  tables: z
    .array(pattern)
    .min(1)
    .meta({
      description:
        'Patterns of captured tables and of models that go into it, later ones win; `!` excludes.',
      example: ['shop.*', 'ads.*'],
    }),
  naming: z.string().min(1).default('{table}').meta({
    description:
      'Name of a table in the store; {database} (or the layer of a model) and {table} are filled in.',
    example: '{database}_{table}',
  }),
  onSchemaChange: z.enum(['evolve', 'lenient', 'ignore', 'stop']).default('evolve').meta({
    description:
      'When columns of a table change. evolve: the store follows; lenient: it follows, but columns that go stay there; ignore: the columns it has go on being filled; stop: the table stops until `cdc init --sink`.',
  }),
  batchRows: z.int().min(1).max(1_000_000).default(100_000).meta({
    description: 'Largest number of rows written at once.',
  }),
  batchBytes: z
    .int()
    .min(64 * 1024)
    .max(512 * 1024 ** 2)
    .default(16 * 1024 ** 2)
    .meta({ description: 'Largest size of what is written at once.' }),
  everySeconds: z.number().min(0).max(86_400).default(0).meta({
    description:
      'Shortest time between two writes of a table: larger ones for stores that dislike small ones.',
  }),
  parallelTables: z
    .int()
    .min(1)
    .max(32)
    .default(2)
    .meta({ description: 'Tables written at the same time.' }),
};

const mappedColumn = z.union([
  z.string().min(1),
  z.strictObject({ sql: z.string().min(1) }),
  z.strictObject({ value: z.union([z.string(), z.number(), z.boolean()]) }),
]);

/** `settings`: what the sink lets be said of single tables. */
export function overridesOf<Shape extends z.ZodRawShape>(settings: Shape) {
  return z
    .array(
      z.strictObject({
        tables: pattern.meta({
          description: 'Table pattern this entry is for.',
          example: 'ads.sales_daily',
        }),
        to: z.string().min(1).optional().meta({ description: 'As `naming`, for these tables.' }),
        columns: z
          .record(z.string(), mappedColumn)
          .optional()
          .meta({
            description:
              'Columns by their name in the store: the name of one in the warehouse, {sql: an expression over them}, or {value: a constant}.',
            example: { total: 'amount', day: { sql: 'toDate(paid_at)' }, shop: { value: 'main' } },
          }),
        keep: z
          .array(z.string())
          .min(1)
          .optional()
          .meta({ description: 'Only these columns of the warehouse; key columns always.' }),
        drop: z.array(z.string()).optional().meta({ description: 'Without these columns.' }),
        filter: z.string().min(1).optional().meta({
          description:
            'Only rows for which this ClickHouse expression is true; a row for which it is no longer true is deleted.',
          example: "status != 'draft'",
        }),
        settings: z
          .strictObject(settings)
          .prefault({} as never)
          .meta({ description: 'What the store is told about these tables.' }),
      }),
    )
    .default([])
    .meta({ description: 'Settings for some tables; later entries win, key by key.' });
}

export const secret = z
  .string()
  .default('')
  .transform((text) => new Secret(text));

/** TLS to a server, in the words of `source.ssl`. */
export const tlsOptions = z
  .strictObject({
    ca: z.string().optional().meta({ description: 'Path of a CA certificate (PEM).' }),
    cert: z.string().optional().meta({ description: 'Path of our certificate (PEM).' }),
    key: z.string().optional().meta({ description: 'Path of its key (PEM).' }),
    rejectUnauthorized: z
      .boolean()
      .default(true)
      .meta({ description: 'Refuse certificates that do not verify.' }),
  })
  .optional()
  .meta({ description: 'Present: connect with TLS.' });

/** What is common to the options of all sinks. */
export interface CommonSinkOptions extends z.output<z.ZodObject<typeof commonFields>> {
  readonly overrides: readonly SinkOverride[];
}

export interface SinkOverride {
  readonly tables: string;
  readonly to?: string | undefined;
  readonly columns?: Readonly<Record<string, ColumnMapping>> | undefined;
  readonly keep?: readonly string[] | undefined;
  readonly drop?: readonly string[] | undefined;
  readonly filter?: string | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
}

export type ColumnMapping = z.output<typeof mappedColumn>;
