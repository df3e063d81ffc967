/** docs/types.md: how values of each type lie in each store, from the type maps of the sinks themselves. */
import { z } from 'zod';
import type { JsonSchema } from '../src/config/json-schema.ts';
import { clickhouseType } from '../src/engine/column-type.ts';
import { CdcError } from '../src/errors.ts';
import { clickhouseTypes } from '../src/sink/clickhouse/type-map.ts';
import { commonFields } from '../src/sink/common-options.ts';
import { dorisTypes } from '../src/sink/doris/type-map.ts';
import { filesTypes } from '../src/sink/files/type-map.ts';
import { hiveTypes } from '../src/sink/hive/type-map.ts';
import { hologresTypes } from '../src/sink/hologres/type-map.ts';
import { jsonTypes } from '../src/sink/json-types.ts';
import { kafkaTypes } from '../src/sink/kafka/type-map.ts';
import { lakeTypes } from '../src/sink/lake/type-map.ts';
import { modelType } from '../src/sink/model-types.ts';
import { mysqlTypes } from '../src/sink/mysql/type-map.ts';
import { type SinkOptions, sinkOptions } from '../src/sink/options.ts';
import { postgresTypes } from '../src/sink/postgres/type-map.ts';
import { redisTypes } from '../src/sink/redis/type-map.ts';
import type { SinkColumn } from '../src/sink/sink-table.ts';
import type { StoredColumn, TypeMap } from '../src/sink/type-map.ts';
import { engineTypes, hardValues, type Sample, samples } from './type-samples.ts';

type Sinks = { readonly [Type in SinkOptions['type']]: Extract<SinkOptions, { type: Type }> };

/** A sink that is new here does not compile until it is named. */
const typeMaps: { readonly [Type in keyof Sinks]: (options: Sinks[Type]) => TypeMap } = {
  clickhouse: clickhouseTypes,
  doris: dorisTypes,
  postgres: postgresTypes,
  hologres: hologresTypes,
  mysql: mysqlTypes,
  hive: () => hiveTypes,
  lake: ({ format }) => lakeTypes(format),
  redis: () => redisTypes,
  kafka: ({ format }) => kafkaTypes(format),
  files: () => filesTypes,
  webhook: () => jsonTypes,
  command: () => jsonTypes,
};

/** What no project file can leave out; the values say nothing about types. */
const required: { readonly [Type in keyof Sinks]?: object } = {
  clickhouse: { url: 'http://localhost:8123' },
  doris: { frontends: ['http://localhost:8030'], database: 'serving' },
  postgres: { user: 'cdc', database: 'serving' },
  hologres: { host: 'localhost', user: 'cdc', database: 'serving' },
  mysql: { user: 'cdc', database: 'serving' },
  hive: { host: 'localhost', database: 'ods', files: { type: 'local', path: '/lake' } },
  lake: { path: '/lake' },
  kafka: { brokers: ['localhost:9092'] },
  files: { folder: 'out' },
  webhook: { url: 'http://localhost' },
  command: { command: ['cat'] },
};

interface SinkTypes {
  readonly name: string;
  readonly types: TypeMap;
  /** Options whose value changes how something lies in the store. */
  readonly choices: readonly { readonly option: string; readonly effects: readonly string[] }[];
}

export function renderTypesPage(): string {
  const sinks = (Object.keys(typeMaps) as SinkOptions['type'][]).map(describeSink);
  return `<!-- Made by \`npm run docs\` from the source; do not edit. -->

# Types in sinks

How values lie in each store, with the options of the project file as they are by default. Made from the rules that the sinks themselves follow.

- The engine converts a value when it prints it. What a store cannot hold is refused, or changed by a rule that is written here; never otherwise.
- A row with a value that is refused becomes a dead letter (\`cdc deadletter list --sink <name>\`); the other rows go on.
- Columns that may not be NULL in the source may not be in the store, unless a sink says otherwise.

## Overview

${overview(sinks)}
A date or time *as text* is one that was captured so: \`source.temporal\`.

Columns of models have types of the engine. They are stored as:

${modelTypes()}
## Values that do not fit everywhere

${hardValues.map((each) => hardValue(each, sinks)).join('\n')}
${sinks.map(renderSink).join('\n')}`;
}

function describeSink(name: SinkOptions['type']): SinkTypes {
  const types = typesOf(name, {});
  if (types === undefined) throw new Error(`name what a ${name} sink requires, in \`required\``);
  const choices = variants(name).map(({ option, more }) => ({
    option,
    effects: differences(types, typesOf(name, more)),
  }));
  return { name, types, choices: choices.filter(({ effects }) => effects.length > 0) };
}

/** Undefined when the options need others, which do not speak of types then. */
function typesOf<Type extends SinkOptions['type']>(type: Type, more: object): TypeMap | undefined {
  const options = { type, name: 'docs', tables: ['*.*'], ...required[type], ...more };
  const { data } = sinkOptions.safeParse(options);
  return data && typeMaps[type](data as Sinks[Type]);
}

