import type { ColumnType } from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import type { SinkColumn } from '../sink-table.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import type { ColumnAnnotation } from './parquet/footer.ts';
import type { LakeColumn, LakeType } from './table-format.ts';

export type LakeFormatName = 'parquet' | 'delta' | 'iceberg';

/** Decimals of Parquet's readers, of Delta and of Iceberg end here. */
const decimalDigits = 38;

interface LakeRule {
  readonly type: LakeType;
  readonly render?: (value: string, column: SinkColumn) => string;
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
      render: (value, { nullable }) =>
        `CAST(${value}, '${nullable ? 'Nullable(Decimal(20, 0))' : 'Decimal(20, 0)'}')`,
      note: 'decimal, because there is no unsigned type',
    };
  }
  const size = Math.max(unsigned ? bits * 2 : bits, format === 'iceberg' ? 32 : 8);
  const type = intTypes[size as keyof typeof intTypes];
  if (size === bits && !unsigned) return { type };
  return { type, render: (value) => `toInt${size}(${value})` };
}

const intTypes = { 8: 'byte', 16: 'short', 32: 'int', 64: 'long' } as const;

export interface LakeTypeMap extends TypeMap {
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
        ...(render !== undefined && { render: (value) => render(value, column) }),
        ...(canonical !== undefined && { canonical: { engine: canonical } }),
        ...(note !== undefined && { note }),
      };
    },
    lakeType: ({ type }) => ruleOf(type, format).type,
    text(column, value) {
      const { type, canonical } = ruleOf(column.type, format);
      if (canonical !== undefined) return canonical(value);
      if (type === 'string') return value;
      const own = clickhouseType({ type: column.type, nullable: true });
      return `toString(CAST(${value}, ${quoteString(own)}))`;
    },
    quote: quoteIdentifier,
    notes: [
      'Columns may be NULL in the lake, except those of the key.',
      format === 'parquet'
        ? 'Each row has `_version` and `_deleted`; the newest version of a key is its current row, unless it is deleted.'
        : 'Each row has `_version`; only current rows are seen.',
    ],
  };
}

/** In the words of Iceberg's specification. */
export function icebergType(type: LakeType): string {
  return icebergNames[type] ?? type.replace(',', ', ');
}

const icebergNames: Readonly<Record<string, string>> = {
  byte: 'int',
  short: 'int',
  timestamp: 'timestamptz',
  timestamp_ntz: 'timestamp',
};

/** What has to be said in a data file that the engine does not say (parquet/footer.ts). */
export function annotationOf({ id, type }: LakeColumn, withIds: boolean): ColumnAnnotation {
  return {
    ...(withIds && { fieldId: id }),
    ...(type === 'timestamp_ntz' && { isLocalTime: true }),
    ...(type === 'binary' && { isBinary: true }),
  };
}

/** True when every value of `from` is the same value in `to`. */
export function isLakeWidening(from: LakeType, to: LakeType): boolean {
  if (from === to) return true;
  const before = decimalOf(from);
  const after = decimalOf(to);
  if (before === undefined || after === undefined) {
    return (
      widenings.has(`${from} ${to}`) || (isInt(from) && isInt(to) && intOrder(from) < intOrder(to))
    );
  }
  const moreScale = after.scale - before.scale;
  return moreScale >= 0 && after.precision - before.precision >= moreScale;
}

/** From int types to decimals the engine would have to look at each value. */
const widenings: ReadonlySet<string> = new Set(['float double']);

function isInt(type: LakeType): boolean {
  return intOrder(type) >= 0;
}

function intOrder(type: LakeType): number {
  return ['byte', 'short', 'int', 'long'].indexOf(type);
}

function decimalOf(type: LakeType) {
  const match = /^decimal\((\d+),(\d+)\)$/.exec(type);
  if (match === null) return undefined;
  return { precision: Number(match[1]), scale: Number(match[2]) };
}

/** The type of a column in a data file, as the engine reads it. */
export function engineTypeOf(type: LakeType): string {
  const decimal = decimalOf(type);
  if (decimal !== undefined) return `Decimal(${decimal.precision}, ${decimal.scale})`;
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
