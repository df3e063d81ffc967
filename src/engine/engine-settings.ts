/**
 * ClickHouse settings of every statement, so that a SELECT means the same in a build, a recompute, a
 * verification, a test and a dashboard. `ClickhouseEngine` sends them with each statement, to the
 * embedded engine and to a server alike; the embedded engine also applies them to the statements of
 * other clients. A statement's own settings win.
 */
export const engineSettings = {
  /** A LEFT JOIN without a match gives NULL, as SQL says, not a default value. */
  join_use_nulls: 1,
  /** In `SELECT a + 1 AS a ... WHERE a = 1` the column wins over the alias. */
  prefer_column_name_to_alias: 1,
  /** `UNION` alone removes duplicates, as SQL says; by default it is an error. */
  union_default_mode: 'DISTINCT',
  /** What now() and the text of a DateTime mean must not depend on the machine. */
  session_timezone: 'UTC',
  /** An insert is stored, not queued, when it is answered. */
  async_insert: 0,
  /** UPDATE and DELETE are done when they are answered. */
  mutations_sync: 1,
  /**
   * A NULL for a column without NULLs and an unknown field are errors, not silent defaults. (Only
   * JSON's null for a number is 0 all the same; ClickHouse has no setting for that.)
   */
  input_format_null_as_default: 0,
  input_format_skip_unknown_fields: 0,
  /** Rewriting `sum(a + 1)` makes 26.7 fail on `sum(a + 1) OVER (...)` over joins: Not found column in block. */
  optimize_arithmetic_operations_in_aggregate_functions: 0,
  /** 1.50 of a Decimal(9, 2) prints as 1.50. */
  output_format_decimal_trailing_zeros: 1,
} as const satisfies Readonly<Record<string, string | number>>;
