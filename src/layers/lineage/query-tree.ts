import type { Span } from '../text/sql-text.ts';

/**
 * A query as lineage sees it: who is read, what is put out, and which columns stand where. Everything
 * else of the syntax (operators, literals, types) is left out. `read-query.ts` makes it from the parser
 * library's tree, `trace-query.ts` follows the columns through it.
 */
export interface QueryNode {
  /** Of a WITH before it. */
  readonly ctes: readonly CteNode[];
  readonly body: SelectNode | SetNode;
  /** ORDER BY and LIMIT BY of the whole. */
  readonly clauses: readonly ClauseNode[];
}

/** `WITH name AS (query)`, or `WITH expression AS name`. */
export interface CteNode {
  readonly name: string;
  readonly columns: readonly string[];
  readonly query?: QueryNode;
  readonly expression?: Part;
}

/** UNION, INTERSECT or EXCEPT of two queries. */
export interface SetNode {
  readonly kind: 'set';
  readonly operation: 'union' | 'intersect' | 'except';
  readonly isDistinct: boolean;
  readonly left: QueryNode;
  readonly right: QueryNode;
}

export interface SelectNode {
  readonly kind: 'select';
  /** In the order of the text, over the whole statement. */
  readonly index: number;
  readonly isDistinct: boolean;
  readonly items: readonly Part[];
  readonly sources: readonly SourceNode[];
  readonly clauses: readonly ClauseNode[];
  readonly windows: ReadonlyMap<string, WindowNode>;
}

/** What a column decides where it does not become a value of the output. */
export type RowRole = 'join' | 'filter' | 'group' | 'order' | 'window';

export interface ClauseNode {
  readonly role: RowRole;
  readonly parts: readonly Part[];
  /** A number means the item of that place, as in GROUP BY 1. */
  readonly hasPlaces: boolean;
  /** GROUP BY ALL, ORDER BY ALL. */
  readonly isAll: boolean;
}

export interface SourceNode {
  readonly of:
    | { readonly kind: 'table'; readonly database?: string; readonly name: string }
    | { readonly kind: 'query'; readonly query: QueryNode }
    /** A table function, VALUES: nobody knows its columns. */
    | { readonly kind: 'function'; readonly parts: readonly Part[] }
    | { readonly kind: 'array'; readonly parts: readonly Part[] };
  readonly alias?: string;
  /** `AS t(a, b)`. */
  readonly columnAliases: readonly string[];
  readonly side: 'left' | 'right' | 'full';
  readonly on: readonly Part[];
  readonly using: readonly NameNode[];
  /** USING over all columns of one name. */
  readonly isNatural: boolean;
}

export interface NameNode extends Span {
  readonly name: string;
}

export interface WindowNode {
  /** The named window it is, or begins with. */
  readonly base?: string;
  readonly parts: readonly Part[];
}

/** A piece of an expression. */
export type Part =
  | ColumnPart
  | StarPart
  | { readonly kind: 'query'; readonly query: QueryNode }
  /** The right side of `x IN name`: a column, a table or a CTE. */
  | { readonly kind: 'set'; readonly name: ColumnPart }
  | { readonly kind: 'alias'; readonly name: string; readonly of: Part }
  | { readonly kind: 'lambda'; readonly parameters: readonly string[]; readonly body: Part }
  | { readonly kind: 'window'; readonly of: Part; readonly over: WindowNode }
  | { readonly kind: 'call'; readonly name: string; readonly parts: readonly Part[] }
  /** CASE, if: some columns choose, others are chosen. */
  | {
      readonly kind: 'choice';
      readonly conditions: readonly Part[];
      readonly values: readonly Part[];
    }
  /** Brackets: the same value. */
  | { readonly kind: 'same'; readonly of: Part }
  | { readonly kind: 'number'; readonly value: number };

/** `column`, `table.column`, `database.table.column`, or one of them with parts of a tuple after it. */
export interface ColumnPart extends Span {
  readonly kind: 'column';
  readonly path: readonly string[];
}

/** `*`, `t.*`, `COLUMNS('...')`, with what follows it. */
export interface StarPart {
  readonly kind: 'star';
  readonly qualifier?: string;
  readonly pattern?: string;
  readonly except: readonly string[];
  readonly replace: ReadonlyMap<string, Part>;
  readonly rename: ReadonlyMap<string, string>;
  /** Functions that APPLY puts around each column. */
  readonly applied: readonly string[];
}
