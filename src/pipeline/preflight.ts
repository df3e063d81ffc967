import { CdcError, type Problem } from '../errors.ts';
import type { Source } from '../source/source.ts';

/** One line a problem, as `cdc check` prints it. */
export function renderProblem(problem: Problem): string {
  const place = problem.where === '' ? '' : `${problem.where} `;
  const remedy = problem.remedy === undefined ? '' : `\n    ${problem.remedy}`;
  return `${place}${problem.message}${remedy}`;
}

/** Throws CDC_PREFLIGHT_FAILED with every error the source reports; warnings pass. */
export async function assertSourceReady(source: Source): Promise<void> {
  const problems = await source.preflight();
  assertNoErrors('CDC_PREFLIGHT_FAILED', 'The source is not ready', problems);
}

export function assertNoErrors(
  code: 'CDC_PREFLIGHT_FAILED' | 'CDC_LAYERS_INVALID',
  what: string,
  problems: readonly Problem[],
): void {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  // A single finding keeps its own code, so that the exit code and docs/errors.md say the exact thing.
  const [only] = errors;
  const message = `${what}:\n${errors.map((problem) => `  ${renderProblem(problem)}`).join('\n')}`;
  throw new CdcError(errors.length === 1 && only !== undefined ? only.code : code, message);
}
