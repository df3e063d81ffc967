import type { ColumnType, TableSchema } from '../change/table-schema.ts';
import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import { parseNumber } from '../route/filter/operand.ts';
import type { Filter, Operand } from '../route/filter/parse-filter.ts';

/**
 * A filter as a condition of ClickHouse over the source's columns, so that a verification does not ask the
 * program that it verifies. The filter fits the schema: it has been compiled for it.
 */
export function renderFilter(filter: Filter, schema: TableSchema): string {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const parts = filter.parts.map((part) => renderFilter(part, schema));
      return `(${parts.join(filter.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return `(NOT ${renderFilter(filter.part, schema)})`;
    case 'isNull':
      return `isNull(${quoteIdentifier(filter.column.name)})`;
    case 'like':
      return `(${quoteIdentifier(filter.column.name)} LIKE ${quoteString(filter.pattern.text)})`;
    case 'compare': {
      const types = [filter.left, filter.right].map((each) => typeOf(each, schema));
      const left = renderOperand(filter.left, types[0], types[1]);
      const right = renderOperand(filter.right, types[1], types[0]);
      return `(${left} ${filter.operator} ${right})`;
    }
  }
}

function typeOf(operand: Operand, { columns }: TableSchema): ColumnType | undefined {
  if (operand.kind !== 'column') return undefined;
  return columns.find(({ name }) => name === operand.name)?.type;
}

function renderOperand(
  operand: Operand,
  own: ColumnType | undefined,
  opposite: ColumnType | undefined,
): string {
  if (operand.kind === 'column') {
    const name = quoteIdentifier(operand.name);
    return isMoment(own) ? `toDateTime64(${name}, 6, 'UTC')` : name;
  }
  if (operand.kind === 'number') {
    if (opposite?.kind === 'float') return `toFloat64('${operand.text}')`;
    const { unscaled, scale } = parseNumber(operand.text);
    const digits = unscaled
      .toString()
      .replace('-', '')
      .padStart(scale + 1, '0');
    const point = digits.length - scale;
    const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
    return `toDecimal256('${text.replace(/\.$/, '')}', ${scale})`;
  }
  const text = quoteString(operand.text);
  if (isMoment(opposite)) return `toDateTime64(${text}, 6, 'UTC')`;
  return opposite?.kind === 'time' && !opposite.text ? `CAST(${text} AS Time64(6))` : text;
}

function isMoment(type: ColumnType | undefined): boolean {
  if (type?.kind !== 'date' && type?.kind !== 'datetime' && type?.kind !== 'timestamp') {
    return false;
  }
  return !type.text;
}
