import type { ColumnPart, Part, QueryNode } from './query-tree.ts';

/** What stands directly inside of an expression; queries in it are worlds of their own. */
export function childrenOf(part: Part): readonly Part[] {
  switch (part.kind) {
    case 'alias':
    case 'same':
      return [part.of];
    case 'lambda':
      return [part.body];
    case 'window':
      return [part.of, ...part.over.parts];
    case 'choice':
      return [...part.conditions, ...part.values];
    case 'call':
      return part.parts;
    case 'star':
      return [...part.replace.values()];
    case 'column':
    case 'query':
    case 'set':
    case 'number':
      return [];
  }
}

/** An alias may stand anywhere in an expression, and is known in the whole SELECT. */
export function collectAliases(part: Part, into: Map<string, Part>): void {
  if (part.kind === 'alias' && !into.has(part.name)) into.set(part.name, part.of);
  for (const child of childrenOf(part)) collectAliases(child, into);
}

/** What an item without an alias is called. */
export function nameOfItem(part: Part): string {
  if (part.kind === 'alias') return part.name;
  if (part.kind === 'same') return nameOfItem(part.of);
  return part.kind === 'column' ? (part.path.at(-1) ?? '') : '';
}

/** The item that a number in GROUP BY or ORDER BY means. */
export function placed(part: Part, items: readonly Part[]): Part {
  return part.kind === 'number' ? (items[part.value - 1] ?? part) : part;
}

/** Which arguments of a function choose among values instead of going in. */
export function choosingArguments(
  name: string,
  count: number,
  isAggregate: boolean,
): (index: number) => boolean {
  if (/^multiif$/i.test(name)) return (index) => index % 2 === 0 && index < count - 1;
  if (!isAggregate) return () => false;
  const base = /^arg(min|max)/i.test(name) ? 1 : count;
  const isFiltered = /[a-z](If|_if)(OrNull|OrDefault|Distinct|State|Merge)*$/.test(name);
  return (index) => (index >= base && index < count) || (isFiltered && index === count - 1);
}

/** Whether a query reads a table of this name: a CTE that does so with its own is recursive. */
export function readsTable(query: QueryNode, name: string): boolean {
  const visit = (node: unknown): boolean => {
    if (typeof node !== 'object' || node === null) return false;
    if (node instanceof Map) return [...node.values()].some(visit);
    if (isUnqualifiedTable(node, name)) return true;
    return Object.values(node).some(visit);
  };
  return visit(query);
}

function isUnqualifiedTable(node: object, name: string): boolean {
  const { kind, name: own, database } = node as { kind?: string; name?: string; database?: string };
  return kind === 'table' && own === name && database === undefined;
}

/** Whether a column fits COLUMNS('...'); undefined when the pattern is none of JavaScript's. */
export function columnPattern(pattern: string): ((column: string) => boolean) | undefined {
  try {
    const expression = new RegExp(pattern);
    return (column) => expression.test(column);
  } catch {
    return undefined;
  }
}

/** The column an item is, when it is nothing else. */
export function plainColumn(part: Part): ColumnPart | undefined {
  if (part.kind === 'alias' || part.kind === 'same') return plainColumn(part.of);
  return part.kind === 'column' ? part : undefined;
}
