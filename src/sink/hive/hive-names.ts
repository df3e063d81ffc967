/** Columns of ours in every file, and names the view's query needs; a table must not have others of these names. */
export const ownColumns = {
  version: '_version',
  deleted: '_deleted',
  /** Sequence of the progress that came with the row: of two rows of one version the later written one counts. */
  batch: '_batch',
  /** When it was written, UTC: `2026-11-21 10:07:03`. */
  loaded: '_loaded',
  rank: '_rank',
  newest: '_newest',
} as const;

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function quoteText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\0', '\\0')}'`;
}

/** Hive's names know no case. */
export function hiveName(name: string): string {
  return name.toLowerCase();
}

/** What Hive takes as a name of a table without settings that few servers have. */
export function isTableName(name: string): boolean {
  return /^[a-z0-9_]{1,100}$/.test(name);
}

export function isColumnName(name: string): boolean {
  const taken: readonly string[] = Object.values(ownColumns);
  return name.length <= 128 && !/[.:,`]/.test(name) && !taken.includes(name);
}
