import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBatch, encodeBatch } from '../../../src/change/batch-codec.ts';
import type { ChangeBatch, Section } from '../../../src/change/change-batch.ts';

const version = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const table = fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' });

const section: fc.Arbitrary<Section> = fc.oneof(
  fc.record({
    kind: fc.constant('rows' as const),
    table,
    schemaVersion: fc.string(),
    rowCount: fc.nat(),
    bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({
    kind: fc.constant('schema' as const),
    table,
    schema: fc.record({
      table,
      version: fc.string(),
      columns: fc.constant([]),
      key: fc.array(table),
    }),
    existingRows: fc.constantFrom('keep' as const, 'resnapshot' as const),
    version,
  }),
  fc.record({ kind: fc.constantFrom('truncate' as const, 'sweep' as const), table, version }),
);

const batch: fc.Arbitrary<ChangeBatch> = fc.record({
  origin: fc.constantFrom('snapshot' as const, 'stream' as const),
  sections: fc.array(section, { maxLength: 6 }),
  position: fc.record(
    { epoch: fc.nat(127), file: fc.string(), offset: fc.nat(), gtid: fc.string(), serverId: table },
    { requiredKeys: ['epoch', 'file', 'offset', 'serverId'] },
  ),
  transactions: fc.nat(),
  committedAtMs: fc.nat(),
  receivedAtMs: fc.nat(),
});

describe('the batch codec', () => {
  test('decodes what it encoded', () => {
    fc.assert(
      fc.property(batch, (original) => {
        expect(decodeBatch(encodeBatch(original), 'here')).toEqual(original);
      }),
    );
  });

  test('refuses bytes of which one has changed, whichever it is', () => {
    fc.assert(
      fc.property(batch, fc.nat(), fc.integer({ min: 1, max: 255 }), (original, place, change) => {
        const bytes = encodeBatch(original);
        const index = place % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ change;
        expect(() => decodeBatch(bytes, 'entry 7')).toThrow(
          expect.objectContaining({
            code: 'CDC_LOG_CORRUPT',
            message: expect.stringContaining('Reading entry 7'),
          }),
        );
      }),
    );
  });

  test('refuses bytes that end early', () => {
    const bytes = encodeBatch({
      origin: 'stream',
      sections: [],
      position: { epoch: 0, file: 'f.1', offset: 1, serverId: '1' },
      transactions: 1,
      committedAtMs: 1,
      receivedAtMs: 1,
    });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeBatch(bytes.subarray(0, length), 'it')).toThrow(/Reading it/);
    }
  });
});
