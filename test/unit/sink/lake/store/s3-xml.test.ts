import { expect, test } from 'vitest';
import { s3Error } from '../../../../../src/sink/lake/store/s3-error.ts';
import { childTexts, elements } from '../../../../../src/sink/lake/store/s3-xml.ts';

test('a list of a bucket is taken apart, whatever its names hold', () => {
  const xml =
    '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><NextContinuationToken>a&#43;b</NextContinuationToken>' +
    '<Contents><Key>a &amp; b&lt;&#x5b66;&gt;.txt</Key><Size>3</Size></Contents><Contents><Key>c</Key><Size>4</Size></Contents></ListBucketResult>';
  expect(elements(xml, 'Contents').map((item) => childTexts(item))).toEqual([
    { Key: 'a & b<学>.txt', Size: '3' },
    { Key: 'c', Size: '4' },
  ]);
  expect(childTexts(xml)['NextContinuationToken']).toBe('a+b');
});

test.each([
  { status: 503, code: 'SlowDown', expected: 'CDC_SINK_BUSY' },
  { status: 409, code: 'ConditionalRequestConflict', expected: 'CDC_SINK_BUSY' },
  { status: 500, code: 'InternalError', expected: 'CDC_SINK_UNREACHABLE' },
  { status: 403, code: 'AccessDenied', expected: 'CDC_SINK_ACCESS_DENIED' },
  { status: 403, code: 'SignatureDoesNotMatch', expected: 'CDC_SINK_ACCESS_DENIED' },
  { status: 404, code: 'NoSuchBucket', expected: 'CDC_SINK_FAILED' },
  { status: 405, code: 'MethodNotAllowed', expected: 'CDC_SINK_READ_ONLY' },
  { status: 507, code: 'XMinioStorageFull', expected: 'CDC_SINK_FULL' },
])('an answer of S3 with $code is $expected', ({ status, code, expected }) => {
  const error = s3Error(
    'Writing a',
    status,
    `<Error><Code>${code}</Code><Message>so</Message></Error>`,
  );
  expect(error).toMatchObject({ code: expected, message: `Writing a: ${code}: so` });
});

test.each([
  { status: 429, expected: 'CDC_SINK_BUSY' },
  { status: 403, expected: 'CDC_SINK_ACCESS_DENIED' },
  { status: 502, expected: 'CDC_SINK_UNREACHABLE' },
  { status: 400, expected: 'CDC_SINK_FAILED' },
])('an answer of S3 with status $status and nothing else is $expected', ({ status, expected }) => {
  expect(s3Error('Writing a', status, '')).toMatchObject({ code: expected });
});
