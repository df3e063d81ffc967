import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { FromRelation } from '../text/from-text.ts';
import type { BoundSelect } from './binding.ts';
import type { Relation } from './relation.ts';

/** Equalities `own[i] = other[i]`; each side touches only its own relation. */
export interface Link {
  readonly parent: string;
  readonly own: readonly string[];
  readonly other: readonly string[];
  /** Names of the own sides, when all of them are plain columns. */
  readonly ownColumns?: readonly string[];
}

interface Equality {
  readonly parent?: string;
  readonly own: string;
  readonly other: string;
  readonly ownColumn?: string;
  /** The other side is NULL where its relation has no row, and so equals nothing. */
  readonly isNullWithout: boolean;
}

interface Source {
  readonly alias: string;
  readonly relation: Relation;
}

/** For each relation of FROM how it hangs on an earlier one, and its columns that equalities give. */
export function linksOf(
  bound: BoundSelect,
  relations: readonly FromRelation[],
  sources: readonly Source[],
): { link?: Link; given: ReadonlySet<string> }[] {
  return relations.map((from, index) => {
    const earlier = sources.slice(0, index);
    const all = [...usingEqualities(from, earlier), ...onEqualities(bound, from, earlier)];
    const given = new Set(all.flatMap(({ ownColumn }) => ownColumn ?? []));
    // What is made of a row that a LEFT JOIN did not find may be a value all the same: `ifNull(b.x, 2)`.
    const optional = new Set(
      relations.flatMap(({ join, alias }) => (join === 'left' ? [alias] : [])),
    );
    const isSafe = (parent: string) =>
      !optional.has(parent) || all.some((each) => each.parent === parent && each.isNullWithout);
    const link = linkOf(
      all.filter(({ parent }) => parent === undefined || isSafe(parent)),
      sources[0]?.alias,
    );
    return { given, ...(link === undefined ? {} : { link }) };
  });
}

function usingEqualities(from: FromRelation, earlier: readonly Source[]): Equality[] {
  return from.using.flatMap((name) => {
    const parent = earlier.find(({ relation }) =>
      relation.columns.some((column) => column.name === name),
    );
    if (parent === undefined) return [];
    const own = `${quoteIdentifier(from.alias)}.${quoteIdentifier(name)}`;
    const other = `${quoteIdentifier(parent.alias)}.${quoteIdentifier(name)}`;
    return [{ parent: parent.alias, own, other, ownColumn: name, isNullWithout: true }];
  });
}

/** An inner join may have its equalities in WHERE just as well. */
function onEqualities(
  bound: BoundSelect,
  from: FromRelation,
  earlier: readonly Source[],
): Equality[] {
  const names = new Set(earlier.map(({ alias }) => alias));
  const filters = from.join === 'inner' ? bound.select.filters : [];
  return [...from.conditions, ...filters].flatMap(({ sides }) => {
    if (sides === undefined) return [];
    for (const [own, other] of [sides, [sides[1], sides[0]] as const]) {
      const owners = directOwners(bound, own);
      const others = directOwners(bound, other);
      if (owners === undefined || others === undefined) continue;
      if (owners.size !== 1 || !owners.has(from.alias) || others.has(from.alias)) continue;
      if ([...others].some((alias) => !names.has(alias))) continue;
      const plain = bound.plainColumn(own)?.name;
      const [parent] = others;
      const isLink = others.size === 1 && parent !== undefined;
      const isNullWithout = bound.plainColumn(other) !== undefined;
      const texts = { own: bound.text(own), other: bound.text(other), isNullWithout };
      return [{ ...texts, ...(isLink ? { parent } : {}), ...(plain ? { ownColumn: plain } : {}) }];
    }
    return [];
  });
}

/** Aliases an expression touches; undefined when a column in it is none of a relation. */
function directOwners(bound: BoundSelect, span: { start: number; end: number }) {
  const owners = bound.usesIn(span).map((use) => bound.ownerOf(use));
  const known = owners.filter((owner) => owner !== undefined);
  return known.length === owners.length ? new Set(known) : undefined;
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
