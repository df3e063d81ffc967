/**
 * Writes the documentation that is made from the source: `npm run docs`. A unit test compares the
 * files with what this makes, so that they cannot go stale.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  alternatives,
  editorSchema,
  type JsonSchema,
  projectJsonSchema,
} from '../src/config/json-schema.ts';
import { CdcError, type ErrorCode, errorRegistry, exitCodeOf } from '../src/errors.ts';
import { renderTypesPage } from './types-page.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Path below the root -> text. */
export function renderDocs(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/config.md', renderConfigPage()],
    ['docs/config.schema.json', `${JSON.stringify(editorSchema(), null, 2)}\n`],
    ['docs/errors.md', renderErrorPage()],
    ['docs/types.md', renderTypesPage()],
  ]);
}

const generated = '<!-- Made by `npm run docs` from the source; do not edit. -->';

function renderConfigPage(): string {
  const stages = Object.entries(projectJsonSchema.properties ?? {});
  const plain = stages.filter(([, schema]) => !isSection(schema));
  const sections = stages.filter(([, schema]) => isSection(schema));
  return `${generated}

# The project file

\`cdc.yaml\` describes one project. Unknown keys are errors; \`cdc check\` names every problem at once, each with
its place. For completion in an editor, put this on the first line:

\`\`\`yaml
# yaml-language-server: $schema=<folder of the package>/docs/config.schema.json
\`\`\`

- \`\${NAME}\` inside a value is the environment variable, \`\${NAME:-default}\` has a default for when it is not set or
  empty, \`$\${\` is a literal \`\${\`. A file \`.env\` beside the project file is read as well; the environment wins.
- Write values that begin with \`*\` or \`!\` in quotes: \`tables: ['shop.*', '!shop.tmp_*']\`.
- \`log: embedded\`, \`warehouse: embedded\` and \`warehouse: http://user@host:8123\` are short forms.

A whole project can be as short as this:

\`\`\`yaml
source:
  type: mysql
  user: cdc
  password: \${CDC_SOURCE_PASSWORD}
  tables: ['shop.*']
\`\`\`

## Top level

${renderKeys(Object.fromEntries(plain), [], '')}
${sections.map(([name, schema]) => renderSection(name, schema)).join('\n')}`;
}

function isSection(schema: JsonSchema): boolean {
  return typesOf(schema).some(({ properties }) => properties !== undefined);
}

/** What a stage can be; of a list what each of its entries can be. */
function typesOf(schema: JsonSchema): readonly JsonSchema[] {
  return alternatives(schema.items ?? schema);
}

/** One stage: a table of its keys for each of its types. */
function renderSection(name: string, schema: JsonSchema): string {
  const types = typesOf(schema);
  const tables = types.map((type) => {
    const only = type.properties?.['type'];
    const heading =
      types.length === 1 ? '' : `### type: ${only?.const}\n\n${only?.description ?? ''}\n\n`;
    return heading + renderKeys(type.properties ?? {}, type.required ?? [], '');
  });
  const heading = schema.items === undefined ? name : `${name}[]`;
  return `## ${heading}\n\n${schema.description ?? ''}\n\n${tables.join('\n')}`;
}

function renderKeys(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
  prefix: string,
): string {
  const rows = keyRows(properties, required, prefix);
  return `| key | value | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function keyRows(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
  prefix: string,
): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const inner = schema.properties ?? schema.items?.properties;
    const row = [
      code(path + (schema.items === undefined ? '' : '[]')),
      renderValue(schema),
      required.includes(name) ? '**required**' : defaultOf(schema),
      meaningOf(schema),
    ];
    const innerRequired = schema.required ?? schema.items?.required ?? [];
    const innerPrefix = `${path}${schema.items === undefined ? '' : '[]'}.`;
    return [
      `| ${row.map(escapeCell).join(' | ')} |\n`,
      ...(inner === undefined ? [] : keyRows(inner, innerRequired, innerPrefix)),
    ];
  });
}

function renderValue(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(' or ');
  if (schema.properties !== undefined) return 'mapping';
  if (schema.items !== undefined) {
    return schema.items.properties === undefined ? 'list of text' : 'list of mappings';
  }
  if (schema.type === 'integer' || schema.type === 'number') {
    return `${schema.type === 'integer' ? 'whole number' : 'number'}${rangeOf(schema)}`;
  }
  if (schema.type === 'boolean') return 'true or false';
  return schema.format === 'uri' ? 'address' : 'text';
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const bounded = maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER;
  if (bounded) return ` ${minimum ?? ''}..${maximum}`;
  return minimum === undefined ? '' : `, at least ${minimum}`;
}

function defaultOf(schema: JsonSchema): string {
  const { default: fallback } = schema;
  const isEmpty = fallback === undefined || fallback === '' || schema.properties !== undefined;
  return isEmpty ? '' : code(JSON.stringify(fallback));
}

function meaningOf({ description = '', example }: JsonSchema): string {
  if (example === undefined) return description;
  const shown = Array.isArray(example)
    ? `[${example.map((one) => `'${one}'`).join(', ')}]`
    : example;
  return `${description} Example: ${code(String(shown))}`;
}

function renderErrorPage(): string {
  const kinds = [
    '| usage | 2 | the person typing: nothing was started |',
    '| transient | 1 | nobody yet: cdc tries again; the exit code is for when it gives up |',
    '| operator | 3 | the operator: a setting, a privilege, a disk, a table |',
    '| bug | 70 | us: please report it |',
  ];
  const entries = Object.entries(errorRegistry).map(([name, { kind, meaning, remedy }]) => {
    const exitCode = exitCodeOf(new CdcError(name as ErrorCode, ''));
    return `## ${name}\n\n${meaning}\n\n- What to do: ${remedy}\n- Kind: ${kind}, exit code ${exitCode}\n`;
  });
  return `${generated}

# Errors

An error says what failed and why, what to do, and one of these codes. Codes are never renamed or reused. The kind
says who has to act:

| kind | exit code | who acts |
| --- | --- | --- |
${kinds.join('\n')}

${entries.join('\n')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of renderDocs()) await writeFile(join(root, path), text);
}
