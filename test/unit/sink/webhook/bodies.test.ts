import { expect, test } from 'vitest';
import { arrayOf } from '../../../../src/sink/webhook/json-array.ts';
import { signatureOf } from '../../../../src/sink/webhook/signature.ts';

test('lines become an array however they are cut', () => {
  const lines = ['{"a":1}', '{"a":"x\\ny"}', '{"a":null}'];
  const text = Buffer.from(`${lines.join('\n')}\n`);
  for (const cut of [1, 7, 8, 9, text.length]) {
    const body = [text.subarray(0, cut), text.subarray(cut)];
    expect(JSON.parse(Buffer.concat(arrayOf(body)).toString())).toEqual(
      lines.map((line) => JSON.parse(line)),
    );
    expect(text.toString()).toBe(`${lines.join('\n')}\n`);
  }
});

/** The example of the specification: standard-webhooks, spec/standard-webhooks.md. */
test('a request is signed as Standard Webhooks has it', () => {
  const parts = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: '1614265330' };
  const body = [Buffer.from('{"test": '), Buffer.from('2432232314}')];
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  expect(signatureOf({ ...parts, body }, secret)).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});
