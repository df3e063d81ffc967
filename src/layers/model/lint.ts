import type { Problem } from '../../errors.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import { type ParsedSql, parseSql } from '../text/sql-parser.ts';
import { SqlScopes } from '../text/sql-scopes.ts';
import type { CompiledModel } from './model-compiler.ts';
import { type ModelFile, problemAt } from './model-file.ts';
import { tableReferences } from './model-sql.ts';
import { hiddenPrefix } from './relation.ts';

/** What is allowed and seldom meant; each is a warning that a file can switch off. */
export const lintCodes = [
  'ads-reads-ods',
  'select-star',
  'no-key',
  'unused-model',
  'null-comparison',
] as const;
export type LintCode = (typeof lintCodes)[number];

export interface LintOptions {
  /** The models that the engine has accepted; what needs their columns is said of these only. */
  readonly compiled: readonly CompiledModel[];
  /** Whether a sink writes a model; absent: nobody knows, so nothing counts as unused. */
  readonly isPublished?: ((model: string) => boolean) | undefined;
}

interface Finding {
  readonly code: LintCode;
  readonly offset: number;
  readonly message: string;
}

/** Warnings about all files, in their order. */
export function lintModels(files: readonly ModelFile[], options: LintOptions): Problem[] {
  const parsed = new Map(files.map((model) => [model.name, parseSql(model.sql)]));
  const read = new Set<string>();
  for (const [name, sql] of parsed) {
    for (const reference of tableReferences(sql))
      if (reference.name !== name) read.add(reference.name);
  }
  return files.flatMap((model) => {
    const sql = parsed.get(model.name);
    if (sql === undefined) return [];
    const allowed = model.header.allowedLint.map(({ text }) => text);
    const found = [
      ...readsOds(model, sql),
      ...stars(sql),
      ...unused(model, read, options),
      ...missingKey(model, read, options),
      ...nullComparisons(sql),
    ];
    const warnings = found.filter(({ code }) => !allowed.includes(code));
    return [...warnings.map((each) => warning(model, each)), ...unknownCodes(model)];
  });
}

function warning(model: ModelFile, { code, offset, message }: Finding): Problem {
  return {
    ...problemAt(model.file, model.sql, offset, `${message} (${code})`),
    code: 'CDC_LAYERS_LINT',
    severity: 'warning',
    remedy: `If it is meant so, write \`-- lint: allow ${code}\` at the top of the file.`,
  };
}

function readsOds({ layer, name }: ModelFile, sql: ParsedSql): Finding[] {
  if (layer !== 'ads') return [];
  return tableReferences(sql).flatMap(({ name: table, start, isCertain }) => {
    if (!isCertain || /^(dwd|dws|ads)\./.test(table)) return [];
    const message = `${name} reads the captured table ${table} itself. Put what it needs into a DWD or DWS model, where others find it, too.`;
    return [{ code: 'ads-reads-ods', offset: start, message }];
  });
}

/** Only where the star stands for the columns of a stored table: of a subquery they are in sight. */
function stars(sql: ParsedSql): Finding[] {
  const { tokens } = sql;
  const scopes = new SqlScopes(sql);
  return tokens.flatMap(({ word, start }, index) => {
    const before = tokens[index - 1]?.word ?? '';
    const isQualified = before === '.';
    if (word !== '*' || !(isQualified || ['SELECT', ',', 'DISTINCT'].includes(before))) return [];
    const alias = isQualified ? tokens[index - 2]?.text : undefined;
    const sources = scopes
      .sourcesAt(index)
      .filter((source) => source.table && (alias === undefined || source.alias === alias));
    const [first] = sources;
    if (first === undefined) return [];
    const message = `The star takes every column of ${first.table}, also those that are added later. Name the columns.`;
    return [{ code: 'select-star', offset: start, message }];
  });
}

function unused(
  { name, layer }: ModelFile,
  read: ReadonlySet<string>,
  { isPublished }: LintOptions,
): Finding[] {
  if (layer === 'ads' || read.has(name) || (isPublished?.(name) ?? true)) return [];
  const message = `No model and no sink reads ${name}.`;
  return [{ code: 'unused-model', offset: 0, message }];
}

function missingKey(
  { name, header }: ModelFile,
  read: ReadonlySet<string>,
  { compiled, isPublished }: LintOptions,
): Finding[] {
  const relation = compiled.find(({ model }) => model.name === name)?.relation;
  const hidden = relation?.key.some((column) => column.name.startsWith(hiddenPrefix)) ?? false;
  if (header.key !== undefined || !hidden) return [];
  const reader = isPublished?.(name) ? 'a sink' : read.has(name) ? 'another model' : undefined;
  if (reader === undefined) return [];
  const message = `${name} is read by ${reader}, and none of its columns tell its rows apart. Output the key of its first table, or declare \`-- key: ...\`.`;
  return [{ code: 'no-key', offset: 0, message }];
}

function nullComparisons({ tokens }: ParsedSql): Finding[] {
  return tokens.flatMap(({ word, start }, index) => {
    const operator = tokens[index - 1]?.word ?? '';
    if (word !== 'NULL' || !['=', '==', '!=', '<>'].includes(operator)) return [];
    const instead = operator.startsWith('=') ? 'IS NULL' : 'IS NOT NULL';
    const message = `A comparison with NULL is never true. Write ${instead}.`;
    return [{ code: 'null-comparison', offset: start, message }];
  });
}

function unknownCodes(model: ModelFile): Problem[] {
  return model.header.allowedLint.flatMap(({ text, offset }) => {
    if (lintCodes.some((code) => code === text)) return [];
    const near = nearestName(text, lintCodes);
    const hint = near ? `Did you mean ${near}?` : `Known are ${lintCodes.join(', ')}.`;
    const problem = problemAt(
      model.file,
      model.sql,
      offset,
      `There is no lint code ${text}. ${hint}`,
    );
    return [{ ...problem, code: 'CDC_LAYERS_LINT', severity: 'warning' } as const];
  });
}
