import { defaultEncoding, type ValueEncoding } from '../../change/message-layout.ts';
import type { ColumnType } from '../../change/table-schema.ts';
import { createFormat } from '../../format/create-format.ts';
import type { FormatOptions } from '../../format/options.ts';
import type { SinkColumn, SinkTable } from '../sink-table.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import { messageSchema } from './message-schema.ts';
import type { MessageColumn } from './message-values.ts';

type Format = Omit<FormatOptions, 'transactions'>;

/** How values lie in messages of a format. */
export function kafkaTypes(format: Format): TypeMap {
  const encodingOf = columnEncodings(format);
  return {
    stored(column) {
      const encoding = encodingOf(column);
      const engine = canonical(column, encoding, format);
      return {
        type: jsonType(column, encoding, format),
        ...(engine !== undefined && { canonical: { engine } }),
        ...refusal(column),
        ...note(column, encoding, format),
      };
    },
    quote: (name) => JSON.stringify(name),
    notes: [
      'A row is a JSON message of the format chosen (docs/formats.md); the engine prints row bytes, which the same encoders turn into messages as for `log: kafka`.',
      'The key of a message is the key of the table in JSON; the partition is murmur2 of it, as of Java’s producer.',
      'NaN and the infinities, which models may compute, are strings: "NaN", "Infinity", "-Infinity".',
      'A row whose message is larger than max.message.bytes of its topic becomes a dead letter.',
    ],
  };
}

/** What is needed to read a column's values in messages again. */
export function messageColumns(format: Format): (column: SinkColumn) => MessageColumn {
  const encodingOf = columnEncodings(format);
  return (column) => ({
    type: column.type,
    encoding: encodingOf(column),
    isRounded: isRounded(column.type, format.type, format.decimals),
  });
}

function columnEncodings(format: Format): (column: SinkColumn) => ValueEncoding {
  const name = 'strata';
  const messages = createFormat(
    { ...format, transactions: false },
    { name, connector: 'mysql', toolVersion: '' },
  );
  return (column) => {
    const schema = messageSchema({ ...lone, columns: [column], key: [column.name] });
    const { encodings } = messages.layout(schema);
    return encodings?.[column.name] ?? defaultEncoding(format.type, column.type);
  };
}

const lone: SinkTable = { source: 'a.b', target: 'b', columns: [], key: [], settings: {} };

function jsonType(column: SinkColumn, encoding: ValueEncoding, format: Format): string {
  const { kind } = column.type;
  switch (encoding) {
    case 'epochDays':
      return 'number: days since 1970-01-01';
    case 'epochMillis':
      return 'number: milliseconds since 1970-01-01';
    case 'epochMicros':
      return `number: microseconds${kind === 'time' ? '' : ' since 1970-01-01'}`;
    case 'iso':
      return 'string: 2026-01-31T10:00:00.123Z';
    case 'base64':
      return kind === 'geometry' ? 'string: base64 of SRID and WKB' : 'string: base64';
    case 'latin1':
      return 'string: a character for each byte';
    case 'unscaledBase64':
      return 'string: base64 of the unscaled value';
    case 'bits':
      return 'string: base64, lowest byte first';
    case 'boolean':
      return 'true or false';
    case 'geometry':
      return 'object: wkb (base64), srid';
    case 'value':
      return 'the value in its place';
    default:
      return plainJsonType(column, format);
  }
}

function plainJsonType({ type }: SinkColumn, { type: format, decimals }: Format): string {
  const isText = 'text' in type && type.text;
  if (isText || !numbers.has(type.kind) || format === 'canal') return 'string';
  if (type.kind !== 'decimal' || format === 'maxwell') return 'number';
  return decimals === 'double' ? 'number' : 'string';
}

const numbers = new Set(['int', 'float', 'decimal', 'year', 'bit']);

/** Makes the text that `messageText` (message-values.ts) makes of the value in a message. */
function canonical(
  { type }: SinkColumn,
  encoding: ValueEncoding,
  { type: format, decimals }: Format,
): ((value: string) => string) | undefined {
  const bits = (size: number) => (value: string) =>
    `if(isNaN(${value}), 'nan', toString(reinterpretAsUInt${size}(${value})))`;
  if (encoding === 'geometry') {
    return (value) =>
      `concat(base64Encode(substring(${value}, 5)), ' ', toString(reinterpretAsUInt32(substring(${value}, 1, 4))))`;
  }
  if (encoding === 'value') return (value) => `nullIf(toString(${value}), 'null')`;
  if (type.kind === 'binary' || type.kind === 'geometry') {
    return (value) => `base64Encode(${value})`;
  }
  if (type.kind === 'float') return bits(type.bits);
  if (isRounded(type, format, decimals)) {
    return (value) => bits(64)(`toFloat64(toString(${value}))`);
  }
  return undefined;
}

/** A source gives UTF-8; a model may cut characters apart. */
function refusal({ type, sourceType }: SinkColumn): Pick<StoredColumn, 'refuses'> {
  if (sourceType !== undefined || type.kind !== 'string') return {};
  const when = (value: string) => `NOT isValidUTF8(${value})`;
  return { refuses: { when, reason: 'is not UTF-8' } };
}

function note(
  { type }: SinkColumn,
  encoding: ValueEncoding,
  { type: format, decimals }: Format,
): Pick<StoredColumn, 'note'> {
  if (encoding === 'value') return { note: 'the JSON value null is the same as no value' };
  return isRounded(type, format, decimals) ? { note: 'the nearest double' } : {};
}

/** Whether a value is written as the nearest double of a decimal. */
function isRounded(
  { kind }: ColumnType,
  format: Format['type'],
  decimals: Format['decimals'],
): boolean {
  return kind === 'decimal' && format === 'debezium' && decimals === 'double';
}
