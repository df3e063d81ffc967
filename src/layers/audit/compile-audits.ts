import type { Problem } from '../../errors.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import { problemAt } from '../model/model-file.ts';
import type { HeaderText } from '../model/model-header.ts';
import { type JudgeOptions, judgeSql } from '../model/model-judge.ts';
import { tableReferences } from '../model/model-sql.ts';
import type { Relation } from '../model/relation.ts';
import { parseSql } from '../text/sql-parser.ts';
import { lineAndColumn } from '../text/sql-text.ts';
import { type Audit, changedRows, createAudit } from './audit.ts';
import { type AuditMistake, type AuditText, readAudit } from './audit-text.ts';

export interface CompileAuditsOptions extends JudgeOptions {
  /** Captured tables, and models that are brought to a cut before this one: those it reads. */
  readonly isReadable: (table: string) => boolean;
}

type Uncompiled = Omit<CompiledModel, 'audits'>;

/** The audits of a model's header; a declared key is one, too. Mistakes are problems with their place. */
export async function compileAudits(
  compiled: Uncompiled,
  options: CompileAuditsOptions,
): Promise<{ audits: Audit[]; problems: Problem[] }> {
  const { model, relation, key } = compiled;
  const audits: Audit[] = [];
  const problems: Problem[] = [];
  const visible = relation.columns.map(({ name }) => name);
  const shownKey = key.filter((name) => visible.includes(name));
  const lookup = lookupOf(compiled, options);
  for (const line of [...keyLine(compiled), ...model.header.audits]) {
    const audit = readAudit(line);
    const mistake = 'message' in audit ? audit : await findMistake(audit, compiled, options);
    if (mistake !== undefined) {
      problems.push(problemAt(model.file, model.sql, mistake.offset, mistake.message));
    } else if (!('message' in audit)) {
      const { line: row, column } = lineAndColumn(model.sql, audit.offset);
      const place = `${model.file}:${row}:${column}`;
      audits.push(createAudit(audit, { relation, key: shownKey, place, lookup }));
    }
  }
  return { audits, problems };
}

/** A declared key must stay one: people join on it, and sinks write by it. */
function keyLine({ model }: Uncompiled): HeaderText[] {
  const { key, keyOffset = 0 } = model.header;
  if (key === undefined) return [];
  const names = key.map((name) => (/^\w+$/.test(name) ? name : `\`${name}\``));
  return [{ text: `unique(${names.join(', ')})`, offset: keyOffset }];
}

function lookupOf({ relation }: Uncompiled, { lookup }: CompileAuditsOptions) {
  return (name: string): Relation | undefined => {
    return name === relation.name || name === changedRows ? relation : lookup(name);
  };
}

async function findMistake(
  audit: AuditText,
  compiled: Uncompiled,
  options: CompileAuditsOptions,
): Promise<AuditMistake | undefined> {
  const { relation } = compiled;
  const column = unknownColumn(audit.columns, relation);
  if (column !== undefined) return column;
  if (audit.target !== undefined) {
    const { table, columns } = audit.target;
    const target = lookupOf(compiled, options)(table.text);
    const mistake = wrongTable(table, compiled, options);
    if (mistake !== undefined) return mistake;
    const wrong = target && unknownColumn(columns, target);
    if (wrong !== undefined) return wrong;
  }
  if (audit.kind === 'none') return customMistake(audit, compiled, options);
  const lead = `SELECT 1 AS broken FROM ${relation.name} WHERE NOT (`;
  if (audit.sql === undefined) return typeMistake(audit, compiled, options);
  return judge(audit.sql, [lead, '\n)'], compiled, options);
}

function unknownColumn(
  names: readonly HeaderText[],
  { name: table, columns }: Relation,
): AuditMistake | undefined {
  const known = columns.map(({ name }) => name);
  const wrong = names.find(({ text }) => !known.includes(text));
  if (wrong === undefined) return undefined;
  const near = nearestName(wrong.text, known);
  const hint = near ? `Did you mean ${near}?` : `Its columns are ${known.slice(0, 15).join(', ')}.`;
  return { offset: wrong.offset, message: `${table} has no column ${wrong.text}. ${hint}` };
}

/** Another model may be brought to a cut after this one, and would be seen as it was. */
function wrongTable(
  { text, offset }: HeaderText,
  compiled: Uncompiled,
  { lookup, isReadable, tables }: CompileAuditsOptions,
): AuditMistake | undefined {
  if (text === compiled.relation.name || text === changedRows) return undefined;
  if (lookup(text) === undefined && !tables.includes(text)) {
    const near = nearestName(text, tables);
    const hint = near ? `Did you mean ${near}?` : '`cdc status` lists the tables.';
    return { offset, message: `There is no table or model ${text}. ${hint}` };
  }
  if (isReadable(text)) return undefined;
  const message = `An audit looks at captured tables and at models that its own model reads; ${compiled.model.name} does not read ${text}.`;
  return { offset, message };
}

async function customMistake(
  audit: AuditText,
  compiled: Uncompiled,
  options: CompileAuditsOptions,
): Promise<AuditMistake | undefined> {
  const { text = '', offset = 0 } = audit.sql ?? {};
  for (const reference of tableReferences(parseSql(text))) {
    if (!reference.isCertain) continue;
    const table = { text: reference.name, offset: offset + reference.start };
    const mistake = wrongTable(table, compiled, options);
    if (mistake !== undefined) return mistake;
  }
  return judge({ text, offset }, ['', '\n'], compiled, options);
}

/** Values or referred columns of another type than the model's. */
async function typeMistake(
  audit: AuditText,
  compiled: Uncompiled,
  options: CompileAuditsOptions,
): Promise<AuditMistake | undefined> {
  const { relation } = compiled;
  const lookup = lookupOf(compiled, options);
  const names = audit.columns.map(({ text }) => text);
  const probe = createAudit(audit, { relation, key: [], place: '', lookup });
  const { name } = relation;
  const rows = { changed: name, all: (where = '1') => `(SELECT * FROM ${name} WHERE ${where})` };
  const target = audit.target;
  const sql = target
    ? `SELECT 1 AS broken FROM ${name} AS own JOIN ${target.table.text} AS other ON ${names
        .map((own, index) => `own.\`${own}\` = other.\`${target.columns[index]?.text}\``)
        .join(' AND ')}`
    : probe.broken(rows);
  if (sql === undefined) return undefined;
  const verdict = await judgeSql(parseSql(sql), { ...options, lookup });
  return Array.isArray(verdict) ? undefined : { ...verdict, offset: audit.offset };
}

async function judge(
  { text, offset }: HeaderText,
  [lead, tail]: readonly [string, string],
  compiled: Uncompiled,
  options: CompileAuditsOptions,
): Promise<AuditMistake | undefined> {
  const lookup = lookupOf(compiled, options);
  const verdict = await judgeSql(parseSql(lead + text + tail), { ...options, lookup });
  if (Array.isArray(verdict)) return undefined;
  const inText = Math.min(text.length, Math.max(0, verdict.offset - lead.length));
  return { message: verdict.message, offset: offset + inText };
}
