/**
 * What the layers need from a warehouse engine that speaks ClickHouse's SQL.
 *
 * - A statement is done, and visible to the next one, when its promise resolves.
 * - Errors: CdcError CDC_ENGINE_UNREACHABLE (transient; repeat) or CDC_ENGINE_REJECTED with the engine's
 *   error number in `details.engineCode`.
 */
export interface SqlEngine {
  /**
   * Runs a statement without a result. `settings` are ClickHouse settings. `writtenRows` counts what an
   * INSERT has written, 0 for any other statement.
   */
  command(sql: string, options?: StatementOptions): Promise<{ readonly writtenRows: number }>;
  /** Rows of a SELECT as objects; 64-bit integers and decimals arrive as strings. */
  rows<T = Record<string, unknown>>(sql: string, options?: StatementOptions): Promise<T[]>;
}

export interface StatementOptions {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Values for `{name:Type}` placeholders. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}
