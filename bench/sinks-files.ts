import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchStore, namedRows } from './sinks-store.ts';

export const openParquetStore = () =>
  openFolder('Parquet', { type: 'lake', format: 'parquet' }, 'path');
export const openDeltaStore = () =>
  openFolder('Parquet', { type: 'lake', format: 'delta' }, 'path');
export const openIcebergStore = () =>
  openFolder('Parquet', { type: 'lake', format: 'iceberg' }, 'path');
export const openFilesStore = () => openFolder('JSONEachRow', { type: 'files' }, 'folder');

/** A folder; the engine writes a plain file beside. */
async function openFolder(format: string, options: object, option: string): Promise<BenchStore> {
  const path = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
  return {
    options: { ...options, [option]: join(path, 'sink') },
    bulkName: `one ${format} file written by the engine`,
    async prepareBulk({ engine, select, folder }) {
      const target = `file('${folder}/bulk', '${format}')`;
      return async () => {
        const { writtenRows } = await engine.command(
          `INSERT INTO FUNCTION ${target} ${namedRows(select)}`,
        );
        return writtenRows;
      };
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
