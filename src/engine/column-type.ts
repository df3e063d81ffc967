import type { Column, ColumnType } from '../change/table-schema.ts';

/**
 * The ClickHouse type whose RowBinary form is our row bytes (change/table-schema.ts), spelled as
 * ClickHouse itself spells it in system.columns, so that types can be compared as text.
 *
 * | kind                | ClickHouse type             | note                                        |
 * | int                 | Int8..Int64, UInt8..UInt64  |                                             |
 * | float               | Float32, Float64            |                                             |
 * | decimal             | Decimal(p, s)               |                                             |
 * | date                | Date32                      | 1900-01-01..2299-12-31                      |
 * | datetime, timestamp | DateTime64(f, 'UTC')        | wall clock of the source, or UTC            |
 * | time                | Time64(f)                   | ClickHouse 25.6 or later                    |
 * | year                | UInt16                      |                                             |
 * | bit                 | UInt64                      |                                             |
 * | everything else     | String                      | and dates and times chosen as text          |
 */
export function clickhouseType({ type, nullable }: Pick<Column, 'type' | 'nullable'>): string {
  const name = typeName(type);
  return nullable ? `Nullable(${name})` : name;
}

function typeName(type: ColumnType): string {
  if ('text' in type && type.text) return 'String';
  switch (type.kind) {
    case 'int':
      return `${type.unsigned ? 'UInt' : 'Int'}${type.bits}`;
    case 'float':
      return `Float${type.bits}`;
    case 'decimal':
      return `Decimal(${type.precision}, ${type.scale})`;
    case 'date':
      return 'Date32';
    case 'datetime':
    case 'timestamp':
      return `DateTime64(${type.fsp}, 'UTC')`;
    case 'time':
      return `Time64(${type.fsp})`;
    case 'year':
      return 'UInt16';
    case 'bit':
      return 'UInt64';
    case 'string':
    case 'json':
    case 'binary':
    case 'geometry':
      return 'String';
  }
}

/** True when every value of `from` is the same value in `to` (both as ClickHouse spells them). */
export function isWidening(from: string, to: string): boolean {
  const source = parseType(from);
  const target = parseType(to);
  if (source.nullable && !target.nullable) return false;
  if (source.name === target.name) return true;
  return widenings.some((widens) => widens(source.name, target.name));
}

function parseType(type: string): { name: string; nullable: boolean } {
  const inner = /^Nullable\((.*)\)$/.exec(type)?.[1];
  return { name: inner ?? type, nullable: inner !== undefined };
}

const widenings: readonly ((from: string, to: string) => boolean)[] = [
  (from, to) => from === 'Float32' && to === 'Float64',
  widensBy(/^(U?)Int(\d+)$/, ([sign, bits], [toSign, toBits]) =>
    sign === toSign ? Number(toBits) > Number(bits) : sign === 'U' && Number(toBits) > Number(bits),
  ),
  widensBy(/^Decimal\((\d+), (\d+)\)$/, ([precision, scale], [toPrecision, toScale]) => {
    const moreScale = Number(toScale) - Number(scale);
    return moreScale >= 0 && Number(toPrecision) - Number(precision) >= moreScale;
  }),
  widensBy(/^DateTime64\((\d), 'UTC'\)$/, ([fsp], [toFsp]) => Number(toFsp) > Number(fsp)),
  widensBy(/^Time64\((\d)\)$/, ([fsp], [toFsp]) => Number(toFsp) > Number(fsp)),
];

/** Both types match `pattern`, and their parameters say so. */
function widensBy(
  pattern: RegExp,
  compare: (from: readonly string[], to: readonly string[]) => boolean,
): (from: string, to: string) => boolean {
  return (from, to) => {
    const source = pattern.exec(from);
    const target = pattern.exec(to);
    return source !== null && target !== null && compare(source.slice(1), target.slice(1));
  };
}
