/**
 * The text of a float as mantissa and exponent, the same in the engine and in the store: how stores print a DOUBLE depends on
 * their version, but powers of two and products with them are exact everywhere. The exponent may come out one too large or small
 * (log2 rounds), and the mantissa then says so; the correction makes both unique.
 */
interface Dialect {
  readonly toDouble: (value: string) => string;
  readonly toInteger: (value: string) => string;
  readonly text: (value: string) => string;
}

const clickhouse: Dialect = {
  toDouble: (value) => `toFloat64(${value})`,
  toInteger: (value) => `toInt64(${value})`,
  text: (value) => `toString(${value})`,
};

const doris: Dialect = {
  toDouble: (value) => `CAST(${value} AS DOUBLE)`,
  toInteger: (value) => `CAST(${value} AS BIGINT)`,
  text: (value) => `CAST(${value} AS STRING)`,
};

/** Largest power of two a DOUBLE has. */
const largestExponent = 1023;
const mantissaBits = 52;

function renderFloat(value: string, { toDouble, toInteger, text }: Dialect): string {
  const size = toDouble(`ABS(${value})`);
  // Where the value is 0 the branch above is taken; the engine computes both all the same.
  const exponent = toInteger(`LEAST(FLOOR(LOG2(${size})), ${largestExponent})`);
  const mantissa = `${size} / POW(2, ${exponent})`;
  const correct = (small: string, large: string, right: string) =>
    `CASE WHEN ${mantissa} < 1 THEN ${small} WHEN ${mantissa} >= 2 THEN ${large} ELSE ${right} END`;
  const scaled = (bits: number) => toInteger(`${mantissa} * POW(2, ${bits})`);
  const digits = correct(scaled(mantissaBits + 1), scaled(mantissaBits - 1), scaled(mantissaBits));
  const power = correct(`${exponent} - 1`, `${exponent} + 1`, exponent);
  return (
    `CASE WHEN ${value} IS NULL THEN NULL WHEN ${value} = 0 THEN '0' ELSE ` +
    `CONCAT(CASE WHEN ${value} < 0 THEN '-' ELSE '' END, ${text(digits)}, 'p', ${text(power)}) END`
  );
}

export const floatText = {
  engine: (value: string) => renderFloat(value, clickhouse),
  store: (value: string) => renderFloat(value, doris),
};
