import type { SinkColumn } from '../sink-table.ts';
import type { StoredColumn, TypeMap } from '../type-map.ts';
import { engineJsonText, storeJsonText } from './json-text.ts';
import type { TypeOptions } from './options.ts';
import { quoteName } from './sql-text.ts';
import { isImpossibleDate } from './text-dates.ts';

export interface PostgresColumn extends StoredColumn {
  /** Values may become NULL, so the column takes it although the source's does not. */
  readonly takesNull?: true;
}

export interface PostgresTypes extends TypeMap {
  stored(column: SinkColumn): PostgresColumn;
}

/**
 * PostgreSQL's types, spelled as `format_type` spells them, so that they can be compared as text.
 *
 * | kind      | type                                  | note                                               |
 * | int       | smallint, integer, bigint, numeric(20) | unsigned ones a size larger                       |
 * | float     | real, double precision                |                                                    |
 * | decimal   | numeric(p,s)                          |                                                    |
 * | date      | date                                  | as text: by option                                 |
 * | datetime  | timestamp(f) without time zone        | wall clock of the source; as text: by option       |
 * | timestamp | timestamp(f) with time zone           | as text: by option                                 |
 * | time      | interval(f)                           | or time, or text, by option                        |
 * | year      | smallint                              |                                                    |
 * | bit       | bigint, numeric(20)                   | or bit(n), by option                               |
 * | string    | text                                  | U+0000 refused, or left out by option              |
 * | json      | jsonb                                 | or json, or text, by option                        |
 * | binary    | bytea                                 |                                                    |
 * | geometry  | bytea                                 | WKB; with a SRID PostGIS's EWKB                    |
 */
export function postgresTypes(options: TypeOptions): PostgresTypes {
  return {
    stored: (column) => storedColumn(column, options),
    quote: quoteName,
    notes: [
      'Booleans of models are smallint 0 and 1; arrays, maps and tuples are JSON; UUIDs and 128-bit integers are text.',
      'A time stamp is stored as the moment it is, whatever the time zone of the session.',
      'Names longer than 63 bytes are refused, because PostgreSQL would cut them.',
    ],
  };
}

function storedColumn(column: SinkColumn, options: TypeOptions): PostgresColumn {
  const { type } = column;
  if ('text' in type && type.text) return textTemporal(column, options);
  switch (type.kind) {
    case 'int':
      return { type: intType(type.bits, type.unsigned), canonical: exactText };
    case 'float':
      return floatColumn(type.bits);
    case 'decimal':
      return {
        type: `numeric(${type.precision},${type.scale})`,
        canonical: decimalText(type.scale),
      };
    case 'date':
      return { type: 'date', canonical: { store: (value) => `to_char(${value}, 'YYYY-MM-DD')` } };
    case 'datetime':
    case 'timestamp':
      return momentColumn(type.kind, type.fsp);
    case 'time':
      return timeColumn(type.fsp, options.time);
    case 'year':
      return { type: 'smallint', canonical: exactText };
    case 'bit':
      return bitColumn(column, options.bit);
    case 'string':
      return textColumn(options.nul);
    case 'json':
      return jsonColumn(options);
    case 'binary':
      return bytesColumn((value) => value);
    case 'geometry':
      return {
        ...bytesColumn(ewkb),
        note: 'WKB; with a SRID other than 0 in PostGIS’s extended form',
      };
  }
}

const exactText = { store: (value: string) => `${value}::text` };
/** With all digits behind the point, because each side has its own way with zeros there. */
function decimalText(scale: number) {
  return {
    engine: (value: string) => `toDecimalString(${value}, ${scale})`,
    store: (value: string) => `round(${value}::numeric, ${scale})::text`,
  };
}

function intType(bits: number, unsigned: boolean): string {
  const size = unsigned ? bits * 2 : bits;
  if (size <= 16) return 'smallint';
  if (size === 32) return 'integer';
  return size === 64 ? 'bigint' : 'numeric(20,0)';
}

/** Compared by their bits, because the texts of the two sides differ; every NaN is one. */
function floatColumn(bits: 32 | 64): StoredColumn {
  const [type, send] =
    bits === 32 ? (['real', 'float4send'] as const) : (['double precision', 'float8send'] as const);
  return {
    type,
    canonical: {
      engine: (value) =>
        `if(isNaN(${value}), 'NaN', lower(leftPad(hex(reinterpretAsUInt${bits}(${value})), ${bits / 4}, '0')))`,
      store: (value) =>
        `CASE WHEN ${value} = 'NaN' THEN 'NaN' ELSE encode(${send}(${value}), 'hex') END`,
    },
  };
}

function momentColumn(kind: 'datetime' | 'timestamp', fsp: number): StoredColumn {
  const isMoment = kind === 'timestamp';
  // To microseconds, and then cut: older servers know no shorter form.
  const length = fsp === 0 ? 19 : 20 + fsp;
  const text = (value: string) => `left(to_char(${value}, 'YYYY-MM-DD HH24:MI:SS.US'), ${length})`;
  return {
    type: `timestamp(${fsp}) ${isMoment ? 'with' : 'without'} time zone`,
    canonical: {
      store: (value) => text(isMoment ? `${value} AT TIME ZONE 'UTC'` : value),
    },
  };
}

