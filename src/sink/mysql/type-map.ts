import type { ColumnType } from '../../change/table-schema.ts';
import { parseSourceType } from '../../format/source-type.ts';
import type { SinkColumn } from '../sink-table.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import { engineFloatText, storeFloatText } from './float-text.ts';
import type { TypeOptions } from './options.ts';
import { quoteName, quoteText } from './sql-text.ts';

/** What DECIMAL holds at most. */
const maxPrecision = 65;
const maxScale = 30;
/** Characters of the longest varchar in utf8mb4. */
const maxVarchar = 16_383;

/**
 * Types of MySQL and MariaDB for values of any origin; what the source's own type says beyond the kind is taken over.
 *
 * | kind                            | type                                           | note                             |
 * | int                             | tinyint .. bigint, unsigned; tinyint(1) stays  |                                  |
 * | float                           | float, double                                  | NaN: refused, or NULL by option  |
 * | decimal                         | decimal(p,s)                                   | s > 30: varchar                  |
 * | date, datetime, timestamp, time | the same                                       | also when captured as text       |
 * | year, bit                       | year, bit(n)                                   |                                  |
 * | string                          | varchar(n), text .. longtext                   | enum and set: the same by option |
 * | json                            | longtext                                       | json by option                   |
 * | binary                          | binary(n), varbinary(n), tinyblob .. longblob  |                                  |
 * | geometry                        | the source's type, or geometry                 |                                  |
 */
export function mysqlTypes(options: TypeOptions): TypeMap {
  return {
    stored: (column) => storedColumn(column, options),
    quote: quoteName,
    notes: [
      'Booleans of models are tinyint 0 and 1; arrays, maps and tuples are JSON; UUIDs and 128-bit integers are text.',
      'Key columns that are text compare every character, also trailing spaces, whatever the collation of the source.',
      'Dates such as 0000-00-00, captured as text (source.temporal), are stored as what they are.',
    ],
  };
}

/** Values may become NULL although the warehouse has none. */
export function mayBecomeNull({ type, isKey }: SinkColumn, { nonFinite }: TypeOptions): boolean {
  return type.kind === 'float' && nonFinite === 'null' && !isKey;
}

/** The engine prints the bytes as hex digits. */
export function isBinary({ kind }: ColumnType): boolean {
  return kind === 'binary' || kind === 'geometry';
}

function storedColumn(column: SinkColumn, options: TypeOptions): StoredColumn {
  const { type } = column;
  switch (type.kind) {
    case 'int':
      return { type: intType(column, type), canonical: plainText };
    case 'float':
      return floatColumn(type.bits, options);
    case 'decimal':
      return decimalColumn(type);
    case 'date':
      return { type: 'date', canonical: plainText };
    case 'datetime':
    case 'timestamp':
    case 'time':
      return {
        type: type.fsp === 0 ? type.kind : `${type.kind}(${type.fsp})`,
        canonical: plainText,
      };
    case 'year':
      return { type: 'year', canonical: numberText };
    case 'bit':
      return { type: `bit(${sizeOf(column) ?? 64})`, canonical: numberText };
    case 'string':
      return stringColumn(column, options);
    case 'json':
      return jsonColumn(options);
    case 'binary':
      return bytesColumn(column, binaryType(column, options));
    case 'geometry':
      return bytesColumn(column, geometryType(column));
  }
}

const plainText = { store: (column: string) => `CAST(${column} AS CHAR)` };
const numberText = { store: (column: string) => `CAST(${column} + 0 AS CHAR)` };

const intNames = { 8: 'tinyint', 16: 'smallint', 32: 'int', 64: 'bigint' } as const;

function intType(
  { sourceType }: SinkColumn,
  { bits, unsigned }: ColumnType & { kind: 'int' },
): string {
  // Many clients read tinyint(1) as a boolean.
  const isFlag = bits === 8 && /^tinyint\(1\)/i.test(sourceType ?? '');
  return `${intNames[bits]}${isFlag ? '(1)' : ''}${unsigned ? ' unsigned' : ''}`;
}

function floatColumn(bits: 32 | 64, { nonFinite }: TypeOptions): StoredColumn {
  const isOdd = (value: string) => `NOT isFinite(ifNull(${value}, 0))`;
  const finite = (value: string) =>
    nonFinite === 'null' ? `if(${isOdd(value)}, NULL, ${value})` : value;
  return {
    type: bits === 32 ? 'float' : 'double',
    // The server reads a number as a double first, so it is given all digits of that.
    render: (value) => `toFloat64(${finite(value)})`,
    ...(nonFinite === 'reject' && {
      refuses: { when: isOdd, reason: 'is not a finite number, which the store has no place for' },
    }),
    canonical: {
      engine: (value) => engineFloatText(finite(value)),
      store: (column) => storeFloatText(column, bits),
    },
    note:
      nonFinite === 'null'
        ? 'NaN and infinity are NULL'
        : 'NaN and infinity are refused; -0.0 is 0',
  };
}

