/**
 * What ODS in ClickHouse needs of an engine; `ClickhouseEngine` in engine/clickhouse-engine.ts fits.
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
    /** Names, unquoted, in the order of the rows. */
    readonly columns: readonly string[];
    readonly format: 'RowBinary' | 'CustomSeparated';
    readonly body: readonly Buffer[];
    /** Equal tokens with equal rows are stored once. */
    readonly token?: string;
    readonly select?: InsertSelect;
    readonly settings?: Readonly<Record<string, string | number>>;
  }): Promise<number>;
}

/** Takes the rows in the body apart instead of storing them as they are. */
export interface InsertSelect {
  /** Columns of the rows in the body, as SQL. */
  readonly structure: string;
  /** The SELECT that gives the insert's columns, over the table expression it is told. */
  readonly query: (rows: string) => string;
}

export interface InsertEngineOptions {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Values for `{name:Type}` placeholders. */
  readonly params?: Readonly<Record<string, unknown>>;
}
