import type { ColumnType } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { SinkColumn } from '../sink-table.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import type { ColumnAnnotation } from './parquet/footer.ts';
import type { LakeColumn, LakeType } from './table-format.ts';

export type LakeFormatName = 'parquet' | 'delta' | 'iceberg';

/** Decimals of Parquet's readers, of Delta and of Iceberg end here. */
const decimalDigits = 38;

interface LakeRule {
  readonly type: LakeType;
  readonly render?: (value: string) => string;
  readonly canonical?: (value: string) => string;
  readonly note?: string;
}

/**
 * | kind                | Delta, Parquet    | Iceberg      | rule                                                        |
 * | int 8, 16, 32, 64   | byte ... long     | int, long    |                                                             |
 * | unsigned            | one size up       | the same     | 64 bits: decimal(20,0)                                      |
 * | decimal             | decimal           | decimal      | of more than 38 digits: text                                |
 * | date                | date              | date         |                                                             |
 * | datetime            | timestamp_ntz     | timestamp    | microseconds, wall clock                                    |
 * | timestamp           | timestamp         | timestamptz  | microseconds, UTC                                           |
 * | time                | string            | string       | a span of up to 838 hours, which no time of day holds       |
 * | year, bit           | short, decimal    | int, decimal |                                                             |
 * | json, enum, set     | string            | string       |                                                             |
 * | binary, geometry    | binary            | binary       |                                                             |
 */
function ruleOf(type: ColumnType, format: LakeFormatName): LakeRule {
  if ('text' in type && type.text) return { type: 'string' };
  switch (type.kind) {
    case 'int':
      return intRule(type.bits, type.unsigned, format);
    case 'float':
      return { type: type.bits === 32 ? 'float' : 'double' };
    case 'decimal':
      if (type.precision <= decimalDigits) {
        return { type: `decimal(${type.precision},${type.scale})` };
      }
      return { ...asText, note: `text, because it has more than ${decimalDigits} digits` };
    case 'date':
      return { type: 'date' };
    case 'datetime':
      return {
        type: 'timestamp_ntz',
        render: (value) => `toDateTime64(${value}, 6, 'UTC')`,
        note: 'wall clock, microseconds',
      };
    case 'timestamp':
      return {
        type: 'timestamp',
        render: (value) => `toDateTime64(${value}, 6, 'UTC')`,
        note: 'UTC, microseconds',
      };
    case 'time':
      return { ...asText, note: 'text, because it is a span of up to 838 hours' };
    case 'year':
      return intRule(16, false, format);
    case 'bit':
      return intRule(64, true, format);
    case 'string':
    case 'json':
      return { type: 'string' };
    case 'binary':
    case 'geometry':
      return { type: 'binary', canonical: (value) => `lower(hex(${value}))` };
  }
}

const asText: LakeRule = { type: 'string', render: (value) => `toString(${value})` };

function intRule(bits: number, unsigned: boolean, format: LakeFormatName): LakeRule {
  if (unsigned && bits === 64) {
    return {
      type: 'decimal(20,0)',
      render: (value) => `toDecimal128(${value}, 0)`,
      note: 'decimal, because there is no unsigned type',
    };
  }
  const wanted = unsigned ? bits * 2 : bits;
  const least = format === 'iceberg' ? 32 : 8;
  const size = Math.max(wanted, least);
  const type = intTypes[size as keyof typeof intTypes];
  return { type, ...(size !== bits || unsigned ? { render: (value) => `toInt${size}(${value})` } : {}) };
}

const intTypes = { 8: 'byte', 16: 'short', 32: 'int', 64: 'long' } as const;

export interface LakeTypeMap extends TypeMap {
  /** The type in the words of this program's lakes, whatever the format calls it. */
  lakeType(column: SinkColumn): LakeType;
  /** The canonical text of a value that was read from a data file. */
  text(column: SinkColumn, value: string): string;
}

export function lakeTypes(format: LakeFormatName): LakeTypeMap {
  return {
    stored(column): StoredColumn {
      const { type, render, canonical, note } = ruleOf(column.type, format);
      return {
        type: format === 'iceberg' ? icebergType(type) : type,
        ...(render !== undefined && { render: nullSafe(column, render, type) }),
        ...(canonical !== undefined && { canonical: { engine: canonical } }),
        ...(note !== undefined && { note }),
      };
    },
    lakeType: ({ type }) => ruleOf(type, format).type,
    text(column, value) {
      const { type, canonical } = ruleOf(column.type, format);
      if (canonical !== undefined) return canonical(value);
      if (type === 'string') return value;
      return `toString(CAST(${value}, ${quoteType(column)}))`;
    },
    quote: quoteIdentifier,
    notes: notes[format],
  };
}

/** Of the engine, in SQL: the type may say Nullable already, and what is read always may be NULL. */
function quoteType({ engineType }: SinkColumn): string {
  const inner = /^Nullable\((.*)\)$/.exec(engineType)?.[1] ?? engineType;
  return `'Nullable(${inner.replace(/\\/g, '\\\\').replace(/'/g, "\\'")})'`;
}

/** A cast of the engine keeps NULL, but a decimal has its digits from its type. */
function nullSafe(
  _column: SinkColumn,
  render: (value: string) => string,
  type: LakeType,
): (value: string) => string {
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type);
  if (decimal === null) return render;
  return (value) => `CAST(${value}, if(isNull(${value}), 1, 1) ? 'Decimal(20, 0)' : '')`;
}

/** The type of a column in a data file, as the engine reads it. Only keys are never NULL. */
export function engineTypeOf(type: LakeType): string {
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type);
  if (decimal !== null) return `Decimal(${decimal[1]}, ${decimal[2]})`;
  return engineTypes[type as keyof typeof engineTypes];
}

const engineTypes = {
  byte: 'Int8',
  short: 'Int16',
  int: 'Int32',
  long: 'Int64',
  float: 'Float32',
  double: 'Float64',
  date: 'Date32',
  timestamp: "DateTime64(6, 'UTC')",
  timestamp_ntz: "DateTime64(6, 'UTC')",
  string: 'String',
  binary: 'String',
} as const;
