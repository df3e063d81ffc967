import type { CdcError } from '../../../errors.ts';
import { sinkError } from '../../sink-errors.ts';
import { childTexts } from './s3-xml.ts';

/** Error codes of S3 (API reference, "Error responses") and what they mean for us. */
const codes = {
  SlowDown: 'CDC_SINK_BUSY',
  ServiceUnavailable: 'CDC_SINK_BUSY',
  ConditionalRequestConflict: 'CDC_SINK_BUSY',
  OperationAborted: 'CDC_SINK_BUSY',
  InternalError: 'CDC_SINK_UNREACHABLE',
  RequestTimeout: 'CDC_SINK_UNREACHABLE',
  AccessDenied: 'CDC_SINK_ACCESS_DENIED',
  InvalidAccessKeyId: 'CDC_SINK_ACCESS_DENIED',
  SignatureDoesNotMatch: 'CDC_SINK_ACCESS_DENIED',
  ExpiredToken: 'CDC_SINK_ACCESS_DENIED',
  InvalidToken: 'CDC_SINK_ACCESS_DENIED',
  RequestTimeTooSkewed: 'CDC_SINK_ACCESS_DENIED',
  AccountProblem: 'CDC_SINK_ACCESS_DENIED',
  MethodNotAllowed: 'CDC_SINK_READ_ONLY',
  QuotaExceeded: 'CDC_SINK_FULL',
  XMinioStorageFull: 'CDC_SINK_FULL',
} as const;

const remedies: Readonly<Record<string, string>> = {
  NoSuchBucket: 'Create the bucket, or correct `path` of the sink.',
  RequestTimeTooSkewed: 'Set the clock of this machine: signatures hold for 15 minutes.',
  SignatureDoesNotMatch: 'Correct secretAccessKey, and region where the store checks it.',
  NotImplemented:
    'The store knows no conditional writes (If-None-Match), without which two writers could undo one another: take a newer one.',
};

export function s3Error(doing: string, status: number, body: string): CdcError {
  const { Code, Message } = childTexts(body);
  const code = Code ?? (status === 403 ? 'AccessDenied' : '');
  const known = code in codes ? codes[code as keyof typeof codes] : byStatus(status);
  const why = Code === undefined ? `status ${status}` : `${Code}: ${Message ?? `status ${status}`}`;
  const remedy = remedies[code];
  return sinkError(known, doing, why, remedy === undefined ? {} : { remedy });
}

function byStatus(status: number) {
  if (status === 429 || status === 503 || status === 409) return 'CDC_SINK_BUSY';
  if (status === 507) return 'CDC_SINK_FULL';
  return status >= 500 ? 'CDC_SINK_UNREACHABLE' : 'CDC_SINK_FAILED';
}
