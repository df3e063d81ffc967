import { renderColumnWords } from '../../change/column-words.ts';
import type { ValueEncoding } from '../../change/message-layout.ts';
import type { ColumnType } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import type { MessageColumn } from './message-schema.ts';

/** A field of a schema block, as Kafka Connect's JsonConverter writes it. */
export interface BlockField {
  readonly field?: string;
  readonly type?: string;
  readonly optional?: boolean;
  /** The semantic type. */
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: unknown;
  readonly doc?: string;
  readonly fields?: readonly BlockField[];
}

interface Reading {
  readonly type: ColumnType;
  readonly encoding: ValueEncoding;
}

/**
 * Columns of the rows that a schema block describes: of `after` in an envelope, of the message itself when
 * it is a bare row. `row` is the row of the message the block came with; a decimal in it shows whether the
 * converter writes numbers or bytes. Throws CDC_TYPE_UNSUPPORTED.
 */
export function columnsOfBlock(
  table: string,
  block: BlockField,
  row: Readonly<Record<string, unknown>> | undefined,
): MessageColumn[] {
  const fields = block.fields ?? [];
  const image = fields.find(({ field }) => field === 'after') ?? fields.find(isBefore);
  const isEnvelope = image?.fields !== undefined && fields.some(({ field }) => field === 'op');
  const columns = isEnvelope ? (image.fields ?? []) : fields;
  return columns.map((field) => columnOf(table, field, row));
}

function isBefore({ field }: BlockField): boolean {
  return field === 'before';
}

function columnOf(
  table: string,
  field: BlockField,
  row: Readonly<Record<string, unknown>> | undefined,
): MessageColumn {
  const name = field.field ?? '';
  const read = (semanticTypes[field.name ?? ''] ?? plainTypes[field.type ?? ''])?.(field);
  if (read === undefined) {
    throw new CdcError(
      'CDC_TYPE_UNSUPPORTED',
      `column ${name} of ${table} has the type ${field.name ?? field.type} in the schema block of its messages, which cannot be represented`,
      {
        details: { table, column: name, type: String(field.name ?? field.type) },
        remedy: `Declare columns for ${table} in source.tables of the project file.`,
      },
    );
  }
  const isNumber = typeof row?.[name] === 'number' && read.encoding === 'unscaledBase64';
  const initial = literalOf(field.default, read);
  return {
    name,
    type: read.type,
    nullable: field.optional === true,
    sourceType: field.parameters?.['__debezium.source.column.type'] ?? renderColumnWords(read.type),
    encoding: isNumber ? 'text' : read.encoding,
    ...(field.doc !== undefined && { comment: field.doc }),
    ...(initial !== undefined && { initial }),
  };
}

const integer = (bits: 8 | 16 | 32 | 64) => (): Reading => ({
  type: { kind: 'int', bits, unsigned: false },
  encoding: 'text',
});
const is = (type: ColumnType, encoding: ValueEncoding) => (): Reading => ({ type, encoding });
const asJson = is({ kind: 'json' }, 'value');
const asText = is({ kind: 'string' }, 'text');

/** Types of Kafka Connect by themselves. */
const plainTypes: Readonly<Record<string, (field: BlockField) => Reading>> = {
  int8: integer(8),
  int16: integer(16),
  int32: integer(32),
  int64: integer(64),
  float: is({ kind: 'float', bits: 32 }, 'text'),
  float32: is({ kind: 'float', bits: 32 }, 'text'),
  double: is({ kind: 'float', bits: 64 }, 'text'),
  float64: is({ kind: 'float', bits: 64 }, 'text'),
  boolean: is({ kind: 'int', bits: 8, unsigned: false }, 'boolean'),
  string: asText,
  bytes: is({ kind: 'binary' }, 'base64'),
  // Arrays, maps and structs without a meaning of their own, such as VariableScaleDecimal: kept whole.
  struct: asJson,
  array: asJson,
  map: asJson,
};

/** Types with a meaning. Those that are a string or a number of the same meaning need no entry. */
const semanticTypes: Readonly<Record<string, (field: BlockField) => Reading>> = {
  'io.debezium.time.Date': is({ kind: 'date' }, 'epochDays'),
  'org.apache.kafka.connect.data.Date': is({ kind: 'date' }, 'epochDays'),
  'io.debezium.time.Timestamp': is({ kind: 'datetime', fsp: 3 }, 'epochMillis'),
  'org.apache.kafka.connect.data.Timestamp': is({ kind: 'datetime', fsp: 3 }, 'epochMillis'),
  'io.debezium.time.MicroTimestamp': is({ kind: 'datetime', fsp: 6 }, 'epochMicros'),
  'io.debezium.time.NanoTimestamp': is({ kind: 'datetime', fsp: 9 }, 'epochNanos'),
  'io.debezium.time.IsoTimestamp': is({ kind: 'datetime', fsp: 6 }, 'iso'),
  'io.debezium.time.ZonedTimestamp': is({ kind: 'timestamp', fsp: 6 }, 'iso'),
  'io.debezium.time.Time': is({ kind: 'time', fsp: 3 }, 'epochMillis'),
  'org.apache.kafka.connect.data.Time': is({ kind: 'time', fsp: 3 }, 'epochMillis'),
  'io.debezium.time.MicroTime': is({ kind: 'time', fsp: 6 }, 'epochMicros'),
  'io.debezium.time.NanoTime': is({ kind: 'time', fsp: 9 }, 'epochNanos'),
  'io.debezium.time.Year': is({ kind: 'year' }, 'text'),
  'io.debezium.data.Json': is({ kind: 'json' }, 'text'),
  'io.debezium.data.Bits': is({ kind: 'bit' }, 'bits'),
  'io.debezium.data.geometry.Point': is({ kind: 'geometry' }, 'geometry'),
  'io.debezium.data.geometry.Geometry': is({ kind: 'geometry' }, 'geometry'),
  'io.debezium.data.geometry.Geography': is({ kind: 'geometry' }, 'geometry'),
  'org.apache.kafka.connect.data.Decimal': ({ parameters, type }) => {
    const scale = Number(parameters?.['scale'] ?? 0);
    const precision = Number(parameters?.['connect.decimal.precision'] ?? (scale > 20 ? 76 : 38));
    const encoding = type === 'bytes' ? 'unscaledBase64' : 'text';
    return { type: { kind: 'decimal', precision, scale }, encoding };
  },
};

/** Only where the value's text is the same in SQL. */
function literalOf(value: unknown, { type, encoding }: Reading): string | undefined {
  if (encoding === 'boolean') return typeof value === 'boolean' ? (value ? '1' : '0') : undefined;
  if (encoding !== 'text') return undefined;
  if (typeof value === 'number' && (type.kind === 'int' || type.kind === 'float')) {
    return String(value);
  }
  if (typeof value !== 'string' || type.kind !== 'string') return undefined;
  return `'${value.replace(/[\\']/g, (each) => `\\${each}`)}'`;
}
