import { z } from 'zod';
import { isTablePattern } from '../change/table-pattern.ts';
import { Secret } from '../lib/secret.ts';
import { FilterSyntaxError } from './filter/filter-error.ts';
import { parseFilter } from './filter/parse-filter.ts';
import { templateProblem } from './topic-template.ts';

const tablePattern = z.string().refine(isTablePattern, {
  message: 'is not a table pattern such as shop.orders, shop.* or !shop.tmp_*',
});

const tables = tablePattern.meta({
  description: 'Table pattern over `database.table` of the source.',
  example: 'shop.*',
});

const columnName = z.string().min(1);

const businessName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, { message: 'may hold only letters, digits, _ and -' });

const merge = z.strictObject({
  tables: tables.meta({
    description: 'The shards, of the tables of this business.',
    example: 'shop.orders_*',
  }),
  into: z
    .string()
    .regex(/^[^.\s*?!]+\.[^.\s*?!]+$/, { message: 'is not a table such as shop.orders' })
    .meta({ description: 'The one table they become.', example: 'shop.orders' }),
  shard: columnName.default('shard').meta({
    description:
      'Name of the column that says which shard a row is from; it is the first of the key, for two shards may hold the same key.',
    example: 'shard',
  }),
  shardValue: z
    .string()
    .default('{database}.{table}')
    .refine((text) => templateProblem(text, ['database', 'table', 'project']) === undefined, {
      message: 'may use {database}, {table} and {project} only',
    })
    .meta({
      description: 'What the column holds: a template over {database}, {table} and {project}.',
      example: '{project}/{database}.{table}',
    }),
});

const business = z.strictObject({
  name: businessName.meta({ description: 'Name of the business.', example: 'sales' }),
  tables: z
    .array(tablePattern)
    .min(1)
    .meta({
      description: 'Its tables: patterns, later ones win; `!` excludes.',
      example: ['shop.order*', 'shop.payment'],
    }),
  merge: z
    .array(merge)
    .default([])
    .meta({ description: 'Sharded tables that become one table; later entries win.' }),
  owner: z
    .string()
    .optional()
    .meta({ description: 'Whom to ask; for people.', example: 'sales-data@school.example' }),
  description: z
    .string()
    .optional()
    .meta({ description: 'What it is; for people.', example: 'Orders and payments.' }),
});

const actions = ['drop', 'rename', 'mask', 'hash', 'truncate'] as const;

const columnRule = z
  .strictObject({
    tables: tables.meta({ description: 'Tables that the rule is for.', example: 'shop.*' }),
    column: columnName
      .optional()
      .meta({ description: 'The column, by its name in the source.', example: 'phone' }),
    columns: z
      .array(columnName)
      .min(1)
      .optional()
      .meta({ description: 'Several columns instead of one.', example: ['phone', 'email'] }),
    drop: z
      .literal(true)
      .optional()
      .meta({ description: 'Leave the column out. Not for key columns.', example: true }),
    rename: columnName
      .optional()
      .meta({ description: 'Another name for the column.', example: 'buyer_id' }),
    mask: z.string().optional().meta({
      description: 'This text in place of every value; NULL stays NULL. Not for key columns.',
      example: '***',
    }),
    hash: z
      .strictObject({
        salt: z
          .string()
          .min(1)
          .transform((text) => new Secret(text))
          .meta({ description: 'Put before the value.', example: '${CDC_HASH_SALT}' }),
      })
      .optional()
      .meta({
        description:
          'SHA-256, in hexadecimal, of the salt and the value as text; NULL stays NULL. Equal values stay equal.',
      }),
    truncate: z.int().min(0).optional().meta({
      description: 'Keep this many characters of a text column. Not for key columns.',
      example: 3,
    }),
  })
  .refine((rule) => (rule.column === undefined) !== (rule.columns === undefined), {
    message: 'name either column or columns',
  })
  .refine((rule) => actions.some((action) => rule[action] !== undefined), {
    message: `say what to do with the column: ${actions.join(', ')}`,
  })
  .refine(
    (rule) =>
      actions.filter((action) => action !== 'rename' && rule[action] !== undefined).length <= 1,
    { message: 'only one of drop, mask, hash and truncate can be done to a column' },
  )
  .refine((rule) => rule.drop === undefined || rule.rename === undefined, {
    message: 'a column that is dropped cannot be renamed',
  })
  .refine((rule) => rule.rename === undefined || rule.columns === undefined, {
    message: 'rename takes one column',
  });

