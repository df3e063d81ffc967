import { CdcError, type ErrorCode } from '../../errors.ts';

const codes: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  CDC_KAFKA_UNREACHABLE: 'CDC_SINK_UNREACHABLE',
  CDC_KAFKA_ACCESS_DENIED: 'CDC_SINK_ACCESS_DENIED',
  CDC_KAFKA_REJECTED: 'CDC_SINK_FAILED',
  CDC_KAFKA_OFFSET_LOST: 'CDC_SINK_FAILED',
  CDC_LOG_MESSAGE_TOO_LARGE: 'CDC_SINK_FAILED',
  CDC_LOG_FENCED: 'CDC_SINK_FENCED',
};

/** An error of the cluster as one of a sink; `source` is the table that the work was for, if there is one. */
export function kafkaSinkError(error: unknown, progressTopic: string, source?: string): unknown {
  if (!(error instanceof CdcError)) return error;
  const details = { ...error.details, ...(source !== undefined && { table: source }) };
  if (error.code === 'CDC_KAFKA_TOPIC_NOT_FOUND') {
    const isOfTable = source !== undefined && error.details['topic'] !== progressTopic;
    const code = isOfTable ? 'CDC_SINK_INCOMPATIBLE' : 'CDC_SINK_FAILED';
    return new CdcError(code, error.message, { cause: error, details });
  }
  const code = codes[error.code];
  if (code === undefined) return error;
  // What to do about a refused request the broker's own words say best.
  const remedy = code === 'CDC_SINK_FAILED' ? { remedy: error.remedy } : {};
  return new CdcError(code, error.message, { cause: error, details, ...remedy });
}

/** Whether the writer may go on: nothing is in doubt but the batch or the table itself. */
export function leavesWriterIntact(error: unknown): boolean {
  if (!(error instanceof CdcError)) return false;
  return error.code === 'CDC_SINK_STALE' || error.code === 'CDC_SINK_INCOMPATIBLE';
}