function timeColumn(fsp: number, choice: TypeOptions['time']): StoredColumn {
  if (choice === 'text') {
    return { type: 'text', render: (value) => `toString(${value})`, canonical: exactText };
  }
  const seconds = (value: string) => `CAST(${value}, 'Nullable(Decimal(18, ${fsp}))')`;
  const { engine, store } = decimalText(fsp);
  const canonical = {
    engine: (value: string) => engine(seconds(value)),
    store: (value: string) => store(`extract(epoch from ${value})`),
  };
  if (choice === 'interval') return { type: `interval(${fsp})`, canonical };
  return {
    type: `time(${fsp}) without time zone`,
    refuses: {
      when: (value) => `${seconds(value)} < 0 OR ${seconds(value)} >= 86400`,
      reason: 'is a time outside of a day',
    },
    canonical,
  };
}

function bitColumn({ sourceType }: SinkColumn, choice: TypeOptions['bit']): StoredColumn {
  const bits = Number(/^bit\((\d+)\)/i.exec(sourceType ?? '')?.[1] ?? 64);
  if (choice === 'number') {
    return { type: bits < 64 ? 'bigint' : 'numeric(20,0)', canonical: exactText };
  }
  const digits = (value: string) => `right(leftPad(bin(${value}), 64, '0'), ${bits})`;
  return {
    type: `bit(${bits})`,
    render: digits,
    canonical: { engine: digits, store: exactText.store },
  };
}

/** COPY would read `\0` and digits behind it as another character, so the rule is kept before that. */
function textColumn(nul: TypeOptions['nul']): StoredColumn {
  if (nul === 'strip') {
    const strip = (value: string) => `replaceAll(${value}, '\\0', '')`;
    return {
      type: 'text',
      render: strip,
      canonical: { engine: strip, store: exactText.store },
      note: 'U+0000 is left out',
    };
  }
  return { type: 'text', refuses: nulRefusal, canonical: exactText };
}

const nulRefusal = {
  when: (value: string) => `position(${value}, '\\0') > 0`,
  reason: 'holds the character U+0000, which PostgreSQL has no place for',
};

function jsonColumn({ json }: TypeOptions): StoredColumn {
  if (json !== 'jsonb') return { type: json, refuses: nulRefusal, canonical: exactText };
  return {
    type: 'jsonb',
    refuses: {
      when: (value) => `match(${value}, '(^|[^\\\\\\\\])(\\\\\\\\\\\\\\\\)*\\\\\\\\u0000')`,
      reason: 'holds \\u0000, which jsonb has no place for',
    },
    canonical: { engine: engineJsonText, store: storeJsonText },
    note: 'spaces, the order of keys, all but the last of equal keys and the sign of -0.0 are lost; verify compares keys, strings and numbers, not their arrangement',
  };
}

function bytesColumn(bytes: (value: string) => string): StoredColumn {
  const hex = (value: string) => `lower(hex(${bytes(value)}))`;
  return {
    type: 'bytea',
    render: (value) => `concat('\\\\x', ${hex(value)})`,
    canonical: { engine: hex, store: (value) => `encode(${value}, 'hex')` },
  };
}

/**
 * As MySQL stores it: SRID (4 bytes), then WKB: 1 (little endian), type (4 bytes), ...
 * EWKB:           1, type with the flag 0x20000000, SRID, ...; without a SRID it is WKB.
 */
function ewkb(value: string): string {
  const extended = `concat(substring(${value}, 5, 4), ' ', substring(${value}, 1, 4), substring(${value}, 10))`;
  return `if(substring(${value}, 1, 4) = '\\0\\0\\0\\0', substring(${value}, 5), ${extended})`;
}

function textTemporal(column: SinkColumn, options: TypeOptions): PostgresColumn {
  const { type } = column;
  if (options.textDates === 'text') return { type: 'text', canonical: exactText };
  if (type.kind === 'time') return textTime(type.fsp, options.time);
  const isMoment = type.kind === 'datetime' || type.kind === 'timestamp';
  const { text: _, ...plain } = isMoment ? type : { kind: 'date' as const, text: true };
  const { type: name, canonical } = storedColumn({ ...column, type: plain }, options);
  if (options.textDates === 'null' && !column.isKey) {
    const orNull = (value: string) => `if(${isImpossibleDate(value)}, NULL, ${value})`;
    return {
      type: name,
      render: orNull,
      canonical: { ...canonical, engine: orNull },
      takesNull: true,
      note: 'impossible dates are NULL',
    };
  }
  return {
    type: name,
    refuses: { when: isImpossibleDate, reason: 'is not a date' },
    ...(canonical && { canonical }),
  };
}

function textTime(fsp: number, choice: TypeOptions['time']): StoredColumn {
  const { type, refuses, canonical } = timeColumn(fsp, choice);
  if (choice === 'text') return { type, canonical: exactText };
  const time = (value: string) => `CAST(${value}, 'Nullable(Time64(${fsp}))')`;
  return {
    type,
    ...(refuses && { refuses: { ...refuses, when: (value) => refuses.when(time(value)) } }),
    canonical: {
      ...canonical,
      engine: (value) => canonical?.engine?.(time(value)) ?? value,
    },
  };
}
