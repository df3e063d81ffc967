import type { Column, ColumnType, TableSchema } from '../../../change/table-schema.ts';
import { parseEnumMembers } from '../schema/enum-members.ts';

/** What a schema change does to the rows that are loaded already. */
export type SchemaChangePlan =
  | { readonly existingRows: 'keep'; readonly defaults: Readonly<Record<string, string>> }
  | { readonly existingRows: 'resnapshot'; readonly reason: string };

/**
 * Decides whether the values of old rows under the new schema are certain: columns dropped, columns
 * added with NULL or a known default, types that only grew. `defaults` are SQL literals by column name.
 * A rename looks like a drop and an add, so both together are never certain.
 */
export function planSchemaChange(
  before: TableSchema,
  after: TableSchema,
  defaults: Readonly<Record<string, string>>,
): SchemaChangePlan {
  const old = new Map(before.columns.map((column) => [column.name, column]));
  const added = after.columns.filter((column) => !old.has(column.name));
  const kept = after.columns.filter((column) => old.has(column.name));
  if (before.key.join('\0') !== after.key.join('\0')) return resnapshot('the key has changed');
  if (added.length > 0 && kept.length < old.size) {
    return resnapshot('columns were added and removed, which may be a rename');
  }
  const order = before.columns.filter((column) => kept.some(({ name }) => name === column.name));
  if (order.some((column, index) => column.name !== kept[index]?.name)) {
    return resnapshot('columns have changed places, which may be a rename');
  }
  for (const column of kept) {
    const previous = old.get(column.name);
    if (previous !== undefined && !isCertain(previous, column)) {
      return resnapshot(`column ${column.name} is ${column.sourceType} now`);
    }
  }
  return planAdded(added, defaults);
}

function planAdded(
  added: readonly Column[],
  defaults: Readonly<Record<string, string>>,
): SchemaChangePlan {
  const known: Record<string, string> = {};
  for (const { name } of added) {
    const literal = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (literal === undefined) return resnapshot(`the value of column ${name} is not known`);
    known[name] = literal;
  }
  return { existingRows: 'keep', defaults: known };
}

function resnapshot(reason: string): SchemaChangePlan {
  return { existingRows: 'resnapshot', reason };
}

/** True when the server has not changed the value of the column in any row, only the room for it. */
function isCertain(before: Column, after: Column): boolean {
  if (before.nullable && !after.nullable) return false;
  if (before.sourceType === after.sourceType) return isSameType(before.type, after.type);
  return isGrown(before.type, after.type) && isTextCertain(before, after);
}

function isSameType(before: ColumnType, after: ColumnType): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

function isGrown(before: ColumnType, after: ColumnType): boolean {
  if (before.kind === 'int' && after.kind === 'int') {
    if (before.unsigned === after.unsigned) return before.bits <= after.bits;
    return before.unsigned && before.bits < after.bits;
  }
  if (before.kind === 'decimal' && after.kind === 'decimal') {
    return (
      after.scale >= before.scale &&
      after.precision - after.scale >= before.precision - before.scale
    );
  }
  if (before.kind === 'float' && after.kind === 'float') return before.bits <= after.bits;
  if ('fsp' in before && 'fsp' in after) {
    return before.kind === after.kind && before.text === after.text && before.fsp <= after.fsp;
  }
  return isSameType(before, after);
}

/** For text and bytes the kind does not tell how much fits: a shorter type may have cut values. */
function isTextCertain(before: Column, after: Column): boolean {
  if (before.type.kind !== 'string' && before.type.kind !== 'binary') return true;
  const [from, to] = [textShape(before.sourceType), textShape(after.sourceType)];
  if (from.members !== undefined && to.members !== undefined) {
    return from.name === to.name && from.members.every((member) => to.members?.includes(member));
  }
  if (from.members !== undefined) return to.capacity !== undefined && to.capacity >= longest(from);
  if (from.capacity === undefined || to.capacity === undefined) return false;
  // char cuts spaces at the end, binary adds zeros: certain only when both ends do, or neither.
  return from.isPadded === to.isPadded && !/^binary/.test(to.name) && from.capacity <= to.capacity;
}

interface TextShape {
  readonly name: string;
  readonly members?: readonly string[];
  readonly capacity?: number;
  readonly isPadded: boolean;
}

const capacities: Readonly<Record<string, number>> = {
  tinytext: 2 ** 8 - 1,
  text: 2 ** 16 - 1,
  mediumtext: 2 ** 24 - 1,
  longtext: 2 ** 32 - 1,
  tinyblob: 2 ** 8 - 1,
  blob: 2 ** 16 - 1,
  mediumblob: 2 ** 24 - 1,
  longblob: 2 ** 32 - 1,
};

/** Capacity in characters where the type counts those, and in bytes for text types (four to a character at most). */
function textShape(sourceType: string): TextShape {
  const name = /^\w+/.exec(sourceType.toLowerCase())?.[0] ?? '';
  const isPadded = name === 'char' || name === 'binary';
  if (name === 'enum' || name === 'set') {
    return { name, members: parseEnumMembers(sourceType), isPadded };
  }
  const length = /^\w+\((\d+)\)/.exec(sourceType)?.[1];
  const capacity = length === undefined ? capacities[name] : Number(length);
  return { name, isPadded, ...(capacity !== undefined && { capacity }) };
}

function longest({ name, members = [] }: TextShape): number {
  if (name === 'set') return members.join(',').length;
  return Math.max(0, ...members.map((member) => member.length));
}
