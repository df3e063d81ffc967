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
import { type MessageRows, messageRows, names, textName } from './message-rows.ts';
import { readValue, type ValueReading } from './message-values.ts';
import { clickhouseType } from './type-map.ts';

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
  const raw = isTwice ? `, ${names.raw} String` : '';
  const structure = `line ${rows.lineType}${raw}`;
  const keeps = isTwice ? [names.raw] : [];
  const isBad = [
    `isNotNull(${names.refusal})`,
    `notEmpty(${names.wrong})`,
    `isNull(${names.version})`,
    ...columns.flatMap(({ isBad: bad }) => bad ?? []),
  ];
  const found = (from: string) => `(${rows.query(from, { keeps, withoutIgnored: true })})`;
  const deleted = `toUInt8(${names.deleted} + throwIf(${isBad.join(' OR ')}, 'a message does not fit'))`;
  const arrival = schema.arrival ? [names.arrival] : [];
  const values = [...columns.map(({ value }) => value), `assumeNotNull(${names.version})`, deleted];
  return {
    columns: [
      ...schema.columns.map(({ name }) => name),
      versionColumn,
      deletedColumn,
      ...(schema.arrival ? [arrivalColumn] : []),
    ],
    rows: {
      structure,
      query: (from) => `SELECT ${[...values, ...arrival].join(', ')} FROM ${found(from)}`,
    },
    count: { structure, query: (from) => `SELECT ${names.deleted} FROM ${found(from)}` },
    verdicts: {
      structure: `${names.line} UInt32, ${structure}`,
      query: (from) => {
        const all = rows.query(from, { keeps: [names.line, ...keeps], withoutIgnored: false });
        return `SELECT ${names.line}, ${reasonOf(columns)} FROM (${all})`;
      },
    },
    isTwice,
    settings: settingsFor(isTwice || encodings.includes('geometry')),
    isOneToOne: rows.isOneToOne,
  };
}

interface PlannedColumn {
  readonly value: string;
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
  const encoding = encodingOf(layout, column);
  const path = layout.paths?.[column.name] ?? [column.name];
  const place = [...rows.rowPlace, ...path.map(quoteString)].join(', ');
  const jsonType = `JSONType(${names.raw}, ${place})`;
  const reading = readValue(text, column.type, encoding, { jsonType });
  if (reading === undefined) {
    const words = `column ${column.name} (${column.sourceType})`;
    throw unreadable(schema, `${encoding} is no way to write ${words}`);
  }
  const notAs = quoteString(
    ` is not ${column.sourceType}${encoding === 'text' ? '' : ` as ${encoding}`}`,
  );
  // Of a deleted row some tools tell the key only.
  const mayBeMissing = rows.hasDeletes && !schema.key.includes(column.name);
  return {
    value: columnValue(reading, column, mayBeMissing),
    isBad: badness(text, reading, column, mayBeMissing),
    why:
      `concat(${quoteString(`column ${column.name}: `)}, if(isNull(${text}), 'NULL, where none may be', ` +
      `concat(leftUTF8(assumeNotNull(${text}), 60), ${notAs})))`,
  };
}

function columnValue({ value }: ValueReading, column: Column, mayBeMissing: boolean): string {
  if (column.nullable) return value;
  if (!mayBeMissing) return `assumeNotNull(${value})`;
  const type = quoteString(clickhouseType({ type: column.type, nullable: false }));
  return `ifNull(${value}, defaultValueOfTypeName(${type}))`;
}

function badness(
  text: string,
  { fits }: ValueReading,
  { nullable }: Column,
  mayBeMissing: boolean,
): string | undefined {
  const unfit = fits === '1' ? [] : [`(isNotNull(${text}) AND NOT ${fits})`];
  const missing = mayBeMissing ? `(isNull(${text}) AND NOT ${names.deleted})` : `isNull(${text})`;
  const conditions = nullable ? unfit : [missing, ...unfit];
  return conditions.length === 0 ? undefined : conditions.join(' OR ');
}

function reasonOf(columns: readonly PlannedColumn[]): string {
  const cases = [
    [names.ignored, "''"],
    [`isNotNull(${names.refusal})`, `assumeNotNull(${names.refusal})`],
    [`notEmpty(${names.wrong})`, names.wrong],
    [`isNull(${names.version})`, "'the message does not say its place in the source'"],
    ...columns.flatMap(({ isBad, why }) => (isBad === undefined ? [] : [[isBad, why]])),
  ];
  return `multiIf(${cases.flat().join(', ')}, '')`;
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
