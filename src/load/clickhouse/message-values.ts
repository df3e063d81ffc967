import type { ValueEncoding } from '../../change/message-layout.ts';
import type { ColumnType } from '../../change/table-schema.ts';
import { clickhouseType } from '../../engine/column-type.ts';
import { quoteString } from '../../engine/sql-quote.ts';
import { decimalOfBytes, decimalOfText } from './message-decimals.ts';
import {
  dateOfDays,
  dateOfIso,
  dateOfText,
  type EpochUnit,
  momentOfEpoch,
  momentOfIso,
  momentOfText,
  textOfDays,
  textOfEpoch,
  textOfIso,
  timeOfEpoch,
  timeOfIso,
  timeOfText,
} from './message-times.ts';

/** SQL that makes a column's value of its text in a message. */
export interface ValueReading {
  /** Nullable, of the column's type; NULL where the text is NULL. Nobody looks at it unless it fits. */
  readonly value: string;
  /**
   * Whether a text is a value of the column's type, exactly: `always`, when the value is `not null`, or by
   * an SQL condition, whose NULL is a no. It says nothing about a text that is NULL.
   */
  readonly fits: string;
}

/** What the readings of a message may use. */
export interface ReadingContext {
  /** SQL of the JSON type of the value in its place: what `JSONType` says. */
  readonly jsonType: string;
}

type Read = (text: string, type: ColumnType, context: ReadingContext) => ValueReading;

/**
 * Every way to write a value, by type. ClickHouse reads JSON into typed columns with silent mistakes (an
 * empty text is 0, 300 is an Int8 of 44, 2026-02-30 is March 2nd), so messages are read as text and each
 * conversion is checked. Text to number goes through no double.
 */
const readings: Readonly<
  Record<ColumnType['kind'], Readonly<Partial<Record<ValueEncoding, Read>>>>
> = {
  int: { text: parsed, boolean: numberOfBoolean },
  float: { text: floatOfText },
  decimal: { text: decimalOfText, unscaledBase64: decimalOfBytes },
  date: { text: dateOfText, iso: dateOfIso, epochDays: dateOfDays },
  datetime: moments(),
  timestamp: moments(),
  time: { text: timeOfText, iso: timeOfIso, ...perEpochUnit(timeOfEpoch) },
  year: { text: parsed },
  bit: { text: parsed, bits: numberOfBits, boolean: numberOfBoolean },
  string: { text: asIs, base64: ofBase64, latin1: ofLatin1 },
  json: { text: asIs, value: jsonOfValue },
  binary: { text: asIs, base64: ofBase64, latin1: ofLatin1 },
  geometry: { text: asIs, base64: ofBase64, latin1: ofLatin1, geometry: ofGeometry },
};

/** Of dates and times that are kept as text. */
const textReadings: Readonly<
  Record<'date' | 'moment' | 'time', Readonly<Partial<Record<ValueEncoding, Read>>>>
> = {
  date: { text: asIs, iso: textOfIso, epochDays: textOfDays },
  moment: { text: asIs, iso: textOfIso, ...perEpochUnit(textOfEpoch) },
  time: { text: asIs, iso: textOfIso, ...perEpochUnit(stringOf(timeOfEpoch)) },
};

/** Undefined where values of the type are never written so. `text` is an SQL name. */
export function readValue(
  text: string,
  type: ColumnType,
  encoding: ValueEncoding,
  context: ReadingContext,
): ValueReading | undefined {
  return readingsOf(type)[encoding]?.(text, type, context);
}

function readingsOf(type: ColumnType): Readonly<Partial<Record<ValueEncoding, Read>>> {
  if (!('text' in type) || type.text !== true) return readings[type.kind];
  if (type.kind === 'date' || type.kind === 'time') return textReadings[type.kind];
  return textReadings.moment;
}

function asIs(text: string): ValueReading {
  return { value: text, fits: 'always' };
}

