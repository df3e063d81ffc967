import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { FilesSink } from '../../../src/sink/files/files-sink.ts';
import { type FilesSinkOptions, filesSinkOptions } from '../../../src/sink/files/options.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((path) => rm(path, { recursive: true, force: true }))));

const forms = [
  { name: 'files of NDJSON', format: 'ndjson' },
  {
    name: 'files of CSV, compressed, in folders by day',
    format: 'csv',
    gzip: true,
    partition: 'day',
  },
];

for (const { name, ...form } of forms) {
  describeSinkContract({
    name,
    options: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'strata-files-'));
      folders.push(folder);
      return filesSinkOptions.parse({
        ...{ type: 'files', name: 'out', tables: ['shop.*'], folder, fileBytes: 65_536 },
        ...form,
      });
    },
    open: async (options, { engine }) =>
      new FilesSink(options as FilesSinkOptions, { engine, project: 'contract' }),
  });
}
