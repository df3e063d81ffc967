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
 * with it row values. Stacks are kept where they help, which is when the error is a bug.
 */
export function errorRecordOf(error: unknown): ErrorRecord {
  const isExpected = error instanceof CdcError && error.kind !== 'bug';
  // A chain of causes may be circular; five links tell the story.
  return recordOf(error, { withStack: !isExpected, causes: 5 });
}

function recordOf(
  error: unknown,
  options: { readonly withStack: boolean; readonly causes: number },
): ErrorRecord {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) };
  const { withStack, causes } = options;
  const code = 'code' in error && error.code !== undefined ? String(error.code) : error.name;
  return {
    code,
    ...(error instanceof CdcError && { kind: error.kind }),
    message: error.message,
    ...(error instanceof CdcError && { remedy: error.remedy }),
    ...(error instanceof CdcError && hasEntries(error.details) && { details: error.details }),
    ...(withStack && error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined &&
      causes > 0 && { cause: recordOf(error.cause, { withStack, causes: causes - 1 }) }),
  };
}

function hasEntries(value: object): boolean {
  return Object.keys(value).length > 0;
}
