/** Any name as one of a file or folder: whatever is no letter, digit, `_`, `-` or inner dot as %XX. */
export function fileNameOf(target: string): string {
  return target.replace(/^\.|[^A-Za-z0-9._-]/gu, (each) =>
    [...Buffer.from(each)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
