import type { ColumnType } from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import type { ValueReading } from './message-values.ts';

/** Most digits of any decimal of the engine. */
const maxDigits = 76;

/**
 * `12.50`, or as Java's BigDecimal prints small ones, `1.250E-7`. The engine cuts digits behind the scale
 * off without a word and reads `1.5.5` as 1.55, so the form is checked.
 */
export function decimalOfText(text: string, type: ColumnType): ValueReading {
  const { precision, scale } = decimalOf(type);
  const digits = precision - scale;
  const value = `${parserOf(precision)}(${text}, ${scale})`;
  const whole = digits === 0 ? '0+' : `0*[0-9]{1,${digits}}`;
  const fraction = scale === 0 ? '' : `|0*\\.[0-9]{1,${scale}}0*`;
  const plain = `^[-+]?(${whole}(\\.[0-9]{0,${scale}}0*)?${fraction})$`;
  const exponential = `^[-+]?[0-9]+(\\.[0-9]{0,${scale}})?[eE][-+]?[0-9]{1,2}$`;
  // The same with all digits that the engine has behind the point.
  const wide = `toDecimal256OrNull(${text}, ${maxDigits - digits})`;
  return {
    value: `CAST(${value}, ${quoteString(clickhouseType({ type, nullable: true }))})`,
    fits:
      `(match(${text}, ${quoteString(plain)}) ` +
      `OR (match(${text}, ${quoteString(exponential)}) AND ${wide} = ${value}))`,
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
