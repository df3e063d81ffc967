import type { Progress } from './sink.ts';
import type { SinkColumn, SinkTable } from './sink-table.ts';

/** What `Progress.value` says: which rows of a table are in the store. */
export interface Place {
  /** Id of the state folder whose work it is; another one counts in its own way. */
  readonly owner: string;
  /** Id of the table’s life in the store, from its creation on. */
  readonly life: string;
  readonly generation: string;
  /** The columns and the key that the store has. */
  readonly columns: readonly SinkColumn[];
  readonly key: readonly string[];
  /** Change numbers up to it are there; 0: none is sure to be. A number as text. */
  readonly upTo: string;
  /** What is on its way. */
  readonly range?: {
    readonly to: string;
    /** The last key that is there, as texts; absent: none. */
    readonly after?: readonly string[];
    /** The store may have rows already that are to go. */
    readonly withDeleted: boolean;
    /** Rows of versions below it go when the range is there: they were not met. */
    readonly sweepBelow?: string;
  };
  /** Place in the source of `upTo`; for people. */
  readonly position: string;
  /** ISO 8601, when it was written; for people. */
  readonly at: string;
}

/** Position, time and state of a table in a store, for `cdc status`. */
export function parsePlace({ value }: Progress): Place {
  return JSON.parse(value) as Place;
}

export function columnsOf({ columns, key }: Pick<Place, 'columns' | 'key'>): string {
  const types = columns.map(({ name, type, nullable }) => [name, type, nullable]);
  return JSON.stringify([types, key]);
}

/** The table as a place has it, for a policy that leaves the store as it is. */
export function tableOf(place: Place, table: SinkTable): SinkTable {
  return { ...table, columns: place.columns, key: place.key };
}
