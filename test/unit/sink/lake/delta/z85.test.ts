import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeZ85, encodeZ85 } from '../../../../../src/sink/lake/delta/z85.ts';

test('bytes have the text that the specification of Z85 gives as its example', () => {
  const bytes = Buffer.from('864fd26fb559f75b', 'hex');
  expect(encodeZ85(bytes)).toBe('HelloWorld');
  expect(decodeZ85('HelloWorld')).toEqual(bytes);
});

test('any bytes come back from Z85, filled up with zeros', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const back = decodeZ85(encodeZ85(Buffer.from(bytes)));
      expect(back.length % 4).toBe(0);
      expect(back.subarray(0, bytes.length)).toEqual(Buffer.from(bytes));
      expect(back.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);
    }),
  );
});
