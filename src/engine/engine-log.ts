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

/**
 * What an engine that did not start has left as its last words, from byte `from` on: chdb's last
 * exception, or else the last line that is not one of our own (those are JSON).
 */
export function lastWordsIn(file: string, from: number): string | undefined {
  const log = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(maxReasonBytes);
    const lines = bytes
      .toString('utf8', 0, readSync(log, bytes, 0, bytes.length, from))
      .split('\n');
    const exception = lines.findLast((line) => /^Code: \d+\. DB::Exception/.test(line));
    return exception ?? lines.findLast((line) => line !== '' && !line.startsWith('{'));
  } finally {
    closeSync(log);
  }
}
