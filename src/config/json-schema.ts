import { z } from 'zod';
import { projectFileSchema } from './project-config.ts';
import type { DataPath } from './project-document.ts';

/** The parts of JSON Schema that our options come out as. */
export interface JsonSchema {
  readonly type?: string;
  readonly format?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly description?: string;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The project file as JSON Schema: the one reflection that messages and documentation are made from. */
export const projectJsonSchema = z.toJSONSchema(projectFileSchema, {
  io: 'input',
  target: 'draft-7',
}) as JsonSchema;

/** The schemas a value at `path` may have: several where a stage has several types. */
export function schemasAt(path: DataPath): readonly JsonSchema[] {
  let schemas = alternatives(projectJsonSchema);
  for (const step of path) {
    schemas = schemas.flatMap((schema) => {
      const inner = typeof step === 'number' ? schema.items : schema.properties?.[step];
      return inner === undefined ? [] : alternatives(inner);
    });
  }
  return schemas;
}

export function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const { oneOf, description } = schema;
  return (
    oneOf?.map((one) => ({ ...(description !== undefined && { description }), ...one })) ?? [schema]
  );
}

/** JSON Schema for editors: with the short forms, and with `${NAME}` wherever a value may stand. */
export function editorSchema(): object {
  const properties = { ...projectJsonSchema.properties };
  const { log, warehouse } = properties;
  return {
    ...(forEditor(projectJsonSchema) as object),
    title: 'cdc project file',
    properties: {
      ...mapValues(properties, forEditor),
      log: { description: log?.description, anyOf: [{ const: 'embedded' }, forEditor(log ?? {})] },
      warehouse: {
        description: warehouse?.description,
        anyOf: [
          { const: 'embedded' },
          { type: 'string', pattern: '^https?://' },
          forEditor(warehouse ?? {}),
        ],
      },
    },
  };
}

const reference = { type: 'string', pattern: '\\$\\{.+\\}' };

function forEditor(schema: JsonSchema): unknown {
  const { example, properties, items, oneOf, ...rest } = schema;
  const own = {
    ...rest,
    ...(example !== undefined && { examples: [example] }),
    ...(properties && { properties: mapValues(properties, forEditor) }),
    ...(items && { items: forEditor(items) }),
    ...(oneOf && { oneOf: oneOf.map(forEditor) }),
  };
  const needsReference =
    schema.enum !== undefined || ['integer', 'number', 'boolean'].includes(schema.type ?? '');
  if (!needsReference) return own;
  const { description, default: fallback, ...constraint } = own;
  return { description, default: fallback, anyOf: [constraint, reference] };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
