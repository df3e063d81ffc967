/**
 * What the ClickHouse sink needs of an engine; `ClickhouseEngine` in engine/clickhouse-engine.ts fits.
 *
 * - A statement is done, and visible to the next one, when its promise resolves.
 * - Errors: CDC_ENGINE_UNREACHABLE (transient; repeat) or CDC_ENGINE_REJECTED with the engine's error
 *   number in `details.engineCode`.
 */
export interface InsertEngine {
  command(sql: string, options?: InsertEngineOptions): Promise<unknown>;
  rows<T = Record<string, unknown>>(sql: string, options?: InsertEngineOptions): Promise<T[]>;
  /** Inserts the bytes of `body`, one after another; resolves to the number of rows written. */
  insert(insert: {
    /** As SQL: quoted, with its database. */
    readonly table: string;
    /** Names, unquoted, in the order of the row bytes. */
    readonly columns: readonly string[];
    readonly format: 'RowBinary';
    readonly body: readonly Buffer[];
    /** Equal tokens with equal rows are stored once. */
    readonly token?: string;
  }): Promise<number>;
}

export interface InsertEngineOptions {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Values for `{name:Type}` placeholders. */
  readonly params?: Readonly<Record<string, unknown>>;
}
