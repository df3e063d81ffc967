import type { Influence } from './origin.ts';
import type { ColumnPart } from './query-tree.ts';
import type { ScopeSource } from './scope.ts';

/** A place of the text that names a column of a table. */
export interface Mention {
  readonly table: string;
  readonly column: string;
  readonly at: number;
  /** What it does where it stands; `identity` in a list of outputs. */
  readonly role: Influence;
  /** By `*`, or one of many that a name may mean: the column's own name is not there. */
  readonly isImplied: boolean;
}

/** Notes the columns of tables as they are come upon, with the clause that is being looked at. */
export class MentionLog {
  readonly mentions: Mention[] = [];
  /** Names that could not be placed. */
  readonly unresolved: ColumnPart[] = [];
  /** Undefined while something is looked at once more. */
  #role: Influence | undefined = 'identity';

  note({ table }: ScopeSource, column: string, at: number, isImplied = false): void {
    if (table === undefined || this.#role === undefined) return;
    this.mentions.push({ table, column, at, role: this.#role, isImplied });
  }

  noteUnresolved(part: ColumnPart): void {
    this.unresolved.push(part);
  }

  as<T>(role: Influence, work: () => T): T {
    return this.#withRole(this.#role === undefined ? undefined : role, work);
  }

  quietly<T>(work: () => T): T {
    return this.#withRole(undefined, work);
  }

  /** For what is noted once only, wherever it is first read. */
  loudly<T>(role: Influence, work: () => T): T {
    return this.#withRole(role, work);
  }

  #withRole<T>(role: Influence | undefined, work: () => T): T {
    const before = this.#role;
    this.#role = role;
    try {
      return work();
    } finally {
      this.#role = before;
    }
  }
}
