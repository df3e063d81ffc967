import { quoteIdentifier } from '../engine/sql-quote.ts';
import type { BoundRelation, BoundSelect, Link } from './binding.ts';
import type { NodeTables } from './layer-names.ts';
import {
  type Changes,
  type KeySet,
  type MaintainedNode,
  type NodeOptions,
  type Omission,
  quoteColumns,
  renderInKeys,
  renderKeyItems,
  type Scope,
} from './maintained-node.ts';
import { type NodeSource, rowSources } from './node-sources.ts';
import {
  hiddenPrefix,
  isNullable,
  keyPrefix,
  matchedName,
  type Relation,
  renderEmptyScan,
  renderScan,
  starWithoutKeys,
  type TypedColumn,
} from './relation.ts';
import { type Edit, renderTuple } from './sql-text.ts';

/** The SELECT of a row model before the engine has named and typed its columns. */
export interface RowDraft {
  readonly bound: BoundSelect;
  /** The SELECT list in place of the model's own: the columns an aggregate needs. */
  readonly items?: readonly string[];
}

/** Where a column of a relation's key is found in the stored rows: an output, or a hidden column. */
interface KeyPlace {
  readonly alias: string;
  /** From 0, in the relation's key. */
  readonly part: number;
  /** Place among the stored columns. */
  readonly column: number;
}

/** The query whose DESCRIBE gives the columns of the draft; reads no table. */
export function describeRows(draft: RowDraft): string {
  const { hidden } = placeKeys(draft, 0);
  return renderRows(draft, hidden, (bound) => renderEmptyScan(bound.relation, bound.columns));
}

/**
 * Rows of one driving relation with others joined to it. A row is identified by the driving key, plus
 * the keys of those joined relations that can match more than once. The key of every joined row is
 * stored with the row it went into, so that the rows a changed row *was* part of are found without any
 * old image of it.
 */
