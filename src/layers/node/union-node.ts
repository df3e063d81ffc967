import { quoteString } from '../../engine/sql-quote.ts';
import type { NodeTables } from '../layer-names.ts';
import {
  hiddenPrefix,
  type Relation,
  renderEmptyTable,
  type TypedColumn,
} from '../model/relation.ts';
import { quoteNames } from '../text/sql-text.ts';
import {
  type Changes,
  type MaintainedNode,
  type NodeOptions,
  nodeRelation,
  type Omission,
  quoteColumns,
  renderInKeys,
  type Scope,
} from './maintained-node.ts';
import type { NodeSource } from './node-sources.ts';

/** The relations below UNION ALL, in order. */
export interface UnionDraft {
  readonly branches: readonly Relation[];
}

/** The query whose DESCRIBE gives the columns of the union; reads no table. */
export function describeUnion({ branches }: UnionDraft): string {
  const slots = keySlots(branches);
  return branches
    .map((branch, index) => {
      const all = [...branch.columns, ...branch.key.filter(({ name }) => !hasColumn(branch, name))];
      return renderBranch(branch, index, slots, renderEmptyTable(all));
    })
    .join(' UNION ALL ');
}

/**
 * UNION ALL of models or stages. A row is identified by the number of its branch and the key it has there.
 * Keys of branches share columns of equal type; a column that a branch does not need has its default there.
 */
export class UnionNode implements MaintainedNode {
  readonly relation: Relation;
  readonly columns: readonly TypedColumn[];
  readonly refreshKey: readonly TypedColumn[];
  readonly reads: readonly string[];
  readonly tables: NodeTables;
  readonly #branches: readonly Relation[];
  readonly #slots: Slots;
  readonly #omit: Omission | undefined;

  constructor({ branches }: UnionDraft, options: NodeOptions) {
    const { columns, tables, omit } = options;
    this.#branches = branches;
    this.#slots = keySlots(branches);
    this.#omit = omit;
    this.columns = columns;
    this.tables = tables;
    const visible = columns.length - this.#slots.types.length - 1;
    this.refreshKey = columns.slice(visible);
    this.relation = nodeRelation(options, columns.slice(0, visible), this.refreshKey);
    this.reads = [...new Set(branches.map((branch) => branch.name))];
  }

  /** The one row of one branch. */
  get sources(): readonly NodeSource[] {
    const [number, ...slots] = this.refreshKey;
    return this.#branches.map((branch, index): NodeSource => {
      const equal = branch.key.flatMap(({ name, type }, part) => {
        const stored = slots[this.#slots.places[index]?.[part] ?? -1];
        return stored === undefined ? [] : [{ expression: quoteNames([name]), type, stored }];
      });
      const own = { expression: branchNumber(index), type: 'UInt16' };
      const isBranch = number === undefined ? [] : [{ ...own, stored: number }];
      const reads = branch.columns.flatMap(({ name }, column) => {
        const stored = this.relation.columns[column]?.name;
        return stored === undefined ? [] : [{ stored, column: name, isPlain: true }];
      });
      const { columns } = branch;
      const alias = `branch ${index + 1}`;
      return { relation: branch, alias, equal: [...isBranch, ...equal], columns, reads };
    });
  }

  affectedKeys(changes: Changes): string | undefined {
    const parts = this.#branches.flatMap((branch, index) => {
      const rows = changes.rowsOf(branch);
      if (rows === undefined) return [];
      const items = slotValues(branch, index, this.#slots);
      const keys = items.map((item, slot) => `${item} AS k${slot + 2}`);
      return [`SELECT ${[`${branchNumber(index)} AS k1`, ...keys].join(', ')} FROM ${rows}`];
    });
    return parts.length === 0 ? undefined : `SELECT DISTINCT * FROM (${parts.join(' UNION ALL ')})`;
  }

  recompute(scope: Scope | undefined): string {
    const branches = this.#branches.map((branch, index) => {
      const where = scope === undefined ? '' : ` WHERE ${this.#restriction(branch, index, scope)}`;
      return renderBranch(branch, index, this.#slots, `${branch.physical} FINAL${where}`);
    });
    return branches.join(' UNION ALL ');
  }

  #restriction(branch: Relation, index: number, { keys }: Scope): string {
    const places = this.#slots.places[index] ?? [];
    const asked = places.map((slot, part) => `k${slot + 2} AS k${part + 1}`);
    const from = `(SELECT * FROM ${keys.from}) WHERE k1 = ${index + 1}`;
    if (asked.length === 0) return `(SELECT count() FROM ${from}) > 0`;
    const types = branch.key.map(({ type }) => type);
    const set = { from: `(SELECT ${asked.join(', ')} FROM ${from})`, types };
    return renderInKeys(quoteColumns(branch.key), set, this.#omit);
  }
}

interface Slots {
  readonly types: readonly string[];
  /** Of each branch, for each part of its key: the slot that holds it. */
  readonly places: readonly (readonly number[])[];
}

/** Each part of a branch's key gets the first column of its type that the branch has not used yet. */
function keySlots(branches: readonly Relation[]): Slots {
  const types: string[] = [];
  const places = branches.map(({ key }) => {
    const own: number[] = [];
    for (const { type } of key) {
      const free = types.findIndex((other, slot) => other === type && !own.includes(slot));
      if (free < 0) types.push(type);
      own.push(free < 0 ? types.length - 1 : free);
    }
    return own;
  });
  return { types, places };
}

function renderBranch(branch: Relation, index: number, slots: Slots, from: string): string {
  const number = `${branchNumber(index)} AS ${hiddenPrefix}branch`;
  const keys = slotValues(branch, index, slots).map((value, slot) => {
    return `${value} AS ${hiddenPrefix}part_${slot + 1}`;
  });
  const names = branch.columns.map(({ name }) => quoteNames([name]));
  return `SELECT ${[...names, number, ...keys].join(', ')} FROM ${from}`;
}

function branchNumber(index: number): string {
  return `toUInt16(${index + 1})`;
}

function slotValues(branch: Relation, index: number, slots: Slots): string[] {
  return slots.types.map((type, slot) => {
    const part = slots.places[index]?.indexOf(slot) ?? -1;
    const column = branch.key[part];
    if (column !== undefined) return quoteNames([column.name]);
    return `CAST(defaultValueOfTypeName(${quoteString(type)}) AS ${type})`;
  });
}

function hasColumn({ columns }: Relation, name: string): boolean {
  return columns.some((column) => column.name === name);
}
