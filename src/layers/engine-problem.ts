import type { CdcError, Problem } from '../errors.ts';
import { problemAt } from './model-file.ts';
import type { GraphModel } from './model-graph.ts';

/** What the engine refused in a model, at the place in its file that the message names. */
export function engineProblem(error: CdcError, { model, parsed }: GraphModel): Problem {
  const text = error.message;
  const message = text
    .replace(/^.*?DB::Exception: /s, '')
    .replace(/(\.|,|:)? In scope .*?(?=\. Maybe you meant|$)/s, '')
    .replace(/\s*\([A-Z_]+\)\s*$/, '')
    .replace(/ from (table|table_function|subquery|join) with name /, ' in ')
    .replace(/Maybe you meant: \[(.*?)\]\.?/, 'Did you mean $1?')
    .trim();
  return problemAt(model.file, parsed.sql, placeOf(text, parsed), message);
}

/** The first name in quotes that the statement contains; 0 when there is none. */
function placeOf(message: string, { tokens }: GraphModel['parsed']): number {
  const names = [...message.matchAll(/[`']([^`']+)[`']/g)].flatMap(([, name]) => name ?? []);
  for (const name of names) {
    const parts = name.split('.');
    const at = tokens.find((_, index) =>
      parts.every((part, step) => tokens[index + 2 * step]?.text === part),
    );
    if (at !== undefined) return at.start;
  }
  const syntax = /failed at position \d+ \(([^)]+)\)/.exec(message)?.[1];
  return tokens.find((token) => token.text === syntax)?.start ?? 0;
}
