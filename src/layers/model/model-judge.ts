import { CdcError, type Problem } from '../../errors.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { type ParsedSql, parseSql } from '../text/sql-parser.ts';
import { type Refusal, readRefusal } from './engine-problem.ts';
import { problemAt } from './model-file.ts';
import type { GraphModel } from './model-graph.ts';
import { overEmptyTables } from './model-sql.ts';
import type { Relation, TypedColumn } from './relation.ts';

export interface JudgeOptions {
  readonly engine: SqlEngine;
  readonly lookup: (table: string) => Relation | undefined;
  /** All tables and models, for "did you mean". */
  readonly tables: readonly string[];
}

export type ModelJudge = (
  graph: GraphModel,
  lookup: JudgeOptions['lookup'],
) => Promise<TypedColumn[] | Problem[]>;

/** A column that two joined tables have is an error; by itself the engine takes the left one's in silence. */
const settings = { single_join_prefer_left_table: 0 };

/** The engine's verdict on a model's own text over empty tables: its output columns, or what is wrong with it. */
export async function judgeModel(
  graph: GraphModel,
  options: JudgeOptions,
): Promise<TypedColumn[] | Problem[]> {
  const { model, parsed } = graph;
  const verdict = await judgeSql(parsed, options);
  if (!Array.isArray(verdict)) {
    return [problemAt(model.file, parsed.sql, verdict.offset, verdict.message)];
  }
  const mixed = mixedTypes(graph, verdict);
  return mixed.length > 0 ? mixed : verdict;
}

/** The same for any SELECT over known tables. */
export async function judgeSql(
  parsed: ParsedSql,
  options: JudgeOptions,
): Promise<TypedColumn[] | Refusal> {
  const { engine, lookup } = options;
  const ask = async (text: string): Promise<TypedColumn[]> => {
    const sql = overEmptyTables(parseSql(text), lookup);
    const columns = await engine.rows<TypedColumn>(`DESCRIBE TABLE (${sql}\n)`, { settings });
    // What a plan refuses only shows when there is one, such as a join of texts with numbers.
    await engine.rows(`EXPLAIN ${sql}\n`, { settings });
    return columns;
  };
  const complaint = async (text: string) => {
    try {
      await ask(text);
      return undefined;
    } catch (error) {
      if (error instanceof CdcError && error.code === 'CDC_ENGINE_REJECTED') return error.message;
      throw error;
    }
  };
  try {
    return await ask(parsed.sql);
  } catch (error) {
    if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') throw error;
    return readRefusal(error.message, parsed, { ...options, complaint });
  }
}

export function isProblems(verdict: readonly (TypedColumn | Problem)[]): verdict is Problem[] {
  return verdict.some((each) => 'severity' in each);
}

/** `if(paid, amount, 'none')`: no other store knows a column that is now a number, now a text. */
function mixedTypes({ model, parsed }: GraphModel, columns: readonly TypedColumn[]): Problem[] {
  return columns.flatMap(({ name, type }) => {
    const [, list] = /^Variant\((.*)\)$/.exec(type) ?? [];
    if (list === undefined) return [];
    const types = list.split(/, (?![^(]*\))/);
    const short = name.split('.').at(-1) ?? name;
    const alias = parsed.tokens.findIndex(({ text }, index) => {
      return text === short && parsed.tokens[index - 1]?.word === 'AS';
    });
    const at = parsed.tokens[alias] ?? parsed.tokens.find(({ text }) => text === short);
    const message = `The output ${short} is now ${types.join(', now ')}. Convert its parts to one type, for example with toString(...).`;
    return [problemAt(model.file, parsed.sql, at?.start ?? 0, message)];
  });
}
