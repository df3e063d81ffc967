import { dirname } from 'node:path';
import type { DataFile } from './manifest.ts';

/** Files of about the same size that become one. */
const together = 8;
const smallest = 4096;

/**
 * The last files of a table that are to become one, in order; none most of the time. Files of about the same size are put together
 * by eights, so that a line is copied once for each eightfold of the size that its file grows to, and there are never many small
 * files. What has an eighth of `fileBytes` stays as it is; files of different folders, kinds or columns stay apart.
 */
export function filesToMerge(files: readonly DataFile[], fileBytes: number): readonly DataFile[] {
  const last = files.at(-1);
  if (last === undefined) return [];
  const isMet = (file: DataFile) =>
    file.plainBytes <= fileBytes / together && isAlike(file, last) && tierOf(file) <= tierOf(last);
  const before = files.findLastIndex((file) => !isMet(file));
  const run = files.slice(before + 1);
  if (run.length < together) return [];
  // What they become may be the eighth of the next size.
  const plainBytes = run.reduce((sum, file) => sum + file.plainBytes, 0);
  const next = filesToMerge([...files.slice(0, before + 1), { ...last, plainBytes }], fileBytes);
  return next.length === 0 ? run : files.slice(-(next.length - 1 + run.length));
}

/** Grows by one for each eightfold. */
function tierOf({ plainBytes }: DataFile): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(plainBytes, 1) / smallest) / 3));
}

function isAlike(one: DataFile, other: DataFile): boolean {
  const kindOf = (name: string) => /[.].*$/.exec(name.slice(dirname(name).length))?.[0];
  return (
    one.form === other.form &&
    dirname(one.name) === dirname(other.name) &&
    kindOf(one.name) === kindOf(other.name)
  );
}
