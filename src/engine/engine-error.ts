import { ClickHouseError } from '@clickhouse/client';
import { CdcError } from '../errors.ts';

/**
 * Errors that say nothing about the statement: the same one may succeed in a moment.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
const transientCodes = new Map<number, string>([
  [159, 'the statement took longer than the engine allows'],
  [202, 'too many statements run at the same time'],
  [209, 'a network connection of the engine timed out'],
  [210, 'a network connection of the engine broke'],
  [236, 'the engine is shutting down'],
  [241, 'the engine has not enough memory'],
  [252, 'the table has too many parts to merge'],
  [394, 'the statement was cancelled'],
]);

const accessCodes = new Set([192, 193, 194, 497, 516]);

/**
 * An error of `@clickhouse/client` as a CdcError: CDC_ENGINE_UNREACHABLE for a broken transport and
 * for the transient codes above, else CDC_ENGINE_REJECTED. `details.engineCode` is ClickHouse's number.
 */
export function engineErrorOf(error: unknown, url: string): CdcError {
  if (error instanceof CdcError) return error;
  if (error instanceof ClickHouseError) return statementError(error, url);
  const reason = error instanceof Error ? reasonOf(error) : String(error);
  return new CdcError('CDC_ENGINE_UNREACHABLE', `the engine at ${url} does not answer: ${reason}`, {
    cause: error,
  });
}

function statementError(error: ClickHouseError, url: string): CdcError {
  const engineCode = Number(error.code);
  const message = error.message.trim();
  const details = { engineCode, ...(error.type !== undefined && { engineError: error.type }) };
  const transient = transientCodes.get(engineCode);
  if (transient !== undefined) {
    const text = `the engine could not finish the statement, ${transient}: ${message}`;
    return new CdcError('CDC_ENGINE_UNREACHABLE', text, {
      cause: error,
      details,
      remedy: 'It is repeated; if it stays, read the engine’s message.',
    });
  }
  return new CdcError('CDC_ENGINE_REJECTED', `the engine refused the statement: ${message}`, {
    cause: error,
    details,
    ...(accessCodes.has(engineCode) && {
      remedy: `Check warehouse.user and its password, and what this user may do at ${url}.`,
    }),
  });
}

/** `fetch failed` and the like hide the system's own code. */
function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code === undefined || error.message.includes(code)
    ? error.message || error.name
    : `${code} ${error.message}`.trim();
}
