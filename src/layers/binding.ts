import { quoteIdentifier } from '../engine/sql-quote.ts';
import type { Relation, TypedColumn } from './relation.ts';
import type { FromRelation, SelectText } from './select-text.ts';
import type { ColumnUse } from './sql-parser.ts';
import { type Edit, renderSpan, type Span } from './sql-text.ts';

/** A relation of FROM with its alias and the way it hangs on the others. */
export interface BoundRelation {
  readonly alias: string;
  readonly relation: Relation;
  readonly join: FromRelation['join'];
  readonly span: Span;
  /** The columns of it that the model can mean. */
  readonly columns: readonly TypedColumn[];
  /** How its rows are found from one earlier relation; absent when no plain equality says so. */
  readonly link?: Link;
  /** Its whole key is given by equalities, so the join cannot multiply rows. */
  readonly isSingleMatch: boolean;
}

/** Equalities `own[i] = other[i]`; each side touches only its own relation. */
export interface Link {
  readonly parent: string;
  readonly own: readonly string[];
  readonly other: readonly string[];
  /** Names of the own sides, when all of them are plain columns. */
  readonly ownColumns?: readonly string[];
}

/** A SELECT whose table names and columns are resolved. */
export class BoundSelect {
  readonly select: SelectText;
  readonly relations: readonly BoundRelation[];
  readonly #sources: readonly { alias: string; relation: Relation; using: readonly string[] }[];

  constructor(select: SelectText, lookup: (name: string) => Relation) {
    this.select = select;
    this.#sources = select.relations.map(({ name, alias, using }) => {
      return { alias, relation: lookup(name), using };
    });
    this.relations = select.relations.map((from, index) => this.#bind(from, index));
  }

  get driving(): BoundRelation {
    return this.relation(0);
  }

  get joined(): readonly BoundRelation[] {
    return this.relations.slice(1);
  }

  find(alias: string): BoundRelation {
    return this.relation(this.relations.findIndex((bound) => bound.alias === alias));
  }

  private relation(index: number): BoundRelation {
    const bound = this.relations[index];
    if (bound === undefined) throw new Error('a SELECT without relations was bound');
    return bound;
  }

  /** Alias of the relation a column belongs to; undefined for select aliases and lambda arguments. */
  ownerOf(use: ColumnUse): string | undefined {
    const owners = this.#sources.filter(({ alias, relation }) => {
      if (use.table !== undefined) return use.table === alias;
      return relation.columns.some(({ name }) => name === use.name);
    });
    return owners[0]?.alias;
  }

  usesIn(span: Span): ColumnUse[] {
    const { columns } = this.select.parsed;
    return columns.filter((use) => use.start >= span.start && use.end <= span.end);
  }

  /** The column that an expression is, when it is nothing else. */
  plainColumn(span: Span): ColumnUse | undefined {
    return this.usesIn(span).find((use) => use.start === span.start && use.end === span.end);
  }

  text(span: Span, edits: readonly Edit[] = []): string {
    return renderSpan(this.select.parsed.sql, span, edits);
  }

  /** An expression written out in columns only: aliases of the SELECT list are replaced by what they stand for. */
  expanded(span: Span, edits: readonly Edit[] = []): string {
    return this.text(span, [...edits, ...this.aliasEdits(span, edits)]);
  }

  aliasEdits(span: Span, edits: readonly Edit[] = []): Edit[] {
    return this.usesIn(span).flatMap((use) => {
      if (use.table !== undefined || this.ownerOf(use) !== undefined) return [];
      const item = this.select.items.find(({ alias }) => alias === use.name);
      const isInside = item && use.start >= item.start && use.end <= item.end;
      if (item === undefined || isInside) return [];
      const text = `(${this.expanded(item.expression, edits)})`;
      return [{ start: use.start, end: use.end, text }];
    });
  }

  #bind(from: FromRelation, index: number): BoundRelation {
    const { alias, join, span } = from;
    const relation = this.#sources[index]?.relation;
    if (relation === undefined) throw new Error('a relation without a source was bound');
    const equalities = [...this.#usingEqualities(from, index), ...this.#onEqualities(from, index)];
    const given = new Set(equalities.map(({ ownColumn }) => ownColumn));
    const link = linkOf(equalities, this.#sources[0]?.alias);
    return {
      alias,
      relation,
      join,
      span,
      columns: this.#usedColumns(relation),
      ...(link === undefined ? {} : { link }),
      isSingleMatch:
        relation.key.length > 0 && relation.key.every((column) => given.has(column.name)),
    };
  }

  /** By name alone: a column too many costs nothing, one too few would be an error. */
  #usedColumns(relation: Relation): TypedColumn[] {
    const { items, parsed } = this.select;
    if (items.some((item) => item.isStar)) return [...relation.columns];
    const names = new Set(parsed.tokens.map((token) => token.text));
    return relation.columns.filter(({ name }) => names.has(name));
  }

  #usingEqualities(from: FromRelation, index: number): Equality[] {
    return from.using.flatMap((name) => {
      const parent = this.#sources
        .slice(0, index)
        .find(({ relation }) => relation.columns.some((column) => column.name === name));
      if (parent === undefined) return [];
      const own = `${quoteIdentifier(from.alias)}.${quoteIdentifier(name)}`;
      const other = `${quoteIdentifier(parent.alias)}.${quoteIdentifier(name)}`;
      return [{ parent: parent.alias, own, other, ownColumn: name }];
    });
  }

  #onEqualities(from: FromRelation, index: number): Equality[] {
    const earlier = new Set(this.#sources.slice(0, index).map(({ alias }) => alias));
    return from.conditions.flatMap(({ sides }) => {
      if (sides === undefined) return [];
      for (const [own, other] of [sides, [sides[1], sides[0]] as const]) {
        const owners = this.#ownersIn(own);
        const others = this.#ownersIn(other);
        if (owners === undefined || others === undefined) continue;
        if (owners.size !== 1 || !owners.has(from.alias) || others.has(from.alias)) continue;
        const plain = this.plainColumn(own)?.name;
        const [parent] = others;
        const isLink = others.size === 1 && parent !== undefined && earlier.has(parent);
        const texts = { own: this.text(own), other: this.text(other) };
        return [
          { ...texts, ...(isLink ? { parent } : {}), ...(plain ? { ownColumn: plain } : {}) },
        ];
      }
      return [];
    });
  }

  /** Aliases an expression touches; undefined when a column in it cannot be placed. */
  #ownersIn(span: Span): Set<string> | undefined {
    const owners = this.usesIn(span).map((use) => this.ownerOf(use));
    const known = owners.filter((owner) => owner !== undefined);
    return known.length === owners.length ? new Set(known) : undefined;
  }
}

interface Equality {
  readonly parent?: string;
  readonly own: string;
  readonly other: string;
  readonly ownColumn?: string;
}

/** All equalities with one parent; the driving relation is the nearest one there is. */
function linkOf(equalities: readonly Equality[], driving: string | undefined): Link | undefined {
  const parents = equalities.flatMap(({ parent }) => parent ?? []);
  const parent = parents.find((alias) => alias === driving) ?? parents[0];
  if (parent === undefined) return undefined;
  const chosen = equalities.filter((equality) => equality.parent === parent);
  const columns = chosen.flatMap(({ ownColumn }) => ownColumn ?? []);
  return {
    parent,
    own: chosen.map(({ own }) => own),
    other: chosen.map(({ other }) => other),
    ...(columns.length === chosen.length ? { ownColumns: columns } : {}),
  };
}