/** Integers: anything but digits, or too large a number, is NULL. */
function parsed(text: string, type: ColumnType): ValueReading {
  const value = `to${clickhouseType({ type, nullable: false })}OrNull(${text})`;
  return { value, fits: 'not null' };
}

/** A number too large would be infinite; one that is written so is meant. */
function floatOfText(text: string, type: ColumnType): ValueReading {
  const { value } = parsed(text, type);
  const isTooLarge = `isInfinite(${value}) AND match(${text}, '[0-9]')`;
  return { value, fits: `(isNotNull(${value}) AND NOT (${isTooLarge}))` };
}

function numberOfBoolean(text: string, type: ColumnType): ValueReading {
  const target = quoteString(clickhouseType({ type, nullable: true }));
  return {
    value: `CAST(multiIf(${text} = 'true', 1, ${text} = 'false', 0, NULL), ${target})`,
    fits: `(${text} IN ('true', 'false'))`,
  };
}

/** Lowest byte first, at most 8. */
function numberOfBits(text: string): ValueReading {
  const bytes = `tryBase64Decode(${text})`;
  return {
    value: `reinterpretAsUInt64(${bytes})`,
    fits: `(length(${bytes}) BETWEEN 1 AND 8)`,
  };
}

/** What is no base64 decodes to nothing. */
function ofBase64(text: string): ValueReading {
  const value = `tryBase64Decode(${text})`;
  return { value, fits: `(notEmpty(${value}) OR empty(${text}))` };
}

/** Characters beyond U+00FF do not come back from the conversion. */
function ofLatin1(text: string): ValueReading {
  const value = `convertCharset(${text}, 'UTF-8', 'ISO-8859-1')`;
  return { value, fits: `(convertCharset(${value}, 'ISO-8859-1', 'UTF-8') = ${text})` };
}

/** `{"wkb": base64, "srid": integer or null}`. */
function ofGeometry(text: string): ValueReading {
  const srid = `reinterpretAsFixedString(toUInt32(JSONExtractUInt(${text}, 'srid')))`;
  const wkb = `tryBase64Decode(JSONExtractString(${text}, 'wkb'))`;
  return {
    value: `concat(${srid}, ${wkb})`,
    fits:
      `(notEmpty(${wkb}) AND JSONType(${text}, 'srid') IN ('Null', 'Int64', 'UInt64') ` +
      `AND JSONExtractInt(${text}, 'srid') BETWEEN 0 AND 4294967295)`,
  };
}

/**
 * The text of the value as it stands in the message. ClickHouse reads a JSON string without its quotes,
 * so these are put back; the text alone does not tell the string "1" from the number.
 */
function jsonOfValue(text: string, _type: ColumnType, { jsonType }: ReadingContext): ValueReading {
  const backslash = quoteString('\\');
  const escaped =
    `replaceAll(replaceAll(${text}, ${backslash}, ${quoteString('\\\\')}), ` +
    `'"', ${quoteString('\\"')})`;
  const quoted = `if(match(${text}, ${quoteString('[\\x00-\\x1f]')}), toJSONString(${text}), concat('"', ${escaped}, '"'))`;
  return {
    value: `if(${jsonType} = 'String', ${quoted}, ${text})`,
    fits: `(${jsonType} != 'Null')`,
  };
}

function stringOf(read: (unit: EpochUnit) => Read): (unit: EpochUnit) => Read {
  return (unit) => (text, type, context) => {
    const { value, fits } = read(unit)(text, type, context);
    return { value: `toString(${value})`, fits };
  };
}

function moments(): Readonly<Partial<Record<ValueEncoding, Read>>> {
  return { text: momentOfText, iso: momentOfIso, ...perEpochUnit(momentOfEpoch) };
}

function perEpochUnit(
  read: (unit: EpochUnit) => Read,
): Readonly<Partial<Record<ValueEncoding, Read>>> {
  return { epochMillis: read(3), epochMicros: read(6), epochNanos: read(9) };
}
