/**
 * Small readers of the parser library's tree: an expression is an object of one field, its kind, that
 * holds its body; identifiers are `{name, quoted, span}`.
 */
export type Body = Readonly<Record<string, unknown>>;

export function expressionOf(node: unknown): [kind: string | undefined, body: Body] {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return [undefined, {}];
  const [first, ...others] = Object.entries(node);
  if (first === undefined || others.length > 0) return [undefined, {}];
  const [kind, body] = first;
  const isBody = typeof body === 'object' && body !== null && !Array.isArray(body);
  return isBody && kind !== 'this' ? [kind, body as Body] : [undefined, {}];
}

export function bodyOf(node: unknown): Body {
  return typeof node === 'object' && node !== null ? (node as Body) : {};
}

export function listOf(node: unknown): unknown[] {
  return Array.isArray(node) ? node : [];
}

/** The text of an identifier; empty when there is none. */
export function nameOf(node: unknown): string {
  const { name, identifier } = bodyOf(node);
  const text = name ?? bodyOf(identifier)['name'];
  return typeof text === 'string' ? text : '';
}

/** Words of joins that the library takes for an alias of the table before them. */
const notAliases = new Set(['GLOBAL', 'LOCAL', 'PASTE', 'SEMI', 'ANTI', 'ASOF', 'ANY', 'ALL']);

export function aliasOf(body: Body): string | undefined {
  const alias = nameOf(body['alias']);
  const isWritten = body['alias_explicit_as'] === true || bodyOf(body['alias'])['quoted'] === true;
  return alias === '' || (!isWritten && notAliases.has(alias.toUpperCase())) ? undefined : alias;
}

export function functionName(kind: string, body: Body): string {
  const { name, original_name: original } = body;
  const inner = kind === 'combined_parameterized_agg' ? nameOf(body['this']) : '';
  if (inner !== '') return inner;
  if (typeof name === 'string') return name;
  // `x = any(SELECT ...)` is a comparison, not the aggregate.
  if (kind === 'any' && 'subquery' in body) return '';
  return typeof original === 'string' ? original : kind.replaceAll('_', '');
}
