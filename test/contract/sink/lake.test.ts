import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import { openLakeSink } from '../../../src/sink/lake/lake-sink.ts';
import { type LakeSinkOptions, lakeSinkOptions } from '../../../src/sink/lake/options.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';
import { openTempFolder } from '../../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof openTempFolder>>;
beforeAll(async () => {
  folder = await openTempFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe.each(['parquet', 'delta', 'iceberg'] as const)('%s', (format) => {
  describeSinkContract({
    name: `lake in a folder, as ${format}`,
    options: async () =>
      lakeSinkOptions.parse({
        type: 'lake',
        name: 'lake',
        tables: ['shop.*'],
        path: join(folder.path, randomBytes(4).toString('hex')),
        format,
        // Everything happens after a few batches.
        compactFiles: 4,
        keepHours: 0,
      }),
    open: (options, { engine, stateFolder }) =>
      openLakeSink(options as LakeSinkOptions, {
        engine,
        stateFolder,
        logger: createSilentLogger(),
        project: 'contract',
      }),
  });
});
