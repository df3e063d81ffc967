/** Headers of every message of a sink; values are text. */
export const recordHeader = {
  /** `SinkTable.source`. */
  table: 'table',
  /** Version of the table's columns. */
  schema: 'schema',
  /** Version of the row, decimal: of two messages of a key the higher one is the newer. */
  version: 'version',
} as const;
