import { defaultEncoding, type MessageLayout } from '../../change/message-layout.ts';
import {
  arrivalColumn,
  type Column,
  deletedColumn,
  type TableSchema,
  versionColumn,
} from '../../change/table-schema.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import { incompatible } from './ddl.ts';
import type { InsertSelect } from './insert-engine.ts';
import { type MessageRows, messageRows, names, pathOf, textName } from './message-rows.ts';
import { readValue, type ValueReading } from './message-values.ts';

/** How the engine makes rows of a table of lines of messages; see `planMessages`. */
export interface MessagePlan {
  /** Columns that `rows` gives, in its order. */
  readonly columns: readonly string[];
  /** The rows, exactly as row bytes would give them. One line that does not fit fails all of it. */
  readonly rows: InsertSelect;
  /** A number for each row that `rows` would give. */
  readonly count: InsertSelect;
  /** `(i UInt32, reason String)` of each numbered line whose JSON has the right form; no reason where it fits. */
  readonly verdicts: InsertSelect;
  /** Bodies have each line twice: `line <tab> line`. */
  readonly isTwice: boolean;
  readonly settings: Readonly<Record<string, string | number>>;
  /** Each line gives one row. */
  readonly isOneToOne: boolean;
}

/** Of the bodies that a plan's queries read. */
export const messageFormat = 'CustomSeparated' as const;

/**
 * Lines of `layout` -> rows of `schema`, in SQL. Bodies are in `CustomSeparated` with JSON fields: other
 * than JSONEachRow it takes exactly one JSON value for a line, so no message can bring a second row in.
 * Every column is read as text and then converted with a check (message-values.ts), because what the
 * engine's typed readers let pass is not what the message says. Throws CDC_SCHEMA_INCOMPATIBLE.
 */
export function planMessages(schema: TableSchema, layout: MessageLayout): MessagePlan {
  const rows = messageRows(schema, layout);
  if (rows === undefined) {
    throw unreadable(schema, 'the paths of two columns lead through one another');
  }
  const columns = schema.columns.map((column, index) =>
    planColumn(schema, layout, rows, column, index),
  );
  const encodings = schema.columns.map((column) => encodingOf(layout, column));
  const isTwice = encodings.includes('value');
  const structure = `line ${rows.lineType}${isTwice ? `, ${names.raw} String` : ''}`;
  const keeps = isTwice ? [names.raw] : [];
  const isWanted = rows.isIgnored && `NOT ${rows.isIgnored}`;
  const found = (from: string) => `(${rows.query(from, keeps, isWanted)})`;
  const version = rows.mayLackVersion ? `assumeNotNull(${names.version})` : names.version;
  const values = [
    ...columns.map(({ value }) => value),
    version,
    `toUInt8(${names.deleted} + throwIf(${badnessOf(rows, columns)}, 'a message does not fit'))`,
    ...(schema.arrival ? [names.arrival] : []),
  ];
  return {
    columns: [
      ...schema.columns.map(({ name }) => name),
      versionColumn,
      deletedColumn,
      ...(schema.arrival ? [arrivalColumn] : []),
    ],
    rows: { structure, query: (from) => `SELECT ${values.join(', ')} FROM ${found(from)}` },
    count: { structure, query: (from) => `SELECT toUInt8(1) FROM ${found(from)}` },
    verdicts: {
      structure: `${names.line} UInt32, ${structure}`,
      query: (from) =>
        `SELECT ${names.line}, ${reasonOf(rows, columns)} ` +
        `FROM (${rows.query(from, [names.line, ...keeps])})`,
    },
    isTwice,
    settings: settingsFor(isTwice || encodings.includes('geometry')),
    isOneToOne: rows.isOneToOne,
  };
}

interface PlannedColumn {
  readonly value: string;
  readonly isKey: boolean;
  /** SQL condition; undefined where every text will do. */
  readonly isBad: string | undefined;
  /** SQL of a text for people, where `isBad`. */
  readonly why: string;
}

function planColumn(
  schema: TableSchema,
  layout: MessageLayout,
  rows: MessageRows,
  column: Column,
  index: number,
): PlannedColumn {
  const text = textName(index);
  const { name, type, nullable, sourceType } = column;
  const encoding = encodingOf(layout, column);
  const place = [...rows.rowPlace, ...pathOf(layout, name).map(quoteString)].join(', ');
  const reading = readValue(text, type, encoding, { jsonType: `JSONType(${names.raw}, ${place})` });
  if (reading === undefined) {
    throw unreadable(schema, `${encoding} is no way to write column ${name} (${sourceType})`);
  }
  const notAs = quoteString(` is not ${sourceType}${encoding === 'text' ? '' : ` as ${encoding}`}`);
  return {
    value: nullable ? reading.value : `assumeNotNull(${reading.value})`,
    isKey: schema.key.includes(name),
    isBad: columnBadness(text, reading, nullable),
    why:
      `concat(${quoteString(`column ${name}: `)}, if(isNull(${text}), 'NULL, where none may be', ` +
      `concat(leftUTF8(assumeNotNull(${text}), 60), ${notAs})))`,
  };
}

