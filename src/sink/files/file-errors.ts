import { CdcError } from '../../errors.ts';
import { sinkError } from '../sink-errors.ts';

const codes = {
  ENOSPC: 'CDC_SINK_FULL',
  EDQUOT: 'CDC_SINK_FULL',
  EFBIG: 'CDC_SINK_FULL',
  EROFS: 'CDC_SINK_READ_ONLY',
  EACCES: 'CDC_SINK_ACCESS_DENIED',
  EPERM: 'CDC_SINK_ACCESS_DENIED',
  EMFILE: 'CDC_SINK_BUSY',
  ENFILE: 'CDC_SINK_BUSY',
  EBUSY: 'CDC_SINK_BUSY',
  ESTALE: 'CDC_SINK_UNREACHABLE',
  EIO: 'CDC_SINK_UNREACHABLE',
  ETIMEDOUT: 'CDC_SINK_UNREACHABLE',
} as const;

/** An error of the file system as one of the sink; others as they are. */
export function fileErrorOf(error: unknown, doing: string): unknown {
  if (error instanceof CdcError || !(error instanceof Error) || !('syscall' in error)) return error;
  const code = 'code' in error ? codes[error.code as keyof typeof codes] : undefined;
  return sinkError(code ?? 'CDC_SINK_FAILED', doing, `${error.message}.`, { cause: error });
}
