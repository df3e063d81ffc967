import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { FromRelation } from '../text/from-text.ts';
import type { SelectText } from '../text/select-text.ts';
import type { SetUse } from '../text/set-text.ts';
import type { ColumnUse } from '../text/sql-parser.ts';
import { type Edit, renderSpan, type Span } from '../text/sql-text.ts';
import { type Link, linksOf } from './join-link.ts';
import type { Relation, TypedColumn } from './relation.ts';

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

/** A set or value that the SELECT asks for, with the relation that has it. */
export interface BoundSet extends SetUse {
  readonly relation: Relation;
  /** Aliases that the operand touches; undefined when that is not known. */
  readonly owners: ReadonlySet<string> | undefined;
}

/** A piece of an expression that means the same wherever it has the same text. */
export interface Unit extends Span {
  readonly text: string;
}

/** A SELECT whose table names and columns are resolved. */
export class BoundSelect {
  readonly select: SelectText;
  readonly relations: readonly BoundRelation[];
  readonly sets: readonly BoundSet[];
  readonly #sources: readonly { alias: string; relation: Relation }[];

  constructor(select: SelectText, lookup: (name: string) => Relation) {
    this.select = select;
    this.#sources = select.relations.map(({ name, alias }) => ({ alias, relation: lookup(name) }));
    const links = linksOf(this, select.relations, this.#sources);
    this.relations = select.relations.map(({ alias, join, span }, index): BoundRelation => {
      const relation = lookup(select.relations[index]?.name ?? '');
      const { link, given } = links[index] ?? { given: new Set() };
      return {
        alias,
        relation,
        join,
        span,
        columns: this.#usedColumns(relation),
        ...(link === undefined ? {} : { link }),
        isSingleMatch: relation.key.every((column) => given.has(column.name)),
      };
    });
    this.sets = select.sets.map((set) => {
      const owners = set.operand && this.ownersIn(set.operand);
      return { ...set, relation: lookup(set.name), owners };
    });
  }

  get driving(): BoundRelation {
    return this.#relation(0);
  }

  get joined(): readonly BoundRelation[] {
    return this.relations.slice(1);
  }

  /** Names of everything it reads. */
  get reads(): string[] {
    const all = [...this.relations, ...this.sets].map(({ relation }) => relation.name);
    return [...new Set(all)];
  }

  find(alias: string): BoundRelation {
    return this.#relation(this.relations.findIndex((bound) => bound.alias === alias));
  }

  #relation(index: number): BoundRelation {
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

  /** Aliases an expression touches, also through names of the SELECT list; undefined when one is unknown. */
  ownersIn(span: Span): ReadonlySet<string> | undefined {
    const owners = new Set<string>();
    for (const use of this.usesIn(span)) {
      const owner = this.ownerOf(use);
      const item = owner === undefined ? this.itemCalled(use) : undefined;
      const inner = item && this.ownersIn(item.expression);
      if (owner === undefined && inner === undefined) return undefined;
      for (const each of inner ?? [owner ?? '']) owners.add(each);
    }
    return owners;
  }

  /** The item of the SELECT list that a name without an owner means. */
  itemCalled(use: ColumnUse) {
    if (use.table !== undefined || this.ownerOf(use) !== undefined) return undefined;
    const item = this.select.items.find(({ alias }) => alias === use.name);
    const isInside = item && use.start >= item.start && use.end <= item.end;
    return isInside ? undefined : item;
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
      const item = this.itemCalled(use);
      if (item === undefined) return [];
      const text = `(${this.expanded(item.expression, edits)})`;
      return [{ start: use.start, end: use.end, text }];
    });
  }

  /** `GROUP BY 2` and `ORDER BY 2` mean the second item, and the name of an item means it. */
  meant(span: Span): Span {
    const text = this.text(span);
    const use = this.plainColumn(span);
    const named = use && this.itemCalled(use);
    const item = /^\d+$/.test(text) ? this.select.items[Number(text) - 1] : named;
    return item?.expression ?? span;
  }

  /** Equal for expressions that differ in spelling only: spaces, aliases, parentheses around the whole. */
  canonical(span: Span): string {
    const texts = this.units(span).map(({ text }) => text);
    while (texts[0] === '(' && closesAtEnd(texts)) {
      texts.shift();
      texts.pop();
    }
    return texts.join(' ');
  }

  units(span: Span): Unit[] {
    const uses = new Map(this.usesIn(span).map((use) => [use.start, use]));
    const units: Unit[] = [];
    let at = span.start;
    for (const token of this.select.parsed.tokens) {
      if (token.start < at || token.end > span.end) continue;
      const use = uses.get(token.start);
      const { start } = token;
      const end = use?.end ?? token.end;
      const text = use ? this.#canonicalColumn(use) : this.text(token);
      units.push({ start, end, text });
      at = end;
    }
    return units;
  }

  #canonicalColumn(use: ColumnUse): string {
    const owner = this.ownerOf(use);
    const item = this.itemCalled(use);
    if (item !== undefined) {
      const text = this.canonical(item.expression);
      return this.units(item.expression).length > 1 ? `( ${text} )` : text;
    }
    const name = quoteIdentifier(use.name);
    return owner === undefined ? name : `${quoteIdentifier(owner)}.${name}`;
  }

  /** By name alone: a column too many costs nothing, one too few would be an error. */
  #usedColumns(relation: Relation): TypedColumn[] {
    const { items, parsed } = this.select;
    if (items.some((item) => item.isStar)) return [...relation.columns];
    const names = new Set(parsed.tokens.map((token) => token.text));
    return relation.columns.filter(({ name }) => names.has(name));
  }
}

function closesAtEnd(texts: readonly string[]): boolean {
  let depth = 0;
  for (const [index, text] of texts.entries()) {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth === 0) return index === texts.length - 1;
  }
  return false;
}
