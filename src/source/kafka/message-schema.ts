import type { ValueEncoding } from '../../change/message-layout.ts';
import type { Column } from '../../change/table-schema.ts';

/** What a message says about the columns of its table, or the project file in its place. */
export interface MessageSchema {
  readonly columns: readonly MessageColumn[];
  /** Undefined: the messages do not say what identifies a row. */
  readonly key: readonly string[] | undefined;
}

export interface MessageColumn extends Column {
  /** Undefined: as the format does. */
  readonly encoding: ValueEncoding | undefined;
  /** Undefined: under the column's name, at the row's place. */
  readonly path?: readonly string[];
  /** Value of rows from before the column was added, as an SQL literal. */
  readonly initial?: string;
}
