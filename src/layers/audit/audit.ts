import { quoteIdentifier, quoteString } from '../../engine/sql-quote.ts';
import { tableReferences } from '../model/model-sql.ts';
import type { Relation, TypedColumn } from '../model/relation.ts';
import { type Changes, quoteColumns, renderInKeys } from '../node/maintained-node.ts';
import { parseSql } from '../text/sql-parser.ts';
import { type Edit, quoteNames, renderSpan, renderTuple } from '../text/sql-text.ts';
import type { AuditLevel, AuditText } from './audit-text.ts';

/** The rows that an audit looks at, as parenthesised queries with the model's columns. */
export interface AuditedRows {
  /** Those that are new. */
  readonly changed: string;
  /** All rows as they will be; `where` limits them. */
  all(where?: string): string;
}

/** A statement about the rows of one model. See docs/layers.md. */
export interface Audit {
  /** As the file has it, without the level: `unique(order_id)`. */
  readonly text: string;
  /** `layers/dwd/order_wide.sql:3:11`. */
  readonly place: string;
  readonly level: AuditLevel;
  /** What is wrong with the rows that break it: `rows have NULL in a`. */
  readonly complaint: string;
  /** SELECT of what breaks it; undefined when no row can. */
  broken(rows: AuditedRows): string | undefined;
  /** Of `relation`: the table that its values must be in. */
  readonly target?: Relation;
  /** SELECT of rows that break it since the target has changed; undefined when it has not. */
  brokenByTarget(rows: AuditedRows, changes: Changes): string | undefined;
}

export interface AuditOptions {
  readonly relation: Relation;
  /** Columns that tell people which row is meant. */
  readonly key: readonly string[];
  readonly place: string;
  readonly lookup: (table: string) => Relation | undefined;
}

/** The name by which a custom SELECT reads the new rows only. */
export const changedRows = 'changed.rows';

/** The audit behind a line whose names have been looked up. */
export function createAudit(audit: AuditText, options: AuditOptions): Audit {
  const { text, level } = audit;
  const common = { text, level, place: options.place, brokenByTarget: () => undefined };
  return { ...common, ...judgement(audit, options) };
}

type Judgement = Pick<Audit, 'complaint' | 'broken'> &
  Partial<Pick<Audit, 'target' | 'brokenByTarget'>>;

function judgement(audit: AuditText, options: AuditOptions): Judgement {
  const columns = audit.columns.map(({ text }) => text);
  switch (audit.kind) {
    case 'unique':
      return uniqueness(columns, options);
    case 'not_null': {
      const where = columns.map((name) => `${quoteIdentifier(name)} IS NULL`).join(' OR ');
      return ofRows(`have NULL in ${columns.join(' or ')}`, where, columns, options);
    }
    case 'accepted': {
      const [column = ''] = columns;
      const list = audit.values.map((value) => literal(value, typeOf(column, options))).join(', ');
      const where = `${quoteIdentifier(column)} NOT IN (${list})`;
      return ofRows(`have another ${column}`, where, columns, options);
    }
    case 'relation':
      return reference(audit, columns, options);
    case 'where': {
      const sql = audit.sql?.text ?? '';
      const used = new Set(parseSql(`SELECT ${sql}`).tokens.map((token) => token.text));
      const shown = options.relation.columns.filter(({ name }) => used.has(name));
      const names = shown.map(({ name }) => name);
      return ofRows('do not meet it', `NOT (${sql}\n)`, names, options);
    }
    case 'none':
      return {
        complaint: 'rows came out of it, and none should',
        broken: (rows) => customSelect(audit.sql?.text ?? '', rows, options),
      };
  }
}

function ofRows(
  complaint: string,
  where: string,
  columns: readonly string[],
  { key }: AuditOptions,
): Judgement {
  const shown = quoteNames([...new Set([...key, ...columns])]);
  return {
    complaint: `rows ${complaint}`,
    broken: ({ changed }) => `SELECT ${shown || '*'} FROM ${changed} WHERE ${where}`,
  };
}

/** NULL counts as a value, as it does for the key of a sink. */
function uniqueness(columns: readonly string[], options: AuditOptions): Judgement {
  const names = quoteNames(columns);
  const types = columns.map((column) => typeOf(column, options));
  const items = columns.map((name, index) => `${quoteIdentifier(name)} AS k${index + 1}`);
  // What identifies a stored row cannot be there twice.
  const isIdentity = options.relation.key.every(({ name }) => columns.includes(name));
  return {
    complaint: `values of ${columns.join(', ')} are there more than once`,
    broken: ({ changed, all }) => {
      if (isIdentity) return undefined;
      const from = `(SELECT ${items.join(', ')} FROM ${changed})`;
      const rows = all(renderInKeys(columns.map(quoteIdentifier), { from, types }));
      return `SELECT ${names}, count() AS _rows FROM ${rows} GROUP BY ${names} HAVING count() > 1`;
    },
  };
}

