import { CdcError } from '../errors.ts';

/** An error as a plain value, for log lines and for `--json`. */
export interface ErrorRecord {
  readonly code: string;
  readonly kind?: string;
  readonly message: string;
  readonly remedy?: string;
  readonly details?: CdcError['details'];
  readonly stack?: string;
  readonly cause?: ErrorRecord;
}

/**
 * Takes the known fields of an error and no others: a driver's error may carry the statement, and
 * with it row values. The stack is kept where it helps, which is when the error is a bug.
 */
export function errorRecordOf(error: unknown, depth = 0): ErrorRecord {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) };
  const expected = error instanceof CdcError && error.kind !== 'bug';
  const code = 'code' in error && error.code !== undefined ? String(error.code) : error.name;
  return {
    code,
    ...(error instanceof CdcError && { kind: error.kind }),
    message: error.message,
    ...(error instanceof CdcError && { remedy: error.remedy }),
    ...(error instanceof CdcError && hasEntries(error.details) && { details: error.details }),
    ...(!expected && depth === 0 && error.stack !== undefined && { stack: error.stack }),
    // A chain of causes may be circular; five links tell the story.
    ...(error.cause !== undefined && depth < 5 && { cause: errorRecordOf(error.cause, depth + 1) }),
  };
}

function hasEntries(value: object): boolean {
  return Object.keys(value).length > 0;
}
