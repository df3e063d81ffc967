/**
 * A text of a number that is the same from both sides, which print the same shortest digits in different layouts (1e15 and
 * 1000000000000000): all digits without zeros at either end, `e`, and the power of ten behind the last one. `-0.0` is `0`.
 */
export function engineFloatText(value: string): string {
  const number = `ifNull(toFloat64(${value}), 0)`;
  const digits = (text: string) => `replaceAll(splitByChar('e', ${text})[1], '.', '')`;
  const whole = `trimLeft(${digits('text')}, '0')`;
  const short = `trimRight(${whole}, '0')`;
  const mantissa = `splitByChar('e', text)[1]`;
  const fraction = `if(position(${mantissa}, '.') = 0, 0, length(${mantissa}) - position(${mantissa}, '.'))`;
  const power = `toInt32OrZero(splitByChar('e', concat(text, 'e0'))[2]) - ${fraction} + length(${whole}) - length(${short})`;
  const text = `arrayMap(text -> concat(if(${number} < 0, '-', ''), ${short}, 'e', toString(${power})), [toString(abs(${number}))])[1]`;
  return `multiIf(isNull(${value}), NULL, ${value} = 0, '0', ${text})`;
}

/**
 * The store's side. A FLOAT is printed with 6 digits unless it is made a DOUBLE, and MySQL prints what it has computed in at
 * most 22 characters: enough for a FLOAT without its sign, not for a DOUBLE such as -2.2250738585072014e-308.
 */
export function storeFloatText(column: string, bits: 32 | 64): string {
  const text =
    bits === 32
      ? `CAST(ABS(${column} + 0e0) AS CHAR)`
      : `TRIM(LEADING '-' FROM CAST(${column} AS CHAR))`;
  const mantissa = `SUBSTRING_INDEX(${text}, 'e', 1)`;
  const whole = `TRIM(LEADING '0' FROM REPLACE(${mantissa}, '.', ''))`;
  const short = `TRIM(TRAILING '0' FROM ${whole})`;
  const fraction = `IF(LOCATE('.', ${mantissa}) = 0, 0, CHAR_LENGTH(${mantissa}) - LOCATE('.', ${mantissa}))`;
  const power = `IF(LOCATE('e', ${text}) = 0, 0, CAST(SUBSTRING_INDEX(${text}, 'e', -1) AS SIGNED))`;
  const places = `CAST(${power} - ${fraction} + CHAR_LENGTH(${whole}) - CHAR_LENGTH(${short}) AS CHAR)`;
  return `IF(${column} = 0, '0', CONCAT(IF(${column} < 0, '-', ''), ${short}, 'e', ${places}))`;
}
