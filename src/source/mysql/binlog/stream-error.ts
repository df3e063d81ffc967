import { CdcError } from '../../../errors.ts';
import { serverErrno, toSourceError } from '../error-map.ts';

/** MariaDB's own number for "a slave with the same server id has connected". */
const sameIdErrno = 4052;
/** The server cannot send what was asked for; its text says which of several reasons. */
const dumpFailedErrno = 1236;

/** An error of the binlog connection as ours. `place` is where the stream stood. */
export function toStreamError(error: unknown, place: string): CdcError {
  if (error instanceof CdcError) return error;
  const action = `reading the binlog at ${place}`;
  const errno = serverErrno(error);
  const text = error instanceof Error ? error.message : '';
  if (errno === sameIdErrno || (errno === dumpFailedErrno && /same server_(uu)?id/i.test(text))) {
    return new CdcError('CDC_SOURCE_DUPLICATE_SERVER_ID', `${action}: ${text}`, { cause: error });
  }
  if (errno === dumpFailedErrno && /max_allowed_packet/i.test(text)) {
    return new CdcError('CDC_BINLOG_EVENT_UNSUPPORTED', `${action}: ${text}`, {
      cause: error,
      remedy:
        'SET GLOBAL max_allowed_packet = 1073741824 on the source server, then run cdc again.',
    });
  }
  return toSourceError(error, action);
}
