import type { ColumnType } from '../src/change/table-schema.ts';

/** A column for docs/types.md. */
export interface Sample {
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

export const samples: readonly Sample[] = [
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
export const hardValues: readonly { readonly value: string; readonly of: Sample }[] = [
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

/** Types that the SQL of a model may give. */
export const engineTypes = [
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
