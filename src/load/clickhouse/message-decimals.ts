import type { ColumnType } from '../../change/table-schema.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import type { ValueReading } from './message-values.ts';
import { clickhouseType } from './type-map.ts';

/** Most digits of any decimal of the engine. */
const maxDigits = 76;

/**
 * `12.50`, or as Java's BigDecimal prints small ones, `1.250E-7`. The engine cuts digits behind the scale
 * off without a word and reads `1.5.5` as 1.55, so the form is checked.
 */
export function decimalOfText(text: string, type: ColumnType): ValueReading {
  const { precision, scale } = decimalOf(type);
  const value = `${parserOf(precision)}(${text}, ${scale})`;
  const plain = quoteString(`^[-+]?0*[0-9]{0,${precision - scale}}(\\.[0-9]{0,${scale}}0*)?$`);
  const exponential = quoteString('^[-+]?[0-9]+(\\.[0-9]*)?[eE][-+]?[0-9]{1,3}$');
  // With all digits that the engine has behind the point; digits behind even these are not allowed.
  const wideScale = maxDigits - (precision - scale);
  const digits = `toInt64(length(extract(${text}, ${quoteString('\\.([0-9]*)')})))`;
  const exponent = `toInt64OrZero(extract(${text}, ${quoteString('[eE]([-+]?[0-9]+)$')}))`;
  const isExact =
    `match(${text}, ${exponential}) AND ${digits} - ${exponent} <= ${wideScale} ` +
    `AND ifNull(toDecimal256OrNull(${text}, ${wideScale}) = ${value}, 0)`;
  return {
    value: cast(value, type),
    fits:
      `(isNotNull(${value}) AND match(${text}, '[0-9]') ` +
      `AND (match(${text}, ${plain}) OR (${isExact})))`,
  };
}

/** value x 10^scale, big-endian two's complement in base64: any number of bytes. */
export function decimalOfBytes(text: string, type: ColumnType): ValueReading {
  const { precision, scale } = decimalOf(type);
  const bytes = `tryBase64Decode(${text})`;
  const sign = `if(substring(${bytes}, 1, 1) >= unhex('80'), unhex('FF'), unhex('00'))`;
  const padded = `concat(reverse(${bytes}), repeat(${sign}, greatest(0, 32 - toInt32(length(${bytes})))))`;
  const number = `reinterpretAsInt256(${padded})`;
  const limit = `toInt256(${quoteString(`1${'0'.repeat(precision)}`)})`;
  return {
    value: `reinterpret(to${integerOf(precision)}(${number}), ${quoteString(`Decimal(${precision}, ${scale})`)})`,
    fits: `(length(${bytes}) BETWEEN 1 AND 32 AND ${number} > -${limit} AND ${number} < ${limit})`,
  };
}

function decimalOf(type: ColumnType): { precision: number; scale: number } {
  return type.kind === 'decimal' ? type : { precision: 0, scale: 0 };
}

function cast(value: string, type: ColumnType): string {
  return `CAST(${value}, ${quoteString(clickhouseType({ type, nullable: true }))})`;
}

function parserOf(precision: number): string {
  if (precision <= 9) return 'toDecimal32OrNull';
  if (precision <= 18) return 'toDecimal64OrNull';
  return precision <= 38 ? 'toDecimal128OrNull' : 'toDecimal256OrNull';
}

function integerOf(precision: number): string {
  if (precision <= 9) return 'Int32';
  if (precision <= 18) return 'Int64';
  return precision <= 38 ? 'Int128' : 'Int256';
}
