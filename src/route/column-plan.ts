import {
  type Column,
  deletedColumn,
  type TableSchema,
  versionColumn,
} from '../change/table-schema.ts';
import type { Secret } from '../lib/secret.ts';
import type { ColumnRuleOptions } from './options.ts';
import type { RouteProblem } from './route-problem.ts';
import type { Indexed } from './table-route.ts';
import { hasText } from './value-text.ts';

/** What is done to the values of a column. */
export type ColumnAction =
  | { readonly kind: 'copy' }
  | { readonly kind: 'mask'; readonly text: string }
  | { readonly kind: 'hash'; readonly salt: Secret }
  | { readonly kind: 'truncate'; readonly characters: number };

/** A column of the source that stays, and what becomes of it. */
export interface PlannedColumn {
  /** Its place in the source's schema. */
  readonly index: number;
  /** As it is after the rules. */
  readonly column: Column;
  readonly action: ColumnAction;
}

export interface ColumnPlan {
  readonly columns: readonly PlannedColumn[];
  readonly key: readonly string[];
  readonly problems: readonly RouteProblem[];
}

const remedy = 'Correct the rule under route.columns.';

/**
 * What the rules make of the columns of a table. A column's last rule of each kind counts: one for its
 * values (drop, mask, hash, truncate), one for its name.
 */
export function planColumns(
  schema: TableSchema,
  rules: readonly Indexed<ColumnRuleOptions>[],
): ColumnPlan {
  const problems: RouteProblem[] = [];
  const note = (index: number, message: string) =>
    problems.push({
      path: ['columns', index],
      table: schema.table,
      code: 'CDC_ROUTE_INVALID',
      message,
      remedy,
    });
  const columns: PlannedColumn[] = [];
  const names = new Map<string, string>();
  const keyNames = new Map<string, string>();
  for (const [index, column] of schema.columns.entries()) {
    const own = rules.filter(({ rule }) => namesOf(rule).includes(column.name));
    const change = own.findLast(({ rule }) => !isRename(rule) || changesValues(rule));
    const renamed = own.findLast(({ rule }) => isRename(rule));
    const isKey = schema.key.includes(column.name);
    const reason = change && refusal(change.rule, column, isKey);
    if (change && reason !== undefined) note(change.index, reason);
    if (change?.rule.drop) continue;
    const name = renamed?.rule.rename ?? column.name;
    if (name === versionColumn || name === deletedColumn) {
      note(renamed?.index ?? 0, `column ${column.name} cannot be named ${name}, a name of ours`);
    }
    const other = names.get(name);
    if (other !== undefined) {
      const at = renamed?.index ?? renameOf(rules, other)?.index ?? 0;
      note(at, `columns ${other} and ${column.name} would both be named ${name}`);
    }
    names.set(name, column.name);
    if (isKey) keyNames.set(column.name, name);
    const action = change === undefined ? copy : actionOf(change.rule);
    columns.push({ index, column: { ...resultOf(column, action), name }, action });
  }
  if (columns.length === 0) note(rules.at(-1)?.index ?? 0, 'every column would be dropped');
  return { columns, key: schema.key.map((name) => keyNames.get(name) ?? name), problems };
}

export function namesOf({ column, columns }: ColumnRuleOptions): readonly string[] {
  return columns ?? (column === undefined ? [] : [column]);
}

/** The rules among these that are about a column that the table has. */
export function rulesFor(
  schema: TableSchema,
  rules: readonly Indexed<ColumnRuleOptions>[],
): Indexed<ColumnRuleOptions>[] {
  const names = new Set(schema.columns.map(({ name }) => name));
  return rules.filter(({ rule }) => namesOf(rule).some((name) => names.has(name)));
}

const copy: ColumnAction = { kind: 'copy' };

function isRename({ rename }: ColumnRuleOptions): boolean {
  return rename !== undefined;
}

function changesValues({ drop, mask, hash, truncate }: ColumnRuleOptions): boolean {
  return [drop, mask, hash, truncate].some((each) => each !== undefined);
}

function renameOf(rules: readonly Indexed<ColumnRuleOptions>[], name: string) {
  return rules.findLast(({ rule }) => isRename(rule) && namesOf(rule).includes(name));
}

function actionOf({ mask, hash, truncate }: ColumnRuleOptions): ColumnAction {
  if (mask !== undefined) return { kind: 'mask', text: mask };
  if (hash !== undefined) return { kind: 'hash', salt: hash.salt };
  if (truncate !== undefined) return { kind: 'truncate', characters: truncate };
  return copy;
}

/** Masked and hashed columns are text. */
function resultOf(column: Column, action: ColumnAction): Column {
  if (action.kind === 'mask') {
    const sourceType = `varchar(${Math.max(1, [...action.text].length)})`;
    return { ...column, type: { kind: 'string' }, sourceType };
  }
  if (action.kind === 'hash') {
    return { ...column, type: { kind: 'string' }, sourceType: 'char(64)' };
  }
  return column;
}

/** Why the rule cannot be followed for the column; undefined when it can. */
function refusal(
  rule: ColumnRuleOptions,
  { name, type, sourceType }: Column,
  isKey: boolean,
): string | undefined {
  if (isKey && rule.hash === undefined && changesValues(rule)) {
    return `column ${name} is in the key, which can be hashed or renamed only`;
  }
  if (rule.hash !== undefined && !hasText(type)) {
    return `column ${name} is ${sourceType}, which has no text to hash`;
  }
  if (rule.truncate !== undefined && type.kind !== 'string') {
    return `column ${name} is ${sourceType}; only text can be truncated`;
  }
  return undefined;
}
