import { type PostgresColumn, type PostgresTypes, postgresTypes } from '../postgres/type-map.ts';
import { incompatibleTable } from '../sink-errors.ts';
import type { SinkColumn, SinkTable } from '../sink-table.ts';
import type { HologresSinkOptions } from './options.ts';

const maxDigits = 38;

/**
 * Hologres's types: PostgreSQL's (postgres/type-map.ts), with what it has not.
 *
 * - No precision of times; `timestamp with time zone` is kept to milliseconds, so finer moments are `timestamp without time zone`, in UTC.
 * - numeric has 38 digits, and all decimals get them, because the type of a column cannot be changed later; larger ones are text.
 * - A key takes no numeric, float or JSON: bigint unsigned is bigint there, and refuses what is beyond; decimals are text.
 */
export function hologresTypes(options: HologresSinkOptions): PostgresTypes {
  const types = postgresTypes({ ...options, bit: 'number' });
  return {
    stored: (column) => storedColumn(column, types),
    quote: types.quote,
    notes: [
      ...types.notes,
      'Moments finer than a millisecond are timestamps without time zone, in UTC, because Hologres would cut them.',
      'Decimals of more than 38 digits, and all decimals in keys, are text. A bigint unsigned in a key refuses values from 2^63 on.',
    ],
  };
}

/** Throws CDC_SINK_INCOMPATIBLE for a key that Hologres cannot have. */
export function assertKey(table: SinkTable): void {
  const refused = table.columns.find(
    ({ isKey, type }) => isKey && (type.kind === 'float' || type.kind === 'json'),
  );
  if (refused === undefined) return;
  const why = `its key column ${refused.name} is of a type that no key of Hologres may have.`;
  throw incompatibleTable(table.source, why);
}

function storedColumn(column: SinkColumn, types: PostgresTypes): PostgresColumn {
  const { type, isKey } = column;
  const own = types.stored(column);
  const stored = { ...own, type: own.type.replace(/^(time|timestamp)\(\d\)/, '$1') };
  const isText = 'text' in type && type.text === true;
  if (type.kind === 'timestamp' && !isText) return momentColumn(type.fsp);
  switch (type.kind) {
    case 'decimal':
      if (isKey || type.precision > maxDigits) return decimalText(type.scale);
      return { ...stored, type: `numeric(${maxDigits},${type.scale})` };
    case 'int':
      return isKey && stored.type.startsWith('numeric') ? signedKey : stored;
    case 'bit':
      return isKey && stored.type.startsWith('numeric') ? signedKey : stored;
    case 'string':
      return validText(stored);
    case 'json':
      return validText(stored);
    case 'float':
      // As text, because a number of JSON has no negative zero.
      return { ...stored, render: (value) => `toString(${value})` };
    default:
      return stored;
  }
}

function momentColumn(fsp: number): PostgresColumn {
  const isFine = fsp > 3;
  const text = (value: string) =>
    `left(to_char(${value}, 'YYYY-MM-DD HH24:MI:SS.US'), ${fsp === 0 ? 19 : 20 + fsp})`;
  return {
    type: `timestamp ${isFine ? 'without' : 'with'} time zone`,
    // Outside of a transaction the time zone of the session cannot be relied on.
    ...(!isFine && { render: (value) => `concat(toString(${value}), '+00')` }),
    canonical: { store: (value) => text(isFine ? value : `${value} AT TIME ZONE 'UTC'`) },
    ...(isFine && { note: 'without time zone, in UTC' }),
  };
}

function decimalText(scale: number): PostgresColumn {
  const digits = (value: string) => `toDecimalString(${value}, ${scale})`;
  return {
    type: 'text',
    render: digits,
    canonical: { engine: digits, store: (value) => value },
    note: 'text',
  };
}

const signedKey: PostgresColumn = {
  type: 'bigint',
  refuses: {
    when: (value) => `${value} > 9223372036854775807`,
    reason: 'is beyond 9223372036854775807, the largest number that a key of Hologres takes',
  },
  canonical: { store: (value) => `${value}::text` },
};

/** Lines are taken apart as text here, so bytes that are none must not come that far. */
function validText(stored: PostgresColumn): PostgresColumn {
  const { refuses } = stored;
  return {
    ...stored,
    refuses: {
      when: (value) =>
        `${refuses === undefined ? '' : `${refuses.when(value)} OR `}NOT isValidUTF8(ifNull(${value}, ''))`,
      reason: refuses === undefined ? 'is not UTF-8' : `${refuses.reason}, or is not UTF-8`,
    },
  };
}