export class RowNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #draft: RowDraft;
  readonly #bound: BoundSelect;
  readonly #hidden: readonly string[];
  readonly #places: readonly KeyPlace[];
  readonly #omit: Omission | undefined;

  constructor(draft: RowDraft, options: NodeOptions) {
    this.#draft = draft;
    this.#bound = draft.bound;
    this.#omit = options.omit;
    this.columns = options.columns;
    this.tables = options.tables;
    const visible = options.columns.length - placeKeys(draft, 0).hidden.length;
    const { places, hidden } = placeKeys(draft, visible);
    this.#places = places;
    this.#hidden = hidden;
    this.refreshKey = this.#storedKey(this.#bound.driving);
    const multiplying = this.#bound.joined.filter((joined) => !joined.isSingleMatch);
    this.relation = {
      name: options.name,
      kind: 'model',
      physical: options.tables.rows,
      delta: options.tables.delta,
      columns: options.columns.slice(0, visible),
      key: [...this.refreshKey, ...multiplying.flatMap((joined) => this.#storedKey(joined))],
      isKeyed: true,
    };
    this.reads = [...new Set(this.#bound.relations.map(({ relation }) => relation.name))];
  }

  get sources(): readonly NodeSource[] {
    const { items } = this.#draft;
    const keyOf = (bound: BoundRelation) => this.#storedKey(bound);
    return rowSources(this.#bound, this.columns, { ...(items && { items }), keyOf });
  }

  affectedKeys(changes: Changes): string | undefined {
    const { driving } = this.#bound;
    const parts: string[] = [];
    const drivingRows = changes.rowsOf(driving.relation);
    if (drivingRows !== undefined) {
      const keys = quoteColumns(driving.relation.key);
      parts.push(`SELECT ${renderKeyItems(keys)} FROM ${drivingRows}`);
    }
    for (const joined of this.#bound.joined) {
      const rows = changes.rowsOf(joined.relation);
      if (rows === undefined) continue;
      if (this.#omit !== 'old-matches') parts.push(this.#oldMatches(joined, rows));
      if (this.#omit === 'new-matches') continue;
      if (this.#omit === 'hops' && joined.link?.parent !== driving.alias) continue;
      parts.push(this.#newMatches(joined, rows) ?? this.#newMatchesByJoin(joined, rows));
    }
    return parts.length === 0 ? undefined : `SELECT DISTINCT * FROM (${parts.join(' UNION ALL ')})`;
  }

  recompute(scope: Scope | undefined): string {
    return renderRows(this.#draft, this.#hidden, (bound) => {
      const where = scope === undefined ? undefined : this.#restriction(bound, scope);
      const { alias, columns } = bound;
      return renderScan(bound.relation, { alias, columns, ...(where ? { where } : {}) });
    });
  }

  #storedKey(bound: BoundRelation): TypedColumn[] {
    return this.#places
      .filter(({ alias }) => alias === bound.alias)
      .flatMap(({ column }) => this.columns[column] ?? []);
  }

  /** Stored rows that a changed row of `joined` went into. Superseded rows may be among them. */
  #oldMatches(joined: BoundRelation, rows: string): string {
    const { key } = joined.relation;
    const changed = `SELECT ${renderKeyItems(quoteColumns(key))} FROM ${rows}`;
    const types = key.map(({ type }) => type);
    const stored = quoteColumns(this.#storedKey(joined));
    const where = renderInKeys(stored, { from: `(${changed})`, types }, this.#omit);
    const items = renderKeyItems(quoteColumns(this.refreshKey));
    return `SELECT ${items} FROM ${this.relation.physical} WHERE ${where}`;
  }

  /**
   * Driving rows that reach a changed row through the joins, hop by hop from the changed end. Reads
   * without FINAL: a key too many is harmless.
   */
  #newMatches(joined: BoundRelation, rows: string): string | undefined {
    let at = joined;
    let source = `${rows} AS ${quoteIdentifier(joined.alias)}`;
    let filter = '';
    while (at.link !== undefined) {
      const { own, other, parent: parentAlias }: Link = at.link;
      const reached = `SELECT ${own.join(', ')} FROM ${source}${filter}`;
      const parent = this.#bound.find(parentAlias);
      source = `${parent.relation.physical} AS ${quoteIdentifier(parent.alias)}`;
      filter = ` WHERE ${renderTuple(other)} IN (${reached})`;
      at = parent;
    }
    if (at !== this.#bound.driving) return undefined;
    return `SELECT ${renderKeyItems(quoteColumns(at.relation.key))} FROM ${source}${filter}`;
  }

  /** The same when a hop is no plain equality: the whole join, with only the changed rows of `joined`. */
  #newMatchesByJoin(joined: BoundRelation, rows: string): string {
    const { driving } = this.#bound;
    const keys = quoteColumns(joined.relation.key);
    const changed = `${renderTuple(keys)} IN (SELECT ${keys.join(', ')} FROM ${rows})`;
    const edits = this.#bound.relations.map((bound): Edit => {
      const { alias, columns } = bound;
      const where = bound === joined ? { where: changed } : {};
      const scan = renderScan(bound.relation, { alias, columns, ...where });
      return { ...bound.span, text: `${scan} AS ${quoteIdentifier(alias)}` };
    });
    const items = driving.relation.key.map(
      (_, index) => `${quoteIdentifier(driving.alias)}.${keyPrefix}${index + 1}`,
    );
    const from = this.#bound.expanded(this.#bound.select.from, edits);
    const matched = `${quoteIdentifier(joined.alias)}.${matchedName} = 1`;
    return `SELECT ${renderKeyItems(items)} FROM ${from} WHERE ${matched}`;
  }

  /** Limits a scan to what the driving rows of `keys` can reach, so that filters get to the index. */
  #restriction(bound: BoundRelation, { keys, isSmall }: Scope): string | undefined {
    const { alias, link, relation } = bound;
    if (bound === this.#bound.driving) {
      return renderInKeys(quoteColumns(relation.key), keys, this.#omit);
    }
    if (isSmall(relation)) return undefined;
    const reachable = link && this.#reachable(link, keys);
    if (reachable === undefined) return undefined;
    const { ownColumns } = link ?? {};
    const leading = relation.key.slice(0, ownColumns?.length ?? 0).map(({ name }) => name);
    const isIndexed = ownColumns?.every((name) => leading.includes(name)) ?? false;
    const indexed = relation.key.filter(({ type }) => !isNullable(type));
    if (isIndexed || indexed.length === 0 || !relation.isKeyed) return reachable;
    // Under FINAL only conditions on the key are checked before all columns are read.
    const names = quoteColumns(indexed);
    const source = `${relation.physical} AS ${quoteIdentifier(alias)}`;
    return `${renderTuple(names)} IN (SELECT ${names.join(', ')} FROM ${source} WHERE ${reachable})`;
  }

  #reachable(link: Link, keys: KeySet): string {
    const parent = this.#bound.find(link.parent);
    const isDriving = parent === this.#bound.driving;
    const inner = isDriving
      ? renderInKeys(quoteColumns(parent.relation.key), keys, this.#omit)
      : parent.link && this.#reachable(parent.link, keys);
    const where = inner === undefined ? '' : ` WHERE ${inner}`;
    const source = `${parent.relation.physical} AS ${quoteIdentifier(parent.alias)}${where}`;
    return `${renderTuple(link.own)} IN (SELECT ${link.other.join(', ')} FROM ${source})`;
  }
}

/** Finds each relation's key among the outputs, and names a hidden column for every part that is not there. */
function placeKeys(draft: RowDraft, visible: number): { places: KeyPlace[]; hidden: string[] } {
  const { bound } = draft;
  const { items } = bound.select;
  const places: KeyPlace[] = [];
  const hidden: string[] = [];
  const hasOutputs = draft.items === undefined && !items.some((item) => item.isStar);
  for (const { alias, relation } of bound.relations) {
    for (const [part, key] of relation.key.entries()) {
      const output = items.findIndex((item) => {
        const use = bound.plainColumn(item.expression);
        return use?.name === key.name && bound.ownerOf(use) === alias;
      });
      if (hasOutputs && output >= 0) {
        places.push({ alias, part, column: output });
        continue;
      }
      places.push({ alias, part, column: visible + hidden.length });
      const name = quoteIdentifier(`${hiddenPrefix}${alias}_${key.name}`);
      hidden.push(`${quoteIdentifier(alias)}.${keyPrefix}${part + 1} AS ${name}`);
    }
  }
  return { places, hidden };
}

function renderRows(
  draft: RowDraft,
  hidden: readonly string[],
  scanOf: (bound: BoundRelation) => string,
): string {
  const { bound, items } = draft;
  const { select } = bound;
  const edits: Edit[] = bound.relations.map((relation) => {
    return { ...relation.span, text: `${scanOf(relation)} AS ${quoteIdentifier(relation.alias)}` };
  });
  const except = starWithoutKeys(bound.relations.map(({ relation }) => relation));
  for (const item of select.items) {
    if (item.isStar) edits.push({ start: item.end, end: item.end, text: except });
  }
  // Without the model's own list its aliases are gone; conditions that use one get what it stands for.
  const aliases = (span: { start: number; end: number }) => (items ? bound.aliasEdits(span) : []);
  const list = [items?.join(', ') ?? bound.text(select.itemList, edits), ...hidden].join(', ');
  const from = bound.text(select.from, [...edits, ...aliases(select.from)]);
  const where = select.where ? ` WHERE ${bound.text(select.where, aliases(select.where))}` : '';
  return `SELECT ${list} FROM ${from}${where}`;
}
