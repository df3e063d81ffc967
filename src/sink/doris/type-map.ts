import type { SinkColumn } from '../sink-table.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import { floatText } from './float-text.ts';
import type { DorisSinkOptions } from './options.ts';
import { quoteName } from './sql-text.ts';

type TypeOptions = Pick<DorisSinkOptions, 'flavour' | 'json' | 'binary' | 'maxStringBytes'>;

/** Longest VARCHAR, in bytes; a character of MySQL takes up to four. */
const maxVarchar = 65_533;
const largestPrecision = 38;

/**
 * How columns lie in Doris and StarRocks (reference: connector code and documentation; corrected where it loses values).
 *
 * | kind                           | type                         | text in a load                          |
 * | int                            | TINYINT..BIGINT; unsigned one size up, 64 bits LARGEINT | digits       |
 * | float                          | FLOAT, DOUBLE; never a key   | shortest that reads back                |
 * | decimal up to 38 digits        | DECIMAL(p, s)                | digits                                  |
 * | decimal of more                | VARCHAR(p + 3)               | digits                                  |
 * | date                           | DATE                         | YYYY-MM-DD                              |
 * | datetime, timestamp            | DATETIME(f), no zone; UTC    | YYYY-MM-DD hh:mm:ss.f                   |
 * | time                           | VARCHAR(20)                  | [-]hhh:mm:ss.f                          |
 * | year                           | SMALLINT                     | digits                                  |
 * | bit                            | bit(1) BOOLEAN, to 63 bits BIGINT, else LARGEINT | digits              |
 * | char(n), varchar(n)            | VARCHAR(4n), STRING from 65,534 bytes on | as it is                    |
 * | other strings, texts of times  | STRING; in a key VARCHAR(65533) | as it is                             |
 * | json                           | STRING (or JSON)             | as it is                                |
 * | binary, geometry               | STRING                       | hex (or base64)                         |
 */
export function dorisTypes(options: TypeOptions): TypeMap {
  return {
    stored: (column) => storedColumn(column, options),
    quote: quoteName,
    notes: [
      'A row has its version in the column `_version`, which is the sequence column of the table.',
      'Columns that are not in the key may be NULL in the store, also where they may not in the source.',
      'Names of columns are compared without regard to case.',
      'Text in char(n) and varchar(n) is bounded by 4n bytes; text of no known length, and every other text, by maxStringBytes.',
    ],
  };
}

function storedColumn(column: SinkColumn, options: TypeOptions): StoredColumn {
  const { type } = column;
  if ('text' in type && type.text) return textColumn(column, undefined, options);
  switch (type.kind) {
    case 'int':
      return plainColumn(integerType(type.bits, type.unsigned));
    case 'float':
      return {
        type: type.bits === 32 ? 'FLOAT' : 'DOUBLE',
        canonical: { engine: floatText.engine, store: floatText.store },
      };
    case 'decimal':
      return decimalColumn(type.precision, type.scale);
    case 'date':
      return plainColumn('DATE');
    case 'datetime':
    case 'timestamp':
      return datetimeColumn(type.fsp, options);
    case 'time':
      return { ...plainColumn('VARCHAR(20)'), render: (value) => `toString(${value})` };
    case 'year':
      return plainColumn('SMALLINT');
    case 'bit':
      return bitColumn(column);
    case 'string':
      return textColumn(column, declaredLength(column), options);
    case 'json':
      return jsonColumn(column, options);
    case 'binary':
    case 'geometry':
      return binaryColumn(column, options);
  }
}

function integerType(bits: number, unsigned: boolean): string {
  const sizes = ['TINYINT', 'SMALLINT', 'INT', 'BIGINT', 'LARGEINT'];
  return sizes[Math.log2(bits) - 3 + Number(unsigned)] ?? 'LARGEINT';
}

/** A value whose text is the same in the engine and in the store. */
function plainColumn(type: string): StoredColumn {
  return { type, canonical: { store: castText } };
}

