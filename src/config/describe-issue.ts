import type { z } from 'zod';
import { nearestName } from '../lib/nearest-name.ts';
import { type JsonSchema, schemasAt } from './json-schema.ts';
import type { DataPath } from './project-document.ts';

export interface IssueDescription {
  readonly path: DataPath;
  /** What the place in the file is that of: the value, the key itself, or the thing that lacks a key. */
  readonly about: 'value' | 'key' | 'parent';
  readonly message: string;
  readonly remedy?: string;
}

/**
 * Says a zod issue in the words of the project file. `value` is what stands at the issue's path;
 * `showValue` is false for passwords and for what came from the environment.
 */
export function describeIssue(
  issue: z.core.$ZodIssue,
  value: unknown,
  showValue: boolean,
): IssueDescription[] {
  const path = issue.path as (string | number)[];
  const schema = schemasAt(path)[0] ?? {};
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => describeUnknownKey(path, key));
  }
  if (value === undefined && path.length > 0) return [describeMissing(path)];
  const found = showValue ? `, found ${renderValue(value)}` : '';
  if (issue.code === 'invalid_value' || issue.code === 'invalid_union') {
    const choices =
      issue.code === 'invalid_value' ? issue.values.map(String) : choicesAt(path, schema);
    return [describeChoice(path, choices, value, found)];
  }
  const expected = expectationOf(schema);
  const about = value === null ? 'key' : 'value';
  const isOurMessage = issue.code === 'custom' || issue.code === 'invalid_format';
  if (expected === undefined || (isOurMessage && schema.format === undefined)) {
    const shown = showValue && typeof value === 'string' ? `"${value}" ` : '';
    return [{ path, about, message: `${shown}${uncapitalize(issue.message)}` }];
  }
  const remedy = remedyFor(schema, value);
  return [
    {
      path,
      about,
      message: `expected ${expected}${found}`,
      ...(remedy !== undefined && { remedy }),
    },
  ];
}

function describeUnknownKey(path: DataPath, key: string): IssueDescription {
  const known = schemasAt(path).flatMap((schema) => Object.keys(schema.properties ?? {}));
  const nearest = nearestName(key, known);
  return {
    path: [...path, key],
    about: 'key',
    message: 'unknown key',
    remedy:
      nearest === undefined
        ? `Remove it, or use one of: ${[...new Set(known)].join(', ')}.`
        : `Did you mean "${nearest}"?`,
  };
}

function describeMissing(path: DataPath): IssueDescription {
  const schema = schemasAt(path)[0] ?? {};
  const key = path.at(-1);
  const example = schema.example ?? schema.const ?? schema.enum?.[0];
  return {
    path,
    about: 'parent',
    message: `is required${schema.description === undefined ? '' : `: ${uncapitalize(schema.description).replace(/\.$/, '')}`}`,
    remedy:
      example === undefined
        ? 'Add it; docs/config.md lists its keys.'
        : `Add it, for example \`${key}: ${renderYaml(example)}\`.`,
  };
}

function describeChoice(
  path: DataPath,
  choices: readonly string[],
  value: unknown,
  found: string,
): IssueDescription {
  const nearest = typeof value === 'string' ? nearestName(value, choices) : undefined;
  return {
    path,
    about: value === null ? 'key' : 'value',
    message: `expected ${choices.length > 1 ? 'one of ' : ''}${choices.join(', ')}${found}`,
    ...(nearest !== undefined && { remedy: `Did you mean "${nearest}"?` }),
  };
}

function choicesAt(path: DataPath, schema: JsonSchema): string[] {
  const constants = schemasAt(path).flatMap((one) => one.const ?? []);
  return constants.length > 0 ? constants : [...(schema.enum ?? [])];
}

/** What a value must be, in words. */
function expectationOf(schema: JsonSchema): string | undefined {
  const { type, minimum, maximum } = schema;
  if (type === 'integer' || type === 'number') {
    const unbounded = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
    const range = unbounded
      ? minimum === undefined
        ? ''
        : ` of at least ${minimum}`
      : ` from ${minimum ?? 0} to ${maximum}`;
    return `${type === 'integer' ? 'a whole number' : 'a number'}${range}`;
  }
  if (type === 'boolean') return 'true or false';
  if (type === 'string') return schema.format === 'uri' ? 'an address' : 'text';
  if (type === 'array') return 'a list (one `- value` on each line)';
  if (type === 'object') return `a mapping with ${Object.keys(schema.properties ?? {}).join(', ')}`;
  return undefined;
}

function remedyFor(schema: JsonSchema, value: unknown): string | undefined {
  if (schema.format !== undefined && schema.example !== undefined) {
    return `Write it like \`${schema.example}\`.`;
  }
  if (schema.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) {
    return 'Write it in quotes.';
  }
  return schema.type === 'object' ? schema.description : undefined;
}

function renderValue(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return JSON.stringify(value);
}

function renderYaml(example: unknown): string {
  if (!Array.isArray(example)) return String(example);
  return `[${example.map((item) => `'${item}'`).join(', ')}]`;
}

function uncapitalize(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
