import type { TableId } from './table-id.ts';

/**
 * The one grammar of table patterns, in the project file and on the command line:
 * `database.table`, where `*` stands for any run of characters and `?` for one; `!` in front
 * excludes. Later patterns win over earlier ones, so `shop.*, !shop.tmp_*` reads as it looks.
 */
export interface TableMatcher {
  matches(id: TableId): boolean;
}

export function parseTablePatterns(patterns: readonly string[]): TableMatcher {
  const rules = patterns.map((pattern) => {
    const excluded = pattern.startsWith('!');
    return { excluded, expression: toRegExp(excluded ? pattern.slice(1) : pattern) };
  });
  return {
    matches(id) {
      let matched = false;
      for (const rule of rules) if (rule.expression.test(id)) matched = !rule.excluded;
      return matched;
    },
  };
}

export function isTablePattern(text: string): boolean {
  return /^!?[^.\s!]+\.[^.\s]+$/.test(text);
}

function toRegExp(pattern: string): RegExp {
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
