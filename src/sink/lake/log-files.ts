import type { ObjectStore, StoredFile } from './store/object-store.ts';
import { fileName } from './table-format.ts';

export interface LogFile extends StoredFile {
  readonly version: number;
}

/** Files of a log in the order of their numbers, which `pattern` finds in their names. */
export async function logFiles(
  store: ObjectStore,
  folder: string,
  pattern: RegExp,
): Promise<LogFile[]> {
  const files = await store.list(folder);
  return files
    .flatMap((file) => {
      const version = pattern.exec(fileName(file.name))?.[1];
      return version === undefined ? [] : [{ ...file, version: Number(version) }];
    })
    .sort((a, b) => a.version - b.version);
}
