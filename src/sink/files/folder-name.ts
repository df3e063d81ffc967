/** The name of a table as a folder: whatever is no letter, digit, `_`, `-` or inner dot as %XX. */
export function folderNameOf(target: string): string {
  return target.replace(/^\.|[^A-Za-z0-9._-]/gu, (each) =>
    [...Buffer.from(each)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
}
