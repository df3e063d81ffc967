import type { Column } from '../../../change/table-schema.ts';
import { parseEnumMembers } from './enum-members.ts';

/** What `information_schema.COLUMNS` says about the default of a column. */
export interface DefaultRow {
  /** COLUMN_DEFAULT: MySQL gives the bare value, MariaDB an expression (`'a'`, `5`, `NULL`). */
  readonly columnDefault: string | null;
  /** EXTRA, e.g. `auto_increment`, `DEFAULT_GENERATED`, `VIRTUAL GENERATED`. */
  readonly extra: string;
}

/**
 * The value rows that were there before get when this column is added, as a SQL literal that both
 * MySQL and ClickHouse read: NULL, a number, or text in quotes with backslash escapes. Undefined when it
 * cannot be known from here: generated, counted, evaluated at the time, or without such a literal.
 */
export function addedColumnDefault(
  column: Column,
  row: DefaultRow,
  flavour: 'mysql' | 'mariadb',
): string | undefined {
  if (/generated|auto_increment|persistent|virtual|stored/i.test(row.extra)) return undefined;
  const value = flavour === 'mysql' ? row.columnDefault : parseMariaDbDefault(row.columnDefault);
  if (value === undefined) return undefined;
  if (value === null) return column.nullable ? 'NULL' : implicitDefault(column);
  return literalOf(column, value);
}

/** MariaDB: null for no default or NULL; undefined for an expression such as `current_timestamp()`. */
function parseMariaDbDefault(text: string | null): string | null | undefined {
  if (text === null || text === 'NULL') return null;
  const quoted = /^'((?:[^'\\]|''|\\.)*)'$/s.exec(text)?.[1];
  if (quoted !== undefined) return unescapeText(quoted);
  return /^-?[\d.]+(e[-+]?\d+)?$/i.test(text) || /^b'[01]*'$/.test(text) ? text : undefined;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  Z: '\x1a',
};

function unescapeText(text: string): string {
  return text.replace(/''|\\(.)/gs, (pair, escaped?: string) =>
    escaped === undefined ? pair.slice(1) : (escapes[escaped] ?? escaped),
  );
}

/** What a NOT NULL column without a default holds in old rows. */
function implicitDefault(column: Column): string | undefined {
  if (/^enum\(/i.test(column.sourceType)) {
    const [first] = parseEnumMembers(column.sourceType);
    return first === undefined ? undefined : quote(first);
  }
  switch (column.type.kind) {
    case 'int':
    case 'float':
    case 'decimal':
    case 'bit':
    case 'year':
      return '0';
    case 'string':
      return /char|text|^set\(/i.test(column.sourceType) ? quote('') : undefined;
    default:
      // A zero date, an empty geometry, padded binary: not certain enough to write down.
      return undefined;
  }
}

function literalOf(column: Column, value: string): string | undefined {
  switch (column.type.kind) {
    case 'int':
    case 'float':
    case 'decimal':
    case 'year':
      return Number.isFinite(Number(value)) ? value : undefined;
    case 'bit':
      return bitLiteral(value);
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'time':
      // A function such as CURRENT_TIMESTAMP has no digits in front; a zero date is no value of ours.
      return /^-?\d[\d :.-]*$/.test(value) && !/^0000|-00/.test(value) ? quote(value) : undefined;
    case 'string':
      return quote(value);
    default:
      return undefined;
  }
}

function bitLiteral(value: string): string | undefined {
  const bits = /^b'([01]*)'$/.exec(value)?.[1];
  if (bits !== undefined) return BigInt(`0b${bits || '0'}`).toString();
  return /^\d+$/.test(value) ? value : undefined;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