/** With as few functions as can be: the engine needs 20 to 50 us to understand each of them. */
function columnBadness(
  text: string,
  { value, fits }: ValueReading,
  nullable: boolean,
): string | undefined {
  if (fits === 'always') return nullable ? undefined : `isNull(${text})`;
  if (fits === 'not null') {
    return nullable ? `isNull(${value}) != isNull(${text})` : `isNull(${value})`;
  }
  const isUnfit = `NOT ifNull(${fits}, 0)`;
  return nullable ? `(isNotNull(${text}) AND ${isUnfit})` : isUnfit;
}

/** Of a deleted row nothing but the key is ever read, and some tools do not tell more. */
function badnessOf(rows: MessageRows, columns: readonly PlannedColumn[]): string {
  const { refusal, operation, deleted, version } = names;
  const others = columns.flatMap(({ isKey, isBad }) => (isKey ? [] : (isBad ?? [])));
  const hasDeletes = rows.operations !== undefined;
  const conditions = [
    `isNotNull(${refusal})`,
    ...(rows.operations ? [`NOT ifNull(${operation} IN (${listOf(rows.operations)}), 0)`] : []),
    ...(rows.mayLackVersion ? [`isNull(${version})`] : []),
    ...columns.flatMap(({ isKey, isBad }) => (isKey ? (isBad ?? []) : [])),
    ...(hasDeletes && others.length > 0
      ? [`(NOT ${deleted} AND (${others.join(' OR ')}))`]
      : others),
  ];
  return conditions.join(' OR ');
}

/** The first of the conditions of `badnessOf`, in words. */
function reasonOf(rows: MessageRows, columns: readonly PlannedColumn[]): string {
  const { refusal, operation, deleted, version } = names;
  const { operations = [], isIgnored = '0' } = rows;
  const known = quoteString(` is none of ${operations.join(', ')}`);
  const cases = [
    [`isNotNull(${refusal})`, `assumeNotNull(${refusal})`],
    [isIgnored, "''"],
    ...(operations.length === 0
      ? []
      : [
          [
            `NOT ifNull(${operation} IN (${listOf(operations)}), 0)`,
            `concat('operation ', ifNull(leftUTF8(${operation}, 60), 'null'), ${known})`,
          ],
        ]),
    ...(rows.mayLackVersion
      ? [[`isNull(${version})`, "'it does not say its place in the source'"]]
      : []),
    ...columns.flatMap(({ isKey, isBad, why }) =>
      isBad === undefined ? [] : [[isKey ? isBad : `NOT ${deleted} AND (${isBad})`, why]],
    ),
  ];
  return `multiIf(${cases.flat().join(', ')}, '')`;
}

function listOf(texts: readonly string[]): string {
  return texts.map(quoteString).join(', ');
}

function encodingOf(layout: MessageLayout, { name, type }: Column) {
  return layout.encodings?.[name] ?? defaultEncoding(layout.format, type);
}

function settingsFor(hasObjects: boolean): MessagePlan['settings'] {
  return {
    format_custom_escaping_rule: 'JSON',
    format_custom_field_delimiter: '\t',
    format_custom_row_before_delimiter: '',
    format_custom_row_between_delimiter: '',
    format_custom_row_after_delimiter: '\n',
    format_custom_result_before_delimiter: '',
    format_custom_result_after_delimiter: '',
    // A first line of texts would pass for names.
    input_format_custom_detect_header: 0,
    // Numbers and booleans as they are written; objects where a column takes one as a whole.
    input_format_json_read_numbers_as_strings: 1,
    input_format_json_read_bools_as_strings: 1,
    input_format_json_read_objects_as_strings: hasObjects ? 1 : 0,
    input_format_json_read_arrays_as_strings: hasObjects ? 1 : 0,
    input_format_json_ignore_unknown_keys_in_named_tuple: 1,
    input_format_json_defaults_for_missing_elements_in_named_tuple: 1,
    // An object that is null has only NULL texts; the columns' own rules come after.
    input_format_null_as_default: 1,
    insert_null_as_default: 0,
    // simdjson refuses a whole message for an integer of more than 64 bits in it.
    allow_simdjson: 0,
    output_format_json_escape_forward_slashes: 0,
    enable_time_time64_type: 1,
    // A table of several hundred columns makes a long statement.
    max_query_size: 8 * 1024 ** 2,
    // Nothing but the last throwIf can fail, so nothing need be left out: working out what could be takes
    // minutes for a few hundred columns.
    short_circuit_function_evaluation: 'disable',
  };
}

function unreadable({ table }: TableSchema, why: string) {
  return incompatible(table, `its messages cannot be read: ${why}`, {
    remedy: `Correct the columns of ${table} in source.tables of the project file.`,
  });
}
