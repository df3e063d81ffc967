import type { TableSchema } from '../../change/table-schema.ts';
import type { RowView } from '../row-layout.ts';
import { FilterSyntaxError } from './filter-error.ts';
import { compileLike } from './like-pattern.ts';
import {
  type CompiledOperand,
  columnOperand,
  literalOperand,
  type OperandType,
  type OperandValue,
  typeOfColumn,
} from './operand.ts';
import type { Comparison, Filter, Operand } from './parse-filter.ts';

/** True, false, or null where SQL says unknown. Only `true` lets a row pass. */
export type Truth = boolean | null;
export type Predicate = (row: RowView) => Truth;

/**
 * A filter over rows of `schema`, with SQL's three-valued logic: a comparison with NULL is unknown, and NOT
 * unknown is unknown. Numbers are compared as numbers whatever their types, dates and times as moments,
 * text by its bytes. Throws FilterSyntaxError where a column is missing or two types do not compare.
 */
export function compileFilter(filter: Filter, schema: TableSchema): Predicate {
  switch (filter.kind) {
    case 'and':
      return all(filter.parts.map((part) => compileFilter(part, schema)));
    case 'or':
      return any(filter.parts.map((part) => compileFilter(part, schema)));
    case 'not':
      return not(compileFilter(filter.part, schema));
    case 'isNull':
      return columnOperand(filter.column, schema).isNull;
    case 'compare':
      return compileComparison(filter.operator, filter.left, filter.right, schema);
    case 'like': {
      const { column, pattern } = filter;
      const { type, reader } = columnOperand(column, schema);
      if (type !== 'text') {
        throw new FilterSyntaxError(
          column.at,
          `LIKE needs text, and ${column.name} is ${nameOf(type)}`,
        );
      }
      const isLike = compileLike(pattern.text);
      const read = reader(0);
      return (row) => {
        const value = read(row);
        return value === null ? null : isLike(String(value));
      };
    }
  }
}

function all(parts: readonly Predicate[]): Predicate {
  return (row) => {
    let truth: Truth = true;
    for (const part of parts) {
      const each = part(row);
      if (each === false) return false;
      if (each === null) truth = null;
    }
    return truth;
  };
}

function any(parts: readonly Predicate[]): Predicate {
  return (row) => {
    let truth: Truth = false;
    for (const part of parts) {
      const each = part(row);
      if (each === true) return true;
      if (each === null) truth = null;
    }
    return truth;
  };
}

function not(part: Predicate): Predicate {
  return (row) => {
    const truth = part(row);
    return truth === null ? null : !truth;
  };
}

function compileComparison(
  operator: Comparison,
  left: Operand,
  right: Operand,
  schema: TableSchema,
): Predicate {
  const holds = outcomes[operator];
  const leftType = left.kind === 'column' ? typeOfColumn(left, schema) : undefined;
  const rightType = right.kind === 'column' ? typeOfColumn(right, schema) : undefined;
  const first = operand(left, rightType, schema);
  const second = operand(right, leftType, schema);
  if (first.type !== second.type) {
    throw new FilterSyntaxError(
      right.at,
      `${describe(left)} is ${nameOf(first.type)} and cannot be compared with ${nameOf(second.type)}`,
    );
  }
  if (first.type === 'bytes') {
    throw new FilterSyntaxError(
      left.at,
      `${describe(left)} is binary; it can only be asked whether it IS NULL`,
    );
  }
  const scale = commonScale(first, second);
  const readFirst = first.reader(scale);
  const readSecond = second.reader(scale);
  return (row) => {
    const one = readFirst(row);
    if (one === null) return null;
    const other = readSecond(row);
    return other === null ? null : holds(order(one, other));
  };
}

function commonScale(left: CompiledOperand, right: CompiledOperand): number | 'float' {
  if (left.scale === 'float' || right.scale === 'float') return 'float';
  return Math.max(left.scale, right.scale);
}

function operand(each: Operand, opposite: OperandType | undefined, schema: TableSchema) {
  return each.kind === 'column' ? columnOperand(each, schema) : literalOperand(each, opposite);
}

const outcomes: Readonly<Record<Comparison, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Numbers of both kinds compare exactly with one another. */
function order(left: OperandValue, right: OperandValue): number {
  if (Buffer.isBuffer(left) && Buffer.isBuffer(right)) return Buffer.compare(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
}

function nameOf(type: OperandType): string {
  return {
    number: 'a number',
    moment: 'a date or time of day on a date',
    duration: 'a time',
    text: 'text',
    bytes: 'binary',
  }[type];
}

function describe(each: Operand): string {
  return each.kind === 'column' ? each.name : each.text;
}
