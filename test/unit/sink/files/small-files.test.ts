import { describe, expect, test } from 'vitest';
import type { DataFile } from '../../../../src/sink/files/manifest.ts';
import { filesToMerge } from '../../../../src/sink/files/small-files.ts';
import { Random } from '../../../support/random.ts';

function file(sequence: number, plainBytes: number, rest: Partial<DataFile> = {}): DataFile {
  return {
    ...{ name: `${sequence}.ndjson`, rows: 1, bytes: plainBytes, plainBytes, headerBytes: 0 },
    ...{ form: 0, sequences: [sequence, sequence], ...rest },
  };
}

describe('small files', () => {
  test('become one when there are eight of about the same size', () => {
    const seven = Array.from({ length: 7 }, (_, at) => file(at, 1000));
    expect(filesToMerge(seven, 1_000_000)).toEqual([]);
    const eight = [...seven, file(7, 900)];
    expect(filesToMerge(eight, 1_000_000)).toEqual(eight);
  });

  test('stay apart in other folders, of other columns, and of other kinds', () => {
    const one = Array.from({ length: 7 }, (_, at) => file(at, 1000));
    for (const other of [
      file(7, 1000, { name: 'date=2026-01-31/7.ndjson' }),
      file(7, 1000, { form: 1 }),
      file(7, 1000, { name: '7.ndjson.gz' }),
    ]) {
      expect(filesToMerge([...one, other], 1_000_000)).toEqual([]);
    }
  });

  test.each([1, 2, 3])('are always few, in order, and copied a few times only: seed %i', (seed) => {
    const random = new Random(seed);
    const fileBytes = 1_000_000;
    let files: DataFile[] = [];
    let written = 0;
    let copied = 0;
    for (let sequence = 1; sequence <= 3_000; sequence++) {
      const bytes = random.between(1, 4_000);
      written += bytes;
      files.push(file(sequence, bytes));
      const run = filesToMerge(files, fileBytes);
      if (run.length === 0) continue;
      expect(files.slice(-run.length)).toEqual(run);
      const plainBytes = run.reduce((sum, each) => sum + each.plainBytes, 0);
      expect(plainBytes).toBeLessThanOrEqual(2 * fileBytes);
      copied += plainBytes;
      const sequences = [run[0]?.sequences[0] ?? 0, sequence] as const;
      files = [...files.slice(0, -run.length), file(sequence, plainBytes, { sequences })];
    }
    const small = files.filter(({ plainBytes }) => plainBytes <= fileBytes / 8);
    expect(small.length).toBeLessThan(40);
    expect(copied / written).toBeLessThan(4);
    let next = 1;
    for (const { sequences } of files) {
      expect(sequences[0]).toBe(next);
      next = sequences[1] + 1;
    }
    expect(next).toBe(3_001);
  });
});
