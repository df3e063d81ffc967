/** A sink in `cdc status`. */
export interface SinkStatus {
  readonly name: string;
  readonly type: string;
  /** How long the store has not had all of the newest cut. */
  readonly behindSeconds: number;
  /** Written by this process. */
  readonly rows: { readonly perSecond: number; readonly total: number };
  readonly tables: readonly SinkTableStatus[];
  /** Why the sink does not go on; it is tried again by itself. */
  readonly error?: { readonly code: string; readonly message: string; readonly remedy: string };
}

export interface SinkTableStatus {
  readonly table: string;
  /** Place in the source up to which the store has everything; null: the first fill is not through. */
  readonly position: string | null;
  readonly state: 'filling' | 'following' | 'stopped';
  readonly rows: number;
  /** Rows that became dead letters. */
  readonly refused: number;
  readonly error?: { readonly code: string; readonly message: string };
}
