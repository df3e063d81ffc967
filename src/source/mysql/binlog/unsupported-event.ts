import { CdcError } from '../../../errors.ts';
import type { EventPlace } from './row-decoder.ts';

/** An event that cannot be turned into rows: `what` is the matter with it, and what mends the server. */
export function unsupportedEvent(
  { file, offset }: EventPlace,
  what: string,
  remedy: string,
): CdcError {
  return new CdcError(
    'CDC_BINLOG_EVENT_UNSUPPORTED',
    `reading the binlog at ${file}:${offset}: ${what}`,
    { details: { file, offset }, remedy },
  );
}