/** Every option of the sink with every word that it may have instead of its default. */
function variants(name: string): { option: string; more: object }[] {
  const schema = z.toJSONSchema(sinkOptions, { io: 'input', target: 'draft-7' }) as JsonSchema;
  const own = schema.oneOf?.find(({ properties }) => properties?.['type']?.const === name);
  const found: { option: string; more: object }[] = [];
  const look = (properties: JsonSchema['properties'], path: readonly string[]) => {
    for (const [key, { enum: words = [], default: usual, properties: inner }] of Object.entries(
      properties ?? {},
    )) {
      if (path.length === 0 && (key in commonFields || key === 'overrides')) continue;
      const place = [...path, key];
      look(inner, place);
      for (const word of words.filter((each) => each !== usual)) {
        const more = place.reduceRight<unknown>((value, part) => ({ [part]: value }), word);
        found.push({ option: `${place.join('.')}: ${word}`, more: more as object });
      }
    }
  };
  look(own?.properties, []);
  return found;
}

function differences(before: TypeMap, after: TypeMap | undefined): string[] {
  if (after === undefined) return [];
  const changed = new Map<string, string[]>();
  for (const sample of samples) {
    const [left, right] = [before, after].map((types) => cellOf(types, sample));
    if (left === right || right === undefined) continue;
    changed.set(right, [...(changed.get(right) ?? []), nameOf(sample)]);
  }
  return [...changed].map(([cell, names]) => `${names.map(code).join(', ')}: ${cell}`);
}

function overview(sinks: readonly SinkTypes[]): string {
  const rows = samples.map((sample) => [
    code(nameOf(sample)),
    ...sinks.map(({ types }) => storedIn(types, sample)?.type ?? 'refused'),
  ]);
  return table(['source', ...sinks.map(({ name }) => name)], rows);
}

function modelTypes(): string {
  const rows = engineTypes.map((name) => {
    const found = modelType(name);
    const own = found && clickhouseType({ type: found.type, nullable: false });
    const kind = found?.type.kind === 'json' ? 'JSON text' : own;
    return [code(name), found === undefined ? 'no sink can hold it' : (kind ?? '')];
  });
  return table(['model', 'as'], rows);
}

function hardValue(
  { value, of }: (typeof hardValues)[number],
  sinks: readonly SinkTypes[],
): string {
  const rows = sinks.map(({ name, types }) => [name, cellOf(types, of) ?? 'the table is refused']);
  return `### ${value}\n\n${table(['sink', 'lies there as'], rows)}`;
}

function renderSink({ name, types, choices }: SinkTypes): string {
  const rows = samples.map((sample) => {
    const cell = cellOf(types, sample) ?? 'the table is refused';
    const inKey = cellOf(types, sample, true) ?? 'the table is refused';
    return [code(nameOf(sample)), cell, inKey === cell ? '' : inKey];
  });
  const quoting = ['order', 'na`me', 'na"me', 'na\\me'].map(
    (each) => `${code(each)} is written ${code(types.quote(each))}`,
  );
  const notes = [...types.notes, `Names: ${quoting.join(', ')}.`].map((note) => `- ${note}\n`);
  const options = choices.flatMap(({ option, effects }) =>
    effects.map((effect) => [code(option), effect]),
  );
  const chosen =
    options.length === 0 ? '' : `\nBy choice:\n\n${table(['option', 'effect'], options)}`;
  return `## ${name}\n\n${notes.join('')}\n${table(['source', 'in the store', 'in a key'], rows)}${chosen}`;
}

/** Type and what is special about it; undefined where the store has no place for such a column. */
function cellOf(types: TypeMap, sample: Sample, isKey = false): string | undefined {
  const stored = storedIn(types, sample, isKey);
  if (stored === undefined) return undefined;
  const { type, note, refuses } = stored;
  const remark = note?.replace(/\.$/, '');
  const parts = [type, remark, refuses && `refused: a value that ${refuses.reason}`];
  return [...new Set(parts)].filter((part) => part !== undefined).join('; ');
}

function storedIn(types: TypeMap, sample: Sample, isKey = false): StoredColumn | undefined {
  const { type, sourceType, isModels } = sample;
  const column: SinkColumn = {
    name: 'value',
    type,
    nullable: false,
    isKey,
    engineType: clickhouseType({ type, nullable: false }),
    ...(!isModels && { sourceType }),
  };
  try {
    return types.stored(column);
  } catch (error) {
    if (error instanceof CdcError && error.code === 'CDC_SINK_INCOMPATIBLE') return undefined;
    throw error;
  }
}

function nameOf({ type, sourceType }: Sample): string {
  return 'text' in type && type.text ? `${sourceType} as text` : sourceType;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

/** In as many backticks as are not in it. */
function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}
