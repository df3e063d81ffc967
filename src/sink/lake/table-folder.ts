/**
 * The folder of a table in the lake. What a path, an address or a pattern could take for something else is written as `~` and its code
 * point in hex.
 */
export function folderName(target: string): string {
  const escaped = target.replace(/[^\p{L}\p{N}_.-]/gu, escapeCharacter);
  return escaped.replace(/^[._]/, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `~${(character.codePointAt(0) ?? 0).toString(16)}`;
}
