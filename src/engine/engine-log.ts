import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const keptBytes = 4 * 1024 ** 2;
const maxReasonBytes = 64 * 1024;

/** Sets a large log aside as `<file>.1`. Returns where the next engine's lines will begin. */
export function turnOverLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= keptBytes) return size;
  renameSync(file, `${file}.1`);
  return 0;
}

/** The last exception that chdb has written from byte `from` on; undefined if there is none. */
export function lastExceptionIn(file: string, from: number): string | undefined {
  const log = openSync(file, 'r');
  try {
    const text = Buffer.alloc(maxReasonBytes);
    const bytes = readSync(log, text, 0, text.length, from);
    const matches = text.toString('utf8', 0, bytes).matchAll(/Code: \d+\. DB::Exception: [^\n]*/g);
    return [...matches].at(-1)?.[0];
  } finally {
    closeSync(log);
  }
}
