import type { ColumnType } from '../change/table-schema.ts';

/** A type that the engine's SQL can give, as one of ours. */
export interface ModelType {
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Makes a value of the engine's type one as `clickhouseType` has it. */
  readonly value: (expression: string) => string;
}

const same = (expression: string) => expression;
const text = { kind: 'string' } as const;
const json = { kind: 'json' } as const;

/** undefined: no sink can hold such a value, e.g. the state of an aggregate. */
export function modelType(engineType: string): ModelType | undefined {
  const inner = /^LowCardinality\((.*)\)$/.exec(engineType)?.[1] ?? engineType;
  const plain = /^Nullable\((.*)\)$/.exec(inner)?.[1] ?? inner;
  const aggregated = /^SimpleAggregateFunction\([^,]+, (.*)\)$/.exec(plain)?.[1];
  if (aggregated !== undefined) return modelType(aggregated);
  const nullable = plain !== inner;
  const found = plainType(plain);
  if (found === undefined) return undefined;
  const { type, cast } = found;
  const convert = cast ?? (inner === engineType ? same : (value) => `CAST(${value}, '${inner}')`);
  return { type, nullable, value: convert };
}

function plainType(
  name: string,
): { type: ColumnType; cast?: (value: string) => string } | undefined {
  const int = /^(U?)Int(8|16|32|64)$/.exec(name);
  if (int !== null) {
    const bits = Number(int[2]) as 8 | 16 | 32 | 64;
    return { type: { kind: 'int', bits, unsigned: int[1] === 'U' } };
  }
  const decimal = /^Decimal\((\d+), (\d+)\)$/.exec(name);
  if (decimal !== null) {
    return {
      type: { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) },
    };
  }
  const fine = /^DateTime64\((\d)(?:, '(.*)')?\)$/.exec(name);
  if (fine !== null) {
    const fsp = Math.min(6, Number(fine[1]));
    const isUtc = fine[2] === 'UTC' && fsp === Number(fine[1]);
    const cast = (value: string) => `toTimeZone(toDateTime64(${value}, ${fsp}), 'UTC')`;
    return { type: { kind: 'datetime', fsp }, ...(isUtc ? {} : { cast }) };
  }
  if (/^DateTime(\('.*'\))?$/.test(name)) {
    return {
      type: { kind: 'datetime', fsp: 0 },
      cast: (value) => `toDateTime64(${value}, 0, 'UTC')`,
    };
  }
  const time = /^Time64\((\d)\)$/.exec(name);
  if (time !== null && Number(time[1]) <= 6) {
    return { type: { kind: 'time', fsp: Number(time[1]) } };
  }
  if (/^(Array|Tuple|Map|Nested|JSON|Object|Variant|Dynamic)\b/.test(name)) {
    return { type: json, cast: (value) => `toJSONString(${value})` };
  }
  if (/^(U?Int(128|256)|UUID|IPv[46]|Enum(8|16)\(.*\)|Time|Time64\(\d\))$/.test(name)) {
    return { type: text, cast: (value) => `toString(${value})` };
  }
  switch (name) {
    case 'Bool':
      return {
        type: { kind: 'int', bits: 8, unsigned: true },
        cast: (value) => `toUInt8(${value})`,
      };
    case 'Float32':
    case 'Float64':
      return { type: { kind: 'float', bits: name === 'Float32' ? 32 : 64 } };
    case 'BFloat16':
      return { type: { kind: 'float', bits: 32 }, cast: (value) => `toFloat32(${value})` };
    case 'Date':
      return { type: { kind: 'date' }, cast: (value) => `toDate32(${value})` };
    case 'Date32':
      return { type: { kind: 'date' } };
    case 'String':
      return { type: text };
    default:
      if (name.startsWith('FixedString(')) {
        // CAST would cut zero bytes at the end.
        return { type: { kind: 'binary' }, cast: (value) => `concat(${value}, '')` };
      }
      if (name.startsWith('Interval')) {
        return {
          type: { kind: 'int', bits: 64, unsigned: false },
          cast: (value) => `toInt64(${value})`,
        };
      }
      return undefined;
  }
}
