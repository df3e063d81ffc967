import type { ColumnType } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import { parseEnumMembers } from '../schema/enum-members.ts';
import type { ColumnDescription } from '../schema/schema-reader.ts';

/**
 * Values of key columns, as text that JSON can hold (`SnapshotProgress.lastKey`) and as SQL literals
 * that the server compares exactly as it orders the column. As text, strings and binary are the hex of
 * their bytes (strings in UTF-8); everything else is what the server prints. BIT is selected as a number.
 */
export interface KeyColumn {
  readonly type: ColumnType;
  readonly description: ColumnDescription;
}

/** The text of a key value that arrived over the wire. */
export function keyText({ type }: KeyColumn, bytes: Buffer): string {
  switch (type.kind) {
    case 'string':
    case 'binary':
      return bytes.toString('hex');
    default:
      return bytes.toString('latin1');
  }
}

/** The literal for `text`. Throws CDC_INTERNAL when it is not a text that `keyText` gives. */
export function keyLiteral(column: KeyColumn, text: string): string {
  switch (column.type.kind) {
    case 'int':
    case 'decimal':
    case 'year':
    case 'bit':
      return checked(text, /^-?\d+(\.\d+)?$/);
    case 'float':
      // With an exponent it is a DOUBLE, else a DECIMAL, which compares differently.
      return checked(/e/i.test(text) ? text : `${text}e0`, /^-?\d+(\.\d+)?e[-+]?\d+$/i);
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'time':
      return `'${checked(text, /^-?[\d :.-]+$/)}'`;
    case 'string':
      return stringLiteral(column.description, checked(text, /^[\da-f]*$/i));
    case 'binary':
      return `X'${checked(text, /^[\da-f]*$/i)}'`;
    default:
      throw notAKey(column.type.kind);
  }
}

function stringLiteral(description: ColumnDescription, hex: string): string {
  const { dataType, columnType, charset, collation } = description;
  const text = () => Buffer.from(hex, 'hex').toString();
  switch (dataType.toLowerCase()) {
    // The server orders these by their numbers.
    case 'enum':
      return String(parseEnumMembers(columnType).indexOf(text()) + 1);
    case 'set':
      return setBits(parseEnumMembers(columnType), text()).toString();
    // Without a character set: compared by the type's own order.
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return `'${checked(text(), /^[\da-f:.-]+$/i)}'`;
    default:
      return `CONVERT(_utf8mb4 X'${hex}' USING ${checked(charset, /^\w+$/)}) COLLATE ${checked(collation, /^\w+$/)}`;
  }
}

function setBits(members: readonly string[], text: string): bigint {
  if (text === '') return 0n;
  return text.split(',').reduce((bits, name) => bits | (1n << BigInt(members.indexOf(name))), 0n);
}

/** Nothing from a database becomes SQL text unless it looks as it must. */
function checked(text: string, pattern: RegExp): string {
  if (!pattern.test(text)) throw notAKey(String(pattern));
  return text;
}

function notAKey(expected: string): CdcError {
  return new CdcError('CDC_INTERNAL', `A key value is not of the form expected: ${expected}.`);
}
