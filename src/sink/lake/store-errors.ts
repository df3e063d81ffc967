import { CdcError } from '../../errors.ts';
import { sinkError } from '../sink-errors.ts';
import { DamagedTable } from './table-format.ts';

/** Errors of the engine that come from where the files lie, by their names in ClickHouse. */
const unreachable: ReadonlySet<string> = new Set([
  'S3_ERROR',
  'NETWORK_ERROR',
  'SOCKET_TIMEOUT',
  'POCO_EXCEPTION',
]);
const missing: ReadonlySet<string> = new Set([
  'FILE_DOESNT_EXIST',
  'CANNOT_OPEN_FILE',
  'CANNOT_STAT',
]);
const missingKey = /NoSuchKey|NOT_FOUND|HTTP response code: 404/;
const refusedKey =
  /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|HTTP response code: 403/;

/** The error of a statement over files of a lake, as the sink has to see it. */
export function storeErrorOf(error: unknown): unknown {
  if (!(error instanceof CdcError) || error.code !== 'CDC_ENGINE_REJECTED') return error;
  const name = String(error.details['engineError'] ?? '');
  const isOfStore = unreachable.has(name);
  if (missing.has(name) || (isOfStore && missingKey.test(error.message))) {
    return new DamagedTable(`a data file is missing: ${error.message}`, { cause: error });
  }
  if (!isOfStore) return error;
  const code = refusedKey.test(error.message) ? 'CDC_SINK_ACCESS_DENIED' : 'CDC_SINK_UNREACHABLE';
  return sinkError(code, 'Reading files of the lake', error.message, { cause: error });
}
