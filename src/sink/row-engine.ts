/** What sinks need of the engine that holds the warehouse; `ClickhouseEngine` fits and explains it. */
export interface RowEngine {
  command(sql: string, options?: RowStatementOptions): Promise<{ readonly writtenRows: number }>;
  rows<T = Record<string, unknown>>(sql: string, options?: RowStatementOptions): Promise<T[]>;
  query(
    sql: string,
    options: RowStatementOptions & { readonly format: string },
  ): AsyncGenerator<Buffer, void>;
  insert(insert: RowInsert): Promise<number>;
}

export interface RowStatementOptions {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Values for `{name:Type}` placeholders. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

export interface RowInsert {
  /** As SQL: quoted, with its database. */
  readonly table: string;
  readonly columns: readonly string[];
  readonly format: string;
  readonly body: readonly Buffer[];
}
