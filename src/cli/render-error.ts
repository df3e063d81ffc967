import { CdcError, type Problem } from '../errors.ts';
import { errorRecordOf } from '../ops/error-record.ts';
import type { Style } from './presenter/style.ts';

/** What failed and why; what to do; the code. A bug also shows its stack, `verbose` the causes. */
export function renderError(error: unknown, style: Style, verbose: boolean): string {
  const known = asCdcError(error);
  const lines = [
    `${style.red('error:')} ${known.message}`,
    `  fix: ${known.remedy.replaceAll('\n', '\n       ')}`,
    style.dim(`  code: ${known.code} (docs/errors.md)`),
  ];
  if (known.kind === 'bug' || verbose) lines.push(...renderCauses(known));
  return `${lines.join('\n')}\n`;
}

/** `{"error":{code,kind,message,remedy,details?,cause?}}` on one line. */
export function renderErrorJson(error: unknown): string {
  return `${JSON.stringify({ error: errorRecordOf(asCdcError(error)) })}\n`;
}

/** Whatever is not an error of ours is a bug of ours. */
export function asCdcError(error: unknown): CdcError {
  if (error instanceof CdcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CdcError('CDC_INTERNAL', message, { cause: error });
}

/** `where message`, and on the next line what to do. */
export function renderProblem(problem: Problem, style: Style): string {
  const word = problem.severity === 'error' ? style.red('error') : style.yellow('warning');
  const place = problem.where === '' ? '' : `${style.bold(problem.where)} `;
  const remedy = problem.remedy?.replaceAll('\n', '\n    ');
  return `${word} ${place}${problem.message}\n${remedy === undefined ? '' : `    ${remedy}\n`}`;
}

function renderCauses(error: CdcError): string[] {
  const lines: string[] = [];
  let cause = error.cause;
  for (let depth = 0; cause instanceof Error && depth < 5; depth++) {
    lines.push(
      `  caused by: ${error.kind === 'bug' ? (cause.stack ?? cause.message) : cause.message}`,
    );
    cause = cause.cause;
  }
  if (lines.length === 0 && error.kind === 'bug') lines.push(`  ${error.stack}`);
  return lines;
}
