import { quoteIdentifier } from '../engine/sql-quote.ts';
import type { BoundSelect } from './binding.ts';
import type { NodeTables } from './layer-names.ts';
import {
  type Changes,
  type MaintainedNode,
  type NodeOptions,
  type Omission,
  quoteColumns,
  renderInKeys,
  renderKeyItems,
  type Scope,
} from './maintained-node.ts';
import { groupSource, type NodeSource } from './node-sources.ts';
import {
  hiddenPrefix,
  isNullable,
  type Relation,
  renderEmptyScan,
  renderScan,
  type TypedColumn,
} from './relation.ts';
import { type Edit, renderTuple, type Span } from './sql-text.ts';

/** GROUP BY over one relation: a model, or the hidden stage of rows that was made from the joins. */
export interface GroupDraft {
  readonly bound: BoundSelect;
  readonly source: Relation;
  readonly sourceColumns: readonly TypedColumn[];
  /** Absent when the source is a stage, which has no alias in the user's text. */
  readonly alias?: string;
  /** Column references as the stage calls them. */
  readonly edits: readonly Edit[];
}

/** The query whose DESCRIBE gives the columns of the draft; reads no table. */
export function describeGroups(draft: GroupDraft): string {
  const { hidden } = placeGroups(draft, 0);
  return renderGroups(draft, hidden, renderEmptyScan(draft.source, draft.sourceColumns));
}

/**
 * An aggregate. The groups of old and of new rows of its source are recomputed whole, so every
 * aggregate function is right, and a group that has no rows any more disappears.
 */
export class GroupNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #draft: GroupDraft;
  readonly #hidden: readonly string[];
  readonly #groups: readonly string[];
  readonly #omit: Omission | undefined;

  constructor(draft: GroupDraft, options: NodeOptions) {
    this.#draft = draft;
    this.#omit = options.omit;
    this.#groups = groupExpressions(draft);
    this.columns = options.columns;
    this.tables = options.tables;
    const visible = options.columns.length - placeGroups(draft, 0).hidden.length;
    const { places, hidden } = placeGroups(draft, visible);
    this.#hidden = hidden;
    this.refreshKey = places.flatMap((place) => options.columns[place] ?? []);
    this.relation = {
      name: options.name,
      kind: 'model',
      physical: options.tables.rows,
      delta: options.tables.delta,
      columns: options.columns.slice(0, visible),
      key: this.refreshKey,
      isKeyed: true,
    };
    this.reads = [draft.source.name];
  }

  get sources(): readonly NodeSource[] {
    const { bound, source: relation, sourceColumns: columns, edits, alias } = this.#draft;
    const equal = this.refreshKey.map((stored, index) => {
      return { expression: this.#groups[index] ?? '', type: stored.type, stored };
    });
    const own = { relation, columns, equal, edits, alias: alias ?? stageAlias };
    return [groupSource(bound, this.columns, { ...own, isStage: alias === undefined })];
  }

  affectedKeys(changes: Changes): string | undefined {
    const rows = changes.rowsOf(this.#draft.source);
    if (rows === undefined) return undefined;
    return `SELECT DISTINCT ${renderKeyItems(this.#groups)} FROM ${rows}${asAlias(this.#draft)}`;
  }

  recompute(scope: Scope | undefined): string {
    const where = scope === undefined ? {} : { where: this.#restriction(scope) };
    const { source, sourceColumns, alias = stageAlias } = this.#draft;
    const scan = renderScan(source, { alias, columns: sourceColumns, ...where });
    return renderGroups(this.#draft, this.#hidden, scan);
  }

  #restriction({ keys, isSmall }: Scope): string {
    const { source } = this.#draft;
    const isInGroups = renderInKeys(this.#groups, keys, this.#omit);
    const indexed = source.key.filter(({ type }) => !isNullable(type));
    if (indexed.length === 0 || isSmall(source)) return isInGroups;
    // Under FINAL only conditions on the key are checked before all columns are read.
    const names = quoteColumns(indexed);
    const from = `${source.physical}${asAlias(this.#draft)}`;
    const rows = `SELECT ${names.join(', ')} FROM ${from} WHERE ${isInGroups}`;
    return `${renderTuple(names)} IN (${rows}) AND ${isInGroups}`;
  }
}

const stageAlias = '_rows';

function asAlias(draft: GroupDraft): string {
  return ` AS ${quoteIdentifier(draft.alias ?? stageAlias)}`;
}

/** GROUP BY in columns of the source only: positions and aliases of the SELECT list are resolved. */
function groupExpressions({ bound, edits }: GroupDraft): string[] {
  return bound.select.groupBy.map((group) => {
    const item = itemAtPosition(bound, group);
    return bound.expanded(item ?? group, edits);
  });
}

/** `GROUP BY 2` means the second item. */
function itemAtPosition(bound: BoundSelect, group: Span): Span | undefined {
  const text = bound.text(group);
  return /^\d+$/.test(text) ? bound.select.items[Number(text) - 1]?.expression : undefined;
}

/** Finds each group expression among the outputs, and makes a hidden column of the others. */
function placeGroups(draft: GroupDraft, visible: number): { places: number[]; hidden: string[] } {
  const { bound, edits } = draft;
  const outputs = bound.select.items.map((item) => compact(bound.expanded(item.expression, edits)));
  const hidden: string[] = [];
  const places = groupExpressions(draft).map((expression, index) => {
    const output = outputs.indexOf(compact(expression));
    if (output >= 0) return output;
    hidden.push(`${expression} AS ${quoteIdentifier(`${hiddenPrefix}group_${index + 1}`)}`);
    return visible + hidden.length - 1;
  });
  return { places, hidden };
}

/** Equal for expressions that differ in spaces and in parentheses around the whole. */
function compact(expression: string): string {
  const text = expression.replaceAll(/\s+/g, '');
  return /^\([^()]*(\([^()]*\)[^()]*)*\)$/.test(text) ? text.slice(1, -1) : text;
}

function renderGroups(draft: GroupDraft, hidden: readonly string[], scan: string): string {
  const { bound, edits } = draft;
  const { itemList, where, groupBy, having } = bound.select;
  const list = [bound.text(itemList, edits), ...hidden].join(', ');
  const isStage = draft.alias === undefined;
  const clauses = [
    `SELECT ${list} FROM ${scan}${asAlias(draft)}`,
    where && !isStage ? `WHERE ${bound.text(where)}` : '',
    `GROUP BY ${groupBy.map((group) => bound.text(group, edits)).join(', ')}`,
    having ? `HAVING ${bound.text(having, edits)}` : '',
  ];
  return clauses.filter((clause) => clause !== '').join(' ');
}
