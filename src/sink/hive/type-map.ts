import type { ColumnType } from '../../change/table-schema.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import { hiveName, quoteName } from './hive-names.ts';

/** Hive's largest. */
const mostDigits = 38;

/**
 * | kind                | Hive             | file (the engine's type)                                         |
 * | int                 | TINYINT..BIGINT  | the same; unsigned ones the next larger                           |
 * | int, 64 unsigned    | DECIMAL(20,0)    | Decimal(20, 0): Hive reads unsigned 32 and 64 of Parquet as NULL  |
 * | float               | FLOAT, DOUBLE    |                                                                  |
 * | decimal             | DECIMAL(p,s)     | above 38 digits STRING                                           |
 * | date                | DATE             |                                                                  |
 * | datetime, timestamp | TIMESTAMP        | text (see `fileType`)                                            |
 * | year                | SMALLINT         |                                                                  |
 * | bit                 | DECIMAL(20,0)    |                                                                  |
 * | binary, geometry    | BINARY           | bytes                                                            |
 * | everything else     | STRING           |                                                                  |
 */
export const hiveTypes: TypeMap = {
  stored: ({ type }) => storedColumn(type),
  quote: (name) => quoteName(hiveName(name)),
  notes: [
    'Names of tables and columns are written in small letters, because Hive knows no others.',
    'The view shows TIMESTAMP as the wall clock of the source (timestamps: UTC), whatever zone the server is in.',
    'NULL is allowed in every column; Hive enforces nothing.',
  ],
};

function storedColumn(type: ColumnType): StoredColumn {
  if ('text' in type && type.text) return plain('STRING');
  switch (type.kind) {
    case 'int':
      return integer(type);
    case 'float':
      return {
        type: type.bits === 32 ? 'FLOAT' : 'DOUBLE',
        canonical: {
          engine: hexFloat,
          store: (column) => `IF(${column} IS NULL, NULL, printf('%a', CAST(${column} AS DOUBLE)))`,
        },
      };
    case 'decimal':
      return decimal(type.precision, type.scale);
    case 'date':
      return plain('DATE');
    case 'datetime':
    case 'timestamp':
      return {
        type: 'TIMESTAMP',
        render: (value) => `toString(${value})`,
        canonical: { engine: (value) => trimFraction(value, type.fsp), store: asString },
      };
    case 'year':
      return { ...plain('SMALLINT'), render: (value) => `toInt16(${value})` };
    case 'bit':
      return unsigned64();
    case 'binary':
    case 'geometry':
      return {
        type: 'BINARY',
        canonical: {
          engine: (value) => `lower(hex(${value}))`,
          store: (column) => `lower(hex(${column}))`,
        },
      };
    case 'time':
      return { ...plain('STRING'), render: (value) => `toString(${value})` };
    default:
      return plain('STRING');
  }
}

function integer({ bits, unsigned }: Extract<ColumnType, { kind: 'int' }>): StoredColumn {
  const names = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INT', 64: 'BIGINT' } as const;
  if (!unsigned) return plain(names[bits]);
  if (bits === 64) return unsigned64();
  const larger = bits === 8 ? 16 : bits === 16 ? 32 : 64;
  return { ...plain(names[larger]), render: (value) => `toInt${larger}(${value})` };
}

function unsigned64(): StoredColumn {
  return { ...plain('DECIMAL(20,0)'), render: (value) => `toDecimal128(${value}, 0)` };
}

function decimal(precision: number, scale: number): StoredColumn {
  const text = (value: string) => `toDecimalString(${value}, ${scale})`;
  const canonical = { engine: text, store: asString };
  if (precision > mostDigits) {
    return {
      type: 'STRING',
      render: text,
      canonical,
      note: 'Hive has no decimals of more than 38 digits; the text has all of them.',
    };
  }
  return { type: `DECIMAL(${precision},${scale})`, canonical };
}

function plain(type: string): StoredColumn {
  return { type, canonical: { store: asString } };
}

function asString(column: string): string {
  return `CAST(${column} AS STRING)`;
}

/** Hive prints fractions of a second without the zeros at their end. */
function trimFraction(value: string, fsp: number): string {
  const text = `toString(${value})`;
  if (fsp === 0) return text;
  return `replaceRegexpOne(${text}, '[.]?0*$', '')`;
}

/**
 * A float in Java's `%a`, which is exact: Hive prints floats in decimal with digits that ClickHouse does not print, and has nothing
 * that gives their bits.
 *
 *     [-]0x1.<13 hex digits, zeros at the end cut>p<exponent>     normal
 *     [-]0x0.<the same>p-1022                                     subnormal
 *     [-]0x0.0p0                                                  zero
 */
function hexFloat(value: string): string {
  const bits = `reinterpretAsUInt64(toFloat64(${value}))`;
  const exponent = `toInt32(bitAnd(bitShiftRight(${bits}, 52), 2047))`;
  const digits = `right(leftPad(lower(hex(bitAnd(${bits}, 4503599627370495))), 14, '0'), 13)`;
  const fraction = `replaceRegexpOne(${digits}, '(.)0*$', '\\\\1')`;
  const sign = `if(bitShiftRight(${bits}, 63) = 1, '-', '')`;
  const text =
    `multiIf(bitAnd(${bits}, 9223372036854775807) = 0, '0x0.0p0', ` +
    `${exponent} = 0, concat('0x0.', ${fraction}, 'p-1022'), ` +
    `concat('0x1.', ${fraction}, 'p', toString(${exponent} - 1023)))`;
  return `concat(${sign}, ${text})`;
}

/**
 * How a column of the view lies in files. Hive moves Parquet's own timestamps by the zone of its server, and writes those of ORC before
 * 1970 a second wrong: a text is the same everywhere.
 */
export function fileType(viewType: string): string {
  return viewType === 'TIMESTAMP' ? 'STRING' : viewType;
}

/** What the view's type of a column was, and may become without touching what is stored. */
export function isHiveWidening(from: string, to: string): boolean {
  if (from === to) return true;
  const order = ['TINYINT', 'SMALLINT', 'INT', 'BIGINT'];
  if (order.includes(from) && order.includes(to)) return order.indexOf(to) > order.indexOf(from);
  if (from === 'FLOAT' && to === 'DOUBLE') return true;
  const wholeDigits = order.includes(from) ? [3, 5, 10, 19][order.indexOf(from)] : undefined;
  const old = decimalOf(from) ?? (wholeDigits === undefined ? undefined : [wholeDigits, 0]);
  const now = decimalOf(to);
  if (old !== undefined && now !== undefined) {
    const [precision = 0, scale = 0] = old;
    const [nextPrecision = 0, nextScale = 0] = now;
    return nextScale >= scale && nextPrecision - nextScale >= precision - scale;
  }
  return to === 'STRING' && (order.includes(from) || decimalOf(from) !== undefined);
}

function decimalOf(type: string): number[] | undefined {
  return /^DECIMAL\((\d+),(\d+)\)$/.exec(type)?.slice(1).map(Number);
}
