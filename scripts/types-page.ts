/** docs/types.md: how values of each type lie in each store, from the type maps of the sinks themselves. */
import { z } from 'zod';
import type { ColumnType } from '../src/change/table-schema.ts';
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

interface Sample {
  readonly type: ColumnType;
  readonly sourceType: string;
  /** Of a model, so that no database has named the type. */
  readonly isModels?: true;
}

const int = (bits: 8 | 16 | 32 | 64, unsigned: boolean, sourceType: string): Sample => ({
  type: { kind: 'int', bits, unsigned },
  sourceType,
});
const decimal = (precision: number, scale: number): Sample => ({
  type: { kind: 'decimal', precision, scale },
  sourceType: `decimal(${precision},${scale})`,
});
const temporal = (kind: 'datetime' | 'timestamp' | 'time', fsp: number, text?: true): Sample => ({
  type: { kind, fsp, ...(text && { text }) },
  sourceType: `${kind}${fsp === 0 ? '' : `(${fsp})`}`,
});
const plain =
  (kind: 'string' | 'json' | 'binary' | 'geometry' | 'year' | 'bit' | 'date') =>
  (sourceType: string): Sample => ({ type: { kind }, sourceType });
const string = plain('string');

const zeroDate: Sample = { type: { kind: 'date', text: true }, sourceType: 'date' };
const wholeText = string('varchar(200)');
const unsigned64 = int(64, true, 'bigint unsigned');
const largeDecimal = decimal(65, 30);
const time: Sample = temporal('time', 6);
const document = plain('json')('json');
const blob = plain('binary')('blob');
const double: Sample = { type: { kind: 'float', bits: 64 }, sourceType: 'double' };

const samples: readonly Sample[] = [
  int(8, false, 'tinyint'),
  int(8, false, 'tinyint(1)'),
  int(16, false, 'smallint'),
  int(32, false, 'int'),
  int(64, false, 'bigint'),
  int(8, true, 'tinyint unsigned'),
  int(16, true, 'smallint unsigned'),
  int(32, true, 'int unsigned'),
  unsigned64,
  { type: { kind: 'float', bits: 32 }, sourceType: 'float' },
  double,
  decimal(10, 2),
  decimal(38, 10),
  largeDecimal,
  plain('bit')('bit(1)'),
  plain('bit')('bit(8)'),
  plain('bit')('bit(64)'),
  plain('year')('year'),
  plain('date')('date'),
  temporal('datetime', 0),
  temporal('datetime', 6),
  temporal('timestamp', 0),
  temporal('timestamp', 6),
  temporal('time', 0),
  time,
  string('char(10)'),
  wholeText,
  string('text'),
  string('longtext'),
  string("enum('a','b')"),
  string("set('a','b')"),
  document,
  plain('binary')('binary(16)'),
  plain('binary')('varbinary(200)'),
  blob,
  plain('geometry')('point'),
  plain('geometry')('geometry'),
  zeroDate,
  temporal('datetime', 6, true),
  temporal('timestamp', 6, true),
  temporal('time', 6, true),
];

/** Values that a store may have no place for. */
const hardValues: readonly { readonly value: string; readonly of: Sample }[] = [
  { value: 'Unsigned integers of 64 bits, up to 18446744073709551615', of: unsigned64 },
  { value: 'Decimals of 65 digits', of: largeDecimal },
  { value: 'Zero dates (0000-00-00), captured as text: `source.temporal`', of: zeroDate },
  { value: 'Times beyond a day, and negative ones', of: time },
  { value: 'Text with U+0000, and characters of four bytes in UTF-8', of: wholeText },
  { value: 'Text of models, which may not be UTF-8', of: { ...wholeText, isModels: true } },
  { value: 'NaN and infinities, which models may compute', of: double },
  { value: 'Bytes', of: blob },
  { value: 'JSON documents', of: document },
];

const engineTypes = [
  ...[
    'Bool',
    'UInt8',
    'Int64',
    'UInt128',
    'Float64',
    'Decimal(18, 4)',
    'Date',
    'Date32',
    'DateTime',
  ],
  ...[
    "DateTime64(3, 'UTC')",
    'DateTime64(9)',
    'String',
    'FixedString(16)',
    'LowCardinality(String)',
  ],
  ...[
    'UUID',
    'IPv4',
    "Enum8('a' = 1)",
    'Array(Int32)',
    'Map(String, Int64)',
    'Tuple(Int32, String)',
  ],
  ...['AggregateFunction(uniq, Int32)'],
];

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