const filterRule = z.strictObject({
  tables: tables.meta({ description: 'Tables that the filter is for.', example: 'shop.orders' }),
  where: z
    .string()
    .superRefine((text, context) => {
      try {
        parseFilter(text);
      } catch (error) {
        if (!(error instanceof FilterSyntaxError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
      }
    })
    .meta({
      description: 'Rows to keep, in the language of docs/routing.md, over the source’s columns.',
      example: "status != 'draft' AND amount >= 10",
    }),
});

const lookup = z.strictObject({
  table: z
    .string()
    .regex(/^[^.\s*?!]+\.[^.\s*?!]+$/, { message: 'is not a table such as meta.event_routes' })
    .meta({
      description: 'A captured table that says which business wants which event.',
      example: 'meta.event_routes',
    }),
  key: columnName.meta({
    description: 'Its column with the value that events carry.',
    example: 'event_name',
  }),
  business: columnName.meta({
    description: 'Its column with the business, or several with commas between.',
    example: 'business',
  }),
  event: z
    .strictObject({
      tables: tables.meta({ description: 'Tables of events.', example: 'app.events_*' }),
      column: columnName.meta({
        description: 'Their column that is looked up.',
        example: 'event_name',
      }),
    })
    .meta({ description: 'What is routed.' }),
  unmatched: businessName.meta({
    description:
      '`drop` leaves an event without a route out and counts it, `default` gives it to the business of its table, `stop` stops its table; anything else names the business that takes it.',
    example: 'default',
  }),
});

/** What a project file may say about where changes go and what they hold. */
export const routeOptions = z.strictObject({
  topic: z
    .string()
    .default('{prefix}.{business}.{table}')
    .superRefine((text, context) => {
      const message = templateProblem(text, ['prefix', 'business', 'database', 'table']);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({
      description:
        'Topic of a table in a log that has topics: a template over {prefix}, {business}, {database} and {table}.',
      example: '{prefix}.{business}',
    }),
  unmatchedTables: z.enum(['database', 'stop']).default('database').meta({
    description:
      'A table in no business: `database` makes its database its business, `stop` refuses it.',
  }),
  businesses: z
    .array(business)
    .default([])
    .superRefine((businesses, context) => {
      const names = businesses.map(({ name }) => name);
      names.forEach((name, index) => {
        if (names.indexOf(name) === index) return;
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: 'is the name of two businesses',
        });
      });
      const targets = businesses.flatMap(({ merge: merges }, at) =>
        merges.map(({ into }, index) => ({ into, path: [at, 'merge', index, 'into'] })),
      );
      targets.forEach(({ into, path }, index) => {
        if (targets.findIndex((other) => other.into === into) === index) return;
        context.addIssue({ code: 'custom', path, message: 'is the target of two merges' });
      });
    })
    .meta({ description: 'Named groups of tables; the last one that matches a table has it.' }),
  columns: z
    .array(columnRule)
    .default([])
    .meta({ description: 'What becomes of columns; later entries win.' }),
  filter: z
    .array(filterRule)
    .default([])
    .meta({ description: 'Rows to keep; a table with several filters keeps what passes all.' }),
  lookup: lookup.optional().meta({
    description: 'Routes rows to businesses by a value in them, looked up in a captured table.',
  }),
});

export type RouteOptions = z.output<typeof routeOptions>;
export type ColumnRuleOptions = RouteOptions['columns'][number];
export type LookupOptions = NonNullable<RouteOptions['lookup']>;
