import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { NodeTables } from '../layer-names.ts';
import type { BoundRelation, BoundSelect, BoundSet } from '../model/binding.ts';
import type { Link } from '../model/join-link.ts';
import { type KeyPlace, placeKeys } from '../model/key-places.ts';
import {
  isNullable,
  keyPrefix,
  matchedName,
  type Relation,
  renderEmptyScan,
  renderEmptyTable,
  renderRows,
  renderScan,
  type TypedColumn,
} from '../model/relation.ts';
import { type Edit, quoteNames, renderTuple } from '../text/sql-text.ts';
import { columnLookup, type Lookup } from './lookups.ts';
import {
  type Changes,
  type KeySet,
  type MaintainedNode,
  type NodeOptions,
  nodeRelation,
  type Omission,
  quoteColumns,
  renderInKeys,
  renderKeyItems,
  type Scope,
} from './maintained-node.ts';
import { type NodeSource, rowSources } from './node-sources.ts';
import { renderSelect, renderSource, setEdits } from './row-select.ts';

/** The query whose DESCRIBE gives the columns of the rows; reads no table. */
export function describeRows(bound: BoundSelect): string {
  const { hidden } = placeKeys(bound, 0);
  const sets = setEdits(
    bound,
    ({ relation }) => `SELECT * FROM ${renderEmptyTable(relation.columns)}`,
  );
  return renderSelect(bound, { hidden, sets }, ({ relation, columns }) =>
    renderEmptyScan(relation, columns),
  );
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
  readonly #bound: BoundSelect;
  readonly #hidden: readonly string[];
  readonly #places: readonly KeyPlace[];
  readonly #omit: Omission | undefined;

  constructor(bound: BoundSelect, options: NodeOptions) {
    const { columns, tables, omit } = options;
    this.#bound = bound;
    this.#omit = omit;
    this.columns = columns;
    this.tables = tables;
    const visible = columns.length - placeKeys(bound, 0).hidden.length;
    const { places, hidden } = placeKeys(bound, visible);
    this.#places = places;
    this.#hidden = hidden;
    this.refreshKey = this.#storedKey(bound.driving);
    const multiplying = bound.joined.filter((joined) => !joined.isSingleMatch);
    const key = [...this.refreshKey, ...multiplying.flatMap((joined) => this.#storedKey(joined))];
    this.relation = nodeRelation(options, columns.slice(0, visible), key);
    this.reads = bound.reads;
  }

  get sources(): readonly NodeSource[] {
    return rowSources(this.#bound, this.columns, (bound) => this.#storedKey(bound));
  }

  /** Stored rows by the key of a row they were made of, rows on the way by what is joined to them or asked of a set. */
  get lookups(): readonly Lookup[] {
    const asking = this.#bound.sets.flatMap((set) => {
      const owner = this.#ownerOf(set);
      if (owner === undefined || set.operand === undefined) return [];
      return columnLookup(owner.relation, this.#bound.text(set.operand)) ?? [];
    });
    return [...asking, ...this.#joinLookups()];
  }

  #joinLookups(): Lookup[] {
    return this.#bound.joined.flatMap((joined) => {
      const [stored, ...others] = quoteColumns(this.#storedKey(joined));
      const isOne = stored !== undefined && others.length === 0;
      const own = isOne ? columnLookup(this.relation, stored) : undefined;
      const { other = [], parent = '' } = joined.link ?? {};
      const [column = ''] = other;
      const onTheWay =
        other.length === 1 ? columnLookup(this.#bound.find(parent).relation, column) : undefined;
      return [own ?? [], onTheWay ?? []].flat();
    });
  }

  affectedKeys(changes: Changes): string | undefined {
    const { driving, joined, sets } = this.#bound;
    const parts: string[] = [];
    const drivingRows = changes.rowsOf(driving.relation);
    if (drivingRows !== undefined) {
      const keys = quoteColumns(driving.relation.key);
      parts.push(`SELECT ${renderKeyItems(keys)} FROM ${drivingRows}`);
    }
    for (const each of joined) {
      const rows = changes.rowsOf(each.relation);
      if (rows === undefined) continue;
      if (this.#omit !== 'old-matches') parts.push(this.#oldMatches(each, rows));
      if (this.#omit === 'new-matches') continue;
      if (this.#omit === 'hops' && each.link?.parent !== driving.alias) continue;
      const source = `${rows} AS ${quoteIdentifier(each.alias)}`;
      parts.push(this.#reaching(each, source, '') ?? this.#newMatchesByJoin(each, rows));
    }
    for (const set of sets) {
      const rows = changes.rowsOf(set.relation);
      if (rows !== undefined && this.#omit !== 'sets') parts.push(this.#askers(set, rows));
    }
    return parts.length === 0 ? undefined : `SELECT DISTINCT * FROM (${parts.join(' UNION ALL ')})`;
  }

  recompute(scope: Scope | undefined): string {
    const sets = setEdits(this.#bound, (set) => {
      const where = scope === undefined ? undefined : this.#askedValues(set, scope);
      const rows = renderRows(set.relation).slice(1, -1);
      return where === undefined ? rows : `${rows} WHERE ${where}`;
    });
    return renderSelect(this.#bound, { hidden: this.#hidden, sets }, (bound) => {
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
   * Driving rows that reach rows of `start` through the joins, hop by hop from there. Reads without FINAL:
   * a key too many is harmless. Undefined when a hop is no plain equality.
   */
  #reaching(start: BoundRelation, from: string, where: string): string | undefined {
    let at = start;
    let source = from;
    let filter = where;
    while (at.link !== undefined) {
      const { own, other, parent: parentAlias }: Link = at.link;
      const reached = `SELECT ${own.join(', ')} FROM ${source}${filter}`;
      const parent = this.#bound.find(parentAlias);
      source = renderSource(parent);
      filter = ` WHERE ${renderTuple(other)} IN (${reached})`;
      at = parent;
    }
    if (at !== this.#bound.driving) return undefined;
    return `SELECT ${renderKeyItems(quoteColumns(at.relation.key))} FROM ${source}${filter}`;
  }

  /** New matches when a hop is no plain equality: the whole join, with only the changed rows of `joined`. */
  #newMatchesByJoin(joined: BoundRelation, rows: string): string {
    const { driving } = this.#bound;
    const keys = quoteColumns(joined.relation.key);
    const changed = `${renderTuple(keys)} IN (SELECT ${keys.join(', ')} FROM ${rows})`;
    const edits = this.#bound.relations.map((bound): Edit => {
      const { alias, columns } = bound;
      const where = bound === joined && keys.length > 0 ? { where: changed } : {};
      const scan = renderScan(bound.relation, { alias, columns, ...where });
      return { ...bound.span, text: `${scan} AS ${quoteIdentifier(alias)}` };
    });
    const sets = setEdits(this.#bound, ({ relation }) => renderRows(relation).slice(1, -1));
    const items = driving.relation.key.map(
      (_, index) => `${quoteIdentifier(driving.alias)}.${keyPrefix}${index + 1}`,
    );
    const from = this.#bound.expanded(this.#bound.select.from, [...edits, ...sets]);
    const matched = `${quoteIdentifier(joined.alias)}.${matchedName} = 1`;
    return `SELECT ${renderKeyItems(items)} FROM ${from} WHERE ${matched}`;
  }

  /**
   * Driving rows that ask a set for a value which came to it or went. A row that asked for another value
   * before has changed itself, or a row joined to it has, so only what rows ask for now matters.
   */
  #askers(set: BoundSet, rows: string): string {
    const { driving } = this.#bound;
    const everything = `SELECT ${renderKeyItems(quoteColumns(driving.relation.key))} FROM ${driving.relation.physical}`;
    const owner = this.#ownerOf(set);
    if (set.operand === undefined || owner === undefined) return everything;
    const names = quoteNames(set.relation.columns.map(({ name }) => name));
    const where = ` WHERE ${this.#bound.expanded(set.operand)} IN (SELECT ${names} FROM ${rows})`;
    // Without a match the operand is NULL, which is in no set and no set is without; an expression need not be.
    const isPlain = this.#bound.plainColumn(set.operand) !== undefined;
    if (owner !== driving && !isPlain && this.#isOuter(owner)) return everything;
    return this.#reaching(owner, renderSource(owner), where) ?? everything;
  }

  /** Limits a set to the values that the driving rows of `keys` can ask for. */
  #askedValues(set: BoundSet, scope: Scope): string | undefined {
    const owner = this.#ownerOf(set);
    if (set.operand === undefined || owner === undefined || scope.isSmall(set.relation)) {
      return undefined;
    }
    const { driving } = this.#bound;
    const isAsked =
      owner === driving
        ? renderInKeys(quoteColumns(driving.relation.key), scope.keys, this.#omit)
        : owner.link && this.#reachable(owner.link, scope.keys);
    if (isAsked === undefined || (owner !== driving && this.#isOuter(owner))) return undefined;
    const names = set.relation.columns.map(({ name }) => quoteIdentifier(name));
    const operand = this.#bound.expanded(set.operand);
    const asked = `SELECT ${operand} FROM ${renderSource(owner)} WHERE ${isAsked}`;
    return `${renderTuple(names)} IN (${asked})`;
  }

  /** The one relation whose columns are looked up in a set. */
  #ownerOf({ owners }: BoundSet): BoundRelation | undefined {
    const [alias] = owners ?? [];
    return owners?.size === 1 && alias !== undefined ? this.#bound.find(alias) : undefined;
  }

  /** Some driving rows have no row of it. */
  #isOuter(bound: BoundRelation): boolean {
    if (bound.join === 'left') return true;
    const parent = bound.link && this.#bound.find(bound.link.parent);
    return parent !== undefined && this.#isOuter(parent);
  }

  /** Limits a scan to what the driving rows of `keys` can reach, so that filters get to the index. */
  #restriction(bound: BoundRelation, { keys, isSmall }: Scope): string | undefined {
    const { link, relation } = bound;
    if (bound === this.#bound.driving) {
      if (relation.key.length === 0) return undefined;
      return renderInKeys(quoteColumns(relation.key), keys, this.#omit);
    }
    if (isSmall(relation)) return undefined;
    const reachable = link && this.#reachable(link, keys);
    if (reachable === undefined) return undefined;
    const { ownColumns } = link ?? {};
    const leading = relation.key.slice(0, ownColumns?.length ?? 0).map(({ name }) => name);
    const isIndexed = ownColumns?.every((name) => leading.includes(name)) ?? false;
    const indexed = relation.key.filter(({ type }) => !isNullable(type));
    if (isIndexed || indexed.length === 0) return reachable;
    // Under FINAL only conditions on the key are checked before all columns are read.
    const names = quoteColumns(indexed);
    return `${renderTuple(names)} IN (SELECT ${names.join(', ')} FROM ${renderSource(bound)} WHERE ${reachable})`;
  }

  #reachable(link: Link, keys: KeySet): string {
    const parent = this.#bound.find(link.parent);
    const isDriving = parent === this.#bound.driving;
    const inner = isDriving
      ? renderInKeys(quoteColumns(parent.relation.key), keys, this.#omit)
      : parent.link && this.#reachable(parent.link, keys);
    const where = inner === undefined ? '' : ` WHERE ${inner}`;
    const source = `${renderSource(parent)}${where}`;
    return `${renderTuple(link.own)} IN (SELECT ${link.other.join(', ')} FROM ${source})`;
  }
}