function reference(
  { target: named }: AuditText,
  columns: readonly string[],
  { relation, key, lookup }: AuditOptions,
): Judgement {
  const target = lookup(named?.table.text ?? '');
  if (named === undefined || target === undefined) throw new Error('a relation was not looked up');
  const own = columns.map(quoteIdentifier);
  const other = named.columns.map(({ text }) => quoteIdentifier(text)).join(', ');
  const shown = quoteNames([...new Set([...key, ...columns])]);
  const isThere = own.map((name) => `${name} IS NOT NULL`).join(' AND ');
  const missing = (candidates: string) => {
    const known = `SELECT ${other} FROM ${target.physical} FINAL WHERE ${renderTuple(other.split(', '))} IN (${candidates})`;
    return `${isThere} AND ${renderTuple(own)} NOT IN (${known})`;
  };
  const valuesOf = (rows: string) => `SELECT ${own.join(', ')} FROM ${rows} WHERE ${isThere}`;
  // A row of a table is known by its present image only; the old value of anything but its key is lost.
  const isTraceable =
    target.kind === 'model' ||
    named.columns.every(({ text }) => target.key.some(({ name }) => name === text));
  return {
    target,
    complaint: `rows refer to no row of ${target.name}`,
    broken: ({ changed }) => `SELECT ${shown} FROM ${changed} WHERE ${missing(valuesOf(changed))}`,
    brokenByTarget: (rows, changes) => {
      const changed = changes.rowsOf(target);
      if (changed === undefined || relation.name === target.name) return undefined;
      const gone = `SELECT ${other} FROM ${changed}`;
      const touched = isTraceable ? rows.all(`${renderTuple(own)} IN (${gone})`) : rows.all();
      const candidates = isTraceable ? gone : valuesOf(rows.all());
      return `SELECT ${shown} FROM ${touched} WHERE ${missing(candidates)}`;
    },
  };
}

function customSelect(sql: string, rows: AuditedRows, { relation, lookup }: AuditOptions): string {
  const edits = tableReferences(parseSql(sql)).flatMap((reference): Edit[] => {
    const alias = reference.hasAlias ? '' : ` AS ${quoteIdentifier(reference.table)}`;
    const other = lookup(reference.name);
    const isOwn = reference.name === relation.name;
    if (reference.name === changedRows) return [{ ...reference, text: rows.changed + alias }];
    if (isOwn) return [{ ...reference, text: rows.all() + alias }];
    if (other === undefined) return [];
    const names = quoteNames(other.columns.map(({ name }) => name));
    const scan = `(SELECT ${names} FROM ${other.physical} FINAL)`;
    return [{ ...reference, text: scan + alias }];
  });
  return renderSpan(sql, { start: 0, end: sql.length }, edits);
}

/** A bare word is a text, and a number is one where the column holds numbers. */
function literal(value: string, type: string): string {
  if (value.startsWith("'")) return value;
  const isNumber =
    /^-?\d+(\.\d+)?$/.test(value) && /^(Nullable\()?(U?Int|Float|Decimal)/.test(type);
  return isNumber || /^(true|false)$/i.test(value) ? value : quoteString(value);
}

function typeOf(column: string, { relation }: AuditOptions): string {
  return relation.columns.find(({ name }) => name === column)?.type ?? '';
}

/** New rows and rows to be of a model while its delta is filled and not applied yet. */
export function rowsWithDelta(
  { relation }: { relation: Relation },
  tables: { rows: string; delta: string },
  build: number,
): AuditedRows {
  const names = columnList(relation.columns);
  const ofBuild = `_build = ${build}`;
  const changed = `(SELECT ${names} FROM ${tables.delta} WHERE ${ofBuild} AND _sign > 0)`;
  const identity = quoteColumns(relation.key);
  const items = identity.map((name, index) => `${name} AS k${index + 1}`).join(', ');
  const from = `(SELECT ${items} FROM ${tables.delta} WHERE ${ofBuild})`;
  const types = relation.key.map(({ type }) => type);
  // The one row of a model that is a single group has nothing to tell it apart.
  const isReplaced =
    identity.length === 0
      ? `(SELECT count() > 0 FROM ${tables.delta} WHERE ${ofBuild})`
      : renderInKeys(identity, { from, types });
  const all = (where = '1') =>
    `(SELECT ${names} FROM ${tables.rows} FINAL WHERE (${where}) AND NOT (${isReplaced}) UNION ALL SELECT ${names} FROM ${changed} WHERE ${where})`;
  return { changed, all };
}

/** A whole table, all of it new. */
export function rowsOfTable({ relation }: { relation: Relation }, table: string): AuditedRows {
  const names = columnList(relation.columns);
  const all = (where = '1') => `(SELECT ${names} FROM ${table} FINAL WHERE ${where})`;
  return { changed: all(), all };
}

function columnList(columns: readonly TypedColumn[]): string {
  return quoteNames(columns.map(({ name }) => name));
}
