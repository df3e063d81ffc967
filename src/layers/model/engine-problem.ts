import type { ParsedSql } from '../text/sql-parser.ts';
import { SqlScopes } from '../text/sql-scopes.ts';
import { renderSpan, type Span } from '../text/sql-text.ts';
import type { TokenRange } from '../text/token-ranges.ts';
import { type Finding, findingOf } from './engine-finding.ts';
import type { JudgeOptions } from './model-judge.ts';
import { readSyntaxError, syntaxProbe } from './syntax-problem.ts';

export interface RefusalOptions extends JudgeOptions {
  /** What the engine says to another text in the model's place; undefined when it takes it. */
  readonly complaint: (sql: string) => Promise<string | undefined>;
}

/** A place in a statement with what is wrong there. */
export interface Refusal {
  readonly offset: number;
  readonly message: string;
}

/** What the engine refuses in a statement, in plain words at its place. */
export async function readRefusal(
  complaint: string,
  parsed: ParsedSql,
  options: RefusalOptions,
): Promise<Refusal> {
  if (complaint.includes('SYNTAX_ERROR')) return syntaxProblem(complaint, parsed, options);
  const functions = /UNKNOWN_(AGGREGATE_)?FUNCTION/.test(complaint)
    ? await functionNames(options)
    : [];
  const [, list = ''] = /Maybe you meant: \[(.*?)\]/.exec(complaint) ?? [];
  const offered = [...list.matchAll(/'(.*?)'/g)].flatMap(([, name]) => name ?? []);
  const scopes = new SqlScopes(parsed);
  const { lookup, tables } = options;
  const context = { parsed, scopes, lookup, tables, functions, offered };
  const finding = findingOf(complaint, context);
  if (finding === undefined) {
    return { offset: namedPlace(complaint, parsed), message: cleaned(complaint) };
  }
  const culprit = await culpritOf(finding, complaint, { parsed, ...options });
  const first = culprit?.first ?? 0;
  return { offset: parsed.tokens[first]?.start ?? 0, message: finding.message(first) };
}

/** The user's own text alone, so that places are places in it. */
async function syntaxProblem(
  complaint: string,
  parsed: ParsedSql,
  { engine }: JudgeOptions,
): Promise<Refusal> {
  try {
    await engine.rows(`${syntaxProbe}${parsed.sql}\n`);
  } catch (error) {
    return readSyntaxError(error instanceof Error ? error.message : String(error), parsed);
  }
  return { offset: parsed.tokens[0]?.start ?? 0, message: cleaned(complaint) };
}

/**
 * Which of the suspects the engine means. The one without which it says something else; when there is no
 * such one, because several are wrong, the first that it refuses with all others gone.
 */
async function culpritOf(
  { suspects, harmless }: Finding,
  complaint: string,
  { parsed, complaint: complaintOf }: RefusalOptions & { parsed: ParsedSql },
): Promise<TokenRange | undefined> {
  if (suspects.length <= 1) return suspects[0];
  const headline = headlineOf(complaint);
  const without = async (ranges: readonly TokenRange[]) => {
    const edits = ranges.map((range) => ({
      ...spanOf(range, parsed),
      text: standIn(range, harmless, parsed),
    }));
    const whole = { start: 0, end: parsed.sql.length };
    const answer = await complaintOf(renderSpan(parsed.sql, whole, edits));
    if (answer?.includes('SYNTAX_ERROR')) return 'unknown';
    return answer !== undefined && headlineOf(answer) === headline ? 'same' : 'other';
  };
  const sole: TokenRange[] = [];
  for (const suspect of suspects) {
    if ((await without([suspect])) === 'other') sole.push(suspect);
  }
  // A column of a subquery is looked at only when somebody reads it: of both places the inner one is wrong.
  const scopes = new SqlScopes(parsed);
  const depth = Math.max(...sole.map(({ first }) => scopes.scopeAt(first)));
  const inner = sole.find(({ first }) => scopes.scopeAt(first) === depth);
  if (inner !== undefined) return inner;
  for (const suspect of suspects) {
    const others = suspects.filter((other) => other !== suspect);
    if ((await without(others)) === 'same') return suspect;
  }
  return suspects[0];
}

/** An output keeps its name, since other parts of the statement may use it. */
function standIn({ first, last }: TokenRange, harmless: string, { tokens }: ParsedSql): string {
  const isOutput =
    harmless === 'NULL' &&
    ['SELECT', ',', 'DISTINCT'].includes(tokens[first - 1]?.word ?? '') &&
    [',', 'FROM'].includes(tokens[last + 1]?.word ?? '');
  return isOutput ? `NULL AS \`${tokens[last]?.text}\`` : harmless;
}

function headlineOf(complaint: string): string {
  return (
    complaint
      .split(/ in scope |\.? In scope |\.? In query |: while executing| Maybe you meant/i)[0]
      ?.replace(/^.*?DB::Exception: /s, '') ?? ''
  );
}

function spanOf({ first, last }: TokenRange, { tokens }: ParsedSql): Span {
  return { start: tokens[first]?.start ?? 0, end: tokens[last]?.end ?? 0 };
}

function cleaned(complaint: string): string {
  const text = complaint
    .replace(/^.*?DB::Exception: /s, '')
    .replace(/(: While executing|: while executing).*$/s, '')
    .replace(/(\.|,|:)? In (scope|query) .*?(?=\. Maybe you meant|$)/s, '')
    .replace(/\s*\([A-Z_]+\)\s*$/, '')
    .replace(/Maybe you meant: \[(.*?)\]\.?/, 'Did you mean $1?')
    .trim();
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** The first name or function in the message that the statement has, too. */
function namedPlace(complaint: string, { tokens }: ParsedSql): number {
  const quoted = [...cleaned(complaint).matchAll(/[`']([^`']+)[`']|[Ff]unction (\w+)/g)];
  for (const [, name, called] of quoted) {
    const found = tokens.find(({ text }) => text === (name ?? called));
    if (found !== undefined) return found.start;
  }
  return tokens[0]?.start ?? 0;
}

async function functionNames({ engine }: JudgeOptions): Promise<string[]> {
  const rows = await engine.rows<{ name: string }>('SELECT name FROM system.functions');
  return rows.map(({ name }) => name);
}
