import { quoteString } from '../../engine/sql-quote.ts';
import { isNullable, type TypedColumn } from '../model/relation.ts';

/**
 * A value on its way out of the engine and back into a statement without a loss: strings travel as hex
 * digits, since they may be any bytes, everything else as the engine prints it. NULL is null.
 */
export type Cell = string | null;

/** The expression that gives the cell of a value. */
export function cellOf(expression: string, type: string): string {
  if (isText(type)) return `hex(${expression})`;
  const scale = /^Decimal\(\d+, (\d+)\)$/.exec(unwrapped(type))?.[1];
  return scale === undefined
    ? `toString(${expression})`
    : `toDecimalString(${expression}, ${scale})`;
}

/** The value of a cell as a literal of its type. */
export function literalOf(cell: Cell, type: string): string {
  const of = (value: string) => `CAST(${value}, ${quoteString(type)})`;
  if (cell === null) return of('NULL');
  return of(isText(type) ? `unhex(${quoteString(cell)})` : quoteString(cell));
}

/** A value for people and JSON: text as the engine prints it, bytes that are no text as hex digits. */
export function textOf(cell: Cell, type: string): string | null {
  if (cell === null || !isText(type)) return cell;
  const bytes = Buffer.from(cell, 'hex');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : `0x${cell}`;
}

/**
 * A condition for a value that a person typed, `NULL` for none. Every type but text can refuse it: `accepts` is an
 * expression that is 0 then.
 */
export function typedCondition(
  expression: string,
  type: string,
  text: string,
): { condition: string; accepts: string } {
  const plain = isText(type) ? 'String' : unwrapped(type);
  const value = `accurateCastOrNull(${quoteString(text)}, ${quoteString(plain)})`;
  const equal = `ifNull(${expression} = ${value}, 0)`;
  if (text !== 'NULL' || !isNullable(type)) {
    return { condition: equal, accepts: `isNotNull(${value})` };
  }
  return { condition: `(isNull(${expression}) OR ${equal})`, accepts: '1' };
}

/** Equal for rows with the same cells in these columns. */
export function identityOf(
  cells: ReadonlyMap<string, Cell>,
  columns: readonly TypedColumn[],
): string {
  return JSON.stringify(columns.map(({ name }) => cells.get(name) ?? null));
}

function isText(type: string): boolean {
  return /^(String|FixedString\(\d+\))$/.test(unwrapped(type));
}

/** Without LowCardinality and Nullable. */
function unwrapped(type: string): string {
  const inner = /^(?:LowCardinality|Nullable)\((.*)\)$/.exec(type)?.[1];
  return inner === undefined ? type : unwrapped(inner);
}