/** Digits behind the point as many as the type has: toString of the engine leaves zeros out. */
function decimalColumn(precision: number, scale: number): StoredColumn {
  const digits = (value: string) => `toDecimalString(${value}, ${scale})`;
  const canonical = { engine: digits, store: castText };
  if (precision <= largestPrecision) return { type: `DECIMAL(${precision}, ${scale})`, canonical };
  return { type: `VARCHAR(${precision + 3})`, render: digits, canonical };
}

/** With microseconds on both sides, so that a column the store has wider prints the same. */
function datetimeColumn(fsp: number, { flavour }: TypeOptions): StoredColumn {
  // StarRocks has one DATETIME, of microseconds.
  const hasScale = flavour === 'doris' && fsp > 0;
  return {
    type: hasScale ? `DATETIME(${fsp})` : 'DATETIME',
    canonical: {
      engine: (value) => `toString(toDateTime64(${value}, 6, 'UTC'))`,
      store: (name) => `DATE_FORMAT(${name}, '%Y-%m-%d %H:%i:%s.%f')`,
    },
    note: 'Without a zone; a timestamp is in UTC.',
  };
}

function bitColumn({ sourceType = '' }: SinkColumn): StoredColumn {
  const bits = Number(/^bit\((\d+)\)/i.exec(sourceType)?.[1] ?? 64);
  if (bits > 1) return plainColumn(bits < 64 ? 'BIGINT' : 'LARGEINT');
  const store = (name: string) =>
    `CASE WHEN ${name} IS NULL THEN NULL WHEN ${name} THEN '1' ELSE '0' END`;
  return { type: 'BOOLEAN', canonical: { store } };
}

/** `bytes`: the most a value can have, if that is known. */
function textColumn(
  { isKey }: SinkColumn,
  bytes: number | undefined,
  { maxStringBytes }: TypeOptions,
): StoredColumn {
  const limit = isKey ? Math.min(bytes ?? maxVarchar, maxVarchar) : bytes;
  const canonical = { engine: (value: string) => value, store: (name: string) => name };
  if (limit !== undefined && limit <= maxVarchar) {
    return { type: `VARCHAR(${limit})`, refuses: longerThan(limit), canonical };
  }
  return { type: 'STRING', refuses: longerThan(maxStringBytes), canonical };
}

function longerThan(bytes: number) {
  return {
    when: (value: string) => `length(${value}) > ${bytes}`,
    reason: `is longer than the ${bytes} bytes the store takes`,
  };
}

/** `varchar(20)` of MySQL in bytes of UTF-8. */
function declaredLength({ sourceType = '' }: SinkColumn): number | undefined {
  const characters = /^(?:var)?char\((\d+)\)/i.exec(sourceType)?.[1];
  return characters === undefined ? undefined : Math.max(1, Number(characters) * 4);
}

function jsonColumn(column: SinkColumn, options: TypeOptions): StoredColumn {
  if (options.json === 'string') return textColumn(column, undefined, options);
  return {
    type: 'JSON',
    refuses: longerThan(options.maxStringBytes),
    canonical: {
      engine: (value) => `if(isNull(${value}), NULL, '')`,
      store: (name) => `CASE WHEN ${name} IS NULL THEN NULL ELSE '' END`,
    },
    note: 'Compared by `cdc verify` only as to whether it is NULL.',
  };
}

function binaryColumn(column: SinkColumn, options: TypeOptions): StoredColumn {
  const isHex = options.binary === 'hex';
  const render = (value: string) => (isHex ? `lower(hex(${value}))` : `base64Encode(${value})`);
  const limit = column.isKey ? maxVarchar : options.maxStringBytes;
  const most = isHex ? Math.floor(limit / 2) : Math.floor(limit / 4) * 3;
  const { type, canonical } = textColumn(column, undefined, options);
  return {
    type,
    render,
    refuses: longerThan(most),
    canonical: { ...canonical, engine: render },
    note: `Text: ${options.binary}.`,
  };
}

function castText(name: string): string {
  return `CAST(${name} AS STRING)`;
}