function decimalColumn({ precision, scale }: ColumnType & { kind: 'decimal' }): StoredColumn {
  if (scale > maxScale) {
    const text = (value: string) => `toString(${value})`;
    return { type: 'varchar(80)', render: text, canonical: plainText, note: 'a text' };
  }
  const store = (column: string) => {
    const fixed = `CAST(CAST(${column} AS DECIMAL(${maxPrecision}, ${scale})) AS CHAR)`;
    // The engine leaves trailing zeros out.
    return scale === 0 ? fixed : `TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM ${fixed}))`;
  };
  const digits = maxPrecision - scale;
  const limit = `toDecimal256('1${'0'.repeat(digits)}', ${scale})`;
  return {
    type: `decimal(${Math.min(precision, maxPrecision)},${scale})`,
    ...(precision > maxPrecision && {
      refuses: {
        when: (value: string) => `abs(${value}) >= ${limit}`,
        reason: `has more than ${digits} digits before the point`,
      },
    }),
    canonical: { store },
  };
}

function stringColumn(column: SinkColumn, options: TypeOptions): StoredColumn {
  const { type, isBounded } = stringType(column, options);
  const { keyLength } = options;
  // What was captured is UTF-8; a model can make anything.
  const isBroken = (value: string) =>
    column.sourceType === undefined ? `NOT isValidUTF8(${value})` : '0';
  if (column.isKey && !isBounded) {
    return {
      type: `varchar(${keyLength})`,
      refuses: {
        when: (value) => `${isBroken(value)} OR lengthUTF8(${value}) > ${keyLength}`,
        reason: `is not UTF-8, or longer than ${keyLength} characters, which is the limit for keys (keyLength)`,
      },
      canonical: plainText,
    };
  }
  const refuses = { when: isBroken, reason: 'is not UTF-8' };
  return { type, ...(column.sourceType === undefined && { refuses }), canonical: plainText };
}

/** `isBounded`: values are short enough for a key, because they were for the source. */
function stringType(
  { sourceType }: SinkColumn,
  { enums }: TypeOptions,
): { type: string; isBounded: boolean } {
  const unbounded = { type: 'longtext', isBounded: false };
  if (sourceType === undefined) return unbounded;
  const { name, sizes, members } = sourceTypeOf(sourceType);
  const [size = 1] = sizes;
  switch (name) {
    case 'char':
    case 'varchar':
      return {
        type: size > maxVarchar ? 'mediumtext' : `varchar(${Math.max(size, 1)})`,
        isBounded: true,
      };
    case 'enum':
    case 'set': {
      const list = members.map(quoteText).join(',');
      if (enums === 'native') return { type: `${name}(${list})`, isBounded: true };
      const lengths = members.map((member) => [...member].length + (name === 'set' ? 1 : 0));
      const longest =
        name === 'set' ? lengths.reduce((sum, each) => sum + each, 0) : Math.max(0, ...lengths);
      return {
        type: longest > maxVarchar ? 'mediumtext' : `varchar(${Math.max(longest, 1)})`,
        isBounded: true,
      };
    }
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return { type: 'varchar(39)', isBounded: true };
    // A size larger: they count bytes, of which another character set has fewer to a character.
    case 'tinytext':
      return { type: 'text', isBounded: false };
    case 'text':
      return { type: 'mediumtext', isBounded: false };
    default:
      return unbounded;
  }
}

function jsonColumn({ json }: TypeOptions): StoredColumn {
  if (json === 'text')
    return { type: 'longtext', canonical: plainText, note: 'the text, unchanged' };
  const present = (isNull: (value: string) => string) => (value: string) =>
    `CASE WHEN ${isNull(value)} THEN NULL ELSE 'json' END`;
  const isNull = (value: string) => `${value} IS NULL`;
  return {
    type: 'json',
    canonical: { engine: present(isNull), store: present(isNull) },
    note: 'MySQL writes the text anew: spaces, the order of keys and equal keys are lost; not compared',
  };
}

function bytesColumn({ isKey }: SinkColumn, { type, limit }: BytesType): StoredColumn {
  const hex = (value: string) => `lower(hex(${value}))`;
  return {
    type,
    render: hex,
    ...(isKey &&
      limit !== undefined && {
        refuses: {
          when: (value: string) => `length(${value}) > ${limit}`,
          reason: `is longer than ${limit} bytes, which is the limit for keys (keyLength)`,
        },
      }),
    canonical: { engine: hex, store: (column) => `LOWER(HEX(${column}))` },
  };
}

interface BytesType {
  readonly type: string;
  /** The source does not see to it that keys are short enough. */
  readonly limit?: number;
}

function binaryType({ sourceType, isKey }: SinkColumn, { keyLength }: TypeOptions): BytesType {
  const { name, sizes } = sourceTypeOf(sourceType ?? '');
  if (/^(var)?binary$/.test(name)) return { type: `${name}(${Math.max(sizes[0] ?? 1, 1)})` };
  if (isKey) return { type: `varbinary(${keyLength})`, limit: keyLength };
  return { type: /^(tiny|medium)?blob$/.test(name) ? name : 'longblob' };
}

const geometryNames =
  /^(point|linestring|polygon|multipoint|multilinestring|multipolygon|geometrycollection|geomcollection)$/;

function geometryType({ sourceType }: SinkColumn): BytesType {
  const { name } = sourceTypeOf(sourceType ?? '');
  if (!geometryNames.test(name)) return { type: 'geometry' };
  return { type: name === 'geomcollection' ? 'geometrycollection' : name };
}

function sizeOf({ sourceType }: SinkColumn): number | undefined {
  return sourceTypeOf(sourceType ?? '').sizes[0];
}

function sourceTypeOf(sourceType: string) {
  const type = { kind: 'string' } as const;
  return parseSourceType({ name: '', type, nullable: true, sourceType });
}
