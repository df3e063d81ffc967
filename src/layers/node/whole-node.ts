import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { NodeTables } from '../layer-names.ts';
import { tableReferences } from '../model/model-sql.ts';
import {
  hiddenPrefix,
  type Relation,
  renderEmptyTable,
  renderRows,
  type TypedColumn,
} from '../model/relation.ts';
import type { ParsedSql } from '../text/sql-parser.ts';
import { type Edit, renderSpan } from '../text/sql-text.ts';
import {
  type Changes,
  type MaintainedNode,
  type NodeOptions,
  nodeRelation,
} from './maintained-node.ts';

/** Any statement, with the relations it reads. */
export interface WholeDraft {
  readonly parsed: ParsedSql;
  readonly lookup: (name: string) => Relation | undefined;
  /** Columns that the user says identify a row; they lead the sort order. */
  readonly key: readonly string[];
}

const rowColumn = `${hiddenPrefix}row`;
const copyColumn = `${hiddenPrefix}copy`;

/** The query whose DESCRIBE gives the columns of the draft; reads no table. */
export function describeWhole(draft: WholeDraft): string {
  return renderNumbered(overRelations(draft, ({ columns }) => renderEmptyTable(columns)));
}

/**
 * A statement of any shape, recomputed whole when something it reads changes: all of it is one group. A
 * row is identified by the hash of its values and, among equal rows, a number, so that its readers see
 * only what differs.
 */
export class WholeNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[] = [];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #draft: WholeDraft;

  constructor(draft: WholeDraft, options: NodeOptions) {
    const { columns, tables } = options;
    this.#draft = draft;
    this.columns = columns;
    this.tables = tables;
    const declared = draft.key.flatMap(
      (key) => columns.find((column) => column.name === key) ?? [],
    );
    const key = [...declared, ...columns.slice(-2)];
    this.relation = nodeRelation(options, columns.slice(0, -2), key);
    this.reads = [...new Set(readRelations(draft).map((relation) => relation.name))];
  }

  affectedKeys(changes: Changes): string | undefined {
    const relations = readRelations(this.#draft);
    const hasChanged = relations.some((relation) => changes.rowsOf(relation) !== undefined);
    return hasChanged ? 'SELECT 1 AS k0' : undefined;
  }

  recompute(): string {
    return renderNumbered(overRelations(this.#draft, renderRows));
  }
}

function readRelations({ parsed, lookup }: WholeDraft): Relation[] {
  return tableReferences(parsed).flatMap(({ name }) => lookup(name) ?? []);
}

/** The statement with each table reference replaced by what `render` makes of the relation. */
export function overRelations(
  { parsed, lookup }: Pick<WholeDraft, 'parsed' | 'lookup'>,
  render: (read: Relation) => string,
): string {
  const edits = tableReferences(parsed).flatMap((reference): Edit[] => {
    const relation = lookup(reference.name);
    if (relation === undefined) return [];
    const alias = reference.hasAlias ? '' : ` AS ${quoteIdentifier(reference.table)}`;
    return [{ ...reference, text: render(relation) + alias }];
  });
  return renderSpan(parsed.sql, { start: 0, end: parsed.sql.length }, edits);
}

function renderNumbered(sql: string): string {
  // In a tuple, because NULL alone would make the hash NULL.
  const hashed = `SELECT *, sipHash128(tuple(*)) AS ${rowColumn} FROM (${sql}\n)`;
  return `SELECT *, toUInt64(row_number() OVER (PARTITION BY ${rowColumn})) AS ${copyColumn} FROM (${hashed})`;
}
