import { describe, expect, test } from 'vitest';
import {
  currentSnapshot,
  newMetadata,
  withSchema,
  withSnapshot,
} from '../../../../../src/sink/lake/iceberg/table-metadata.ts';
import type { LakeSchema } from '../../../../../src/sink/lake/table-format.ts';

const table: LakeSchema = {
  source: 'shop.orders',
  key: ['id'],
  columns: [
    { id: 3, name: 'id', type: 'int' },
    { id: 4, name: 'amount', type: 'decimal(10,2)', comment: 'paid' },
  ],
  lastId: 4,
  dropped: [],
};

const snapshotAt = (at: number) => ({
  'snapshot-id': at,
  'sequence-number': at,
  'timestamp-ms': at,
  'manifest-list': `snap-${at}.avro`,
  summary: { operation: 'overwrite' },
  'schema-id': 0,
});

describe('the metadata of an Iceberg table', () => {
  test('has the columns with their ids, the key, and the version of each row', () => {
    const { schemas, 'last-column-id': lastId } = newMetadata('/lake/orders', table, 5);
    expect(lastId).toBe(4);
    expect(schemas).toEqual([
      {
        type: 'struct',
        'schema-id': 0,
        'identifier-field-ids': [3],
        fields: [
          { id: 3, name: 'id', required: true, type: 'int' },
          { id: 4, name: 'amount', required: false, type: 'decimal(10, 2)', doc: 'paid' },
          { id: 1, name: '_version', required: false, type: 'long' },
        ],
      },
    ]);
  });

  test('keeps former schemas, and names none of a key of floats', () => {
    const float = { ...table, columns: [{ id: 3, name: 'id', type: 'double' } as const] };
    const changed = withSchema(newMetadata('/lake/orders', table, 5), float);
    expect(changed['current-schema-id']).toBe(1);
    expect(changed.schemas.map((schema) => schema['identifier-field-ids'])).toEqual([[3], []]);
  });

  test('forgets snapshots that are too old or too many, but never the newest', () => {
    let metadata = newMetadata('/lake/orders', table, 0);
    for (let at = 1; at <= 5; at++) metadata = withSnapshot(metadata, snapshotAt(at), at - 2);
    expect(metadata.snapshots.map((each) => each['snapshot-id'])).toEqual([3, 4, 5]);
    expect(metadata['snapshot-log']).toHaveLength(3);
    expect(currentSnapshot(metadata)?.['snapshot-id']).toBe(5);
    metadata = withSnapshot(metadata, snapshotAt(6), 99);
    expect(metadata.snapshots).toHaveLength(1);
    for (let at = 7; at <= 300; at++) metadata = withSnapshot(metadata, snapshotAt(at), 0);
    expect(metadata.snapshots).toHaveLength(100);
  });
});
