import { describe, expect, test } from 'vitest';
import type { DeltaAction } from '../../../../../src/sink/lake/delta/actions.ts';
import {
  DeltaState,
  progressDomain,
  tableDomain,
} from '../../../../../src/sink/lake/delta/delta-state.ts';

const add = (path: string, more: object = {}): DeltaAction => ({
  add: {
    ...{ path, partitionValues: {}, size: 10, modificationTime: 1, dataChange: true },
    stats: '{"numRecords":4}',
    ...more,
  },
});
const remove = (path: string): DeltaAction => ({ remove: { path, dataChange: true } });
const domain = (name: string, value: unknown): DeltaAction => ({
  domainMetadata: { domain: name, configuration: JSON.stringify(value), removed: false },
});
const table = domain(tableDomain, { source: 'shop.orders', columns: [], key: ['id'] });

describe('the state of a Delta table', () => {
  test('has the files that are added and not removed, with their dead rows', () => {
    const state = new DeltaState();
    const vector = { storageType: 'i', pathOrInlineDv: '', sizeInBytes: 1, cardinality: '3' };
    state.apply(0, [table, add('a.parquet'), add('b%20c.parquet')]);
    // The order within a commit means nothing.
    state.apply(1, [add('b%20c.parquet', { deletionVector: vector }), remove('b%20c.parquet')]);
    state.apply(2, [remove('a.parquet'), domain(progressDomain, { sequence: 7, value: '{}' })]);
    expect(state.snapshot('here')).toMatchObject({
      version: 2,
      progress: { sequence: 7 },
      files: [{ name: 'b c.parquet', bytes: 10, rows: 4, deadRows: 3 }],
    });
    expect([...state.removes.keys()]).toEqual(['a.parquet']);
  });

  test('of a table that somebody else has made is refused', () => {
    const state = new DeltaState();
    state.apply(0, [add('a.parquet')]);
    expect(() => state.snapshot('/lake/orders')).toThrow(/was not made by cdc/);
  });

  test('with a feature that cdc does not write is refused', () => {
    const state = new DeltaState();
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['columnMapping'],
    };
    state.apply(0, [table, { protocol }]);
    expect(() => state.snapshot('/lake/orders')).toThrow(/the feature columnMapping/);
  });
});
