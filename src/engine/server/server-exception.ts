/**
 * An error in the words of ClickHouse's protocol: a number, and a text of the form
 * `DB::Exception: <what happened>. (NAME)`. It lives in the engine process only; clients of ours see
 * a CdcError made from it.
 */
export class ServerException extends Error {
  readonly engineCode: number;

  constructor(engineCode: number, text: string, options?: { cause?: unknown }) {
    super(`Code: ${engineCode}. ${text}`, options);
    this.name = 'ServerException';
    this.engineCode = engineCode;
  }

  /** One that this process raises itself, not chdb. `name` is ClickHouse's name for the code. */
  static of(name: keyof typeof ownCodes, message: string): ServerException {
    return new ServerException(ownCodes[name], `DB::Exception: ${message}. (${name})`);
  }

  /** chdb reports errors as `[Query failed: ]Code: 60. DB::Exception: ...`. */
  static from(error: unknown): ServerException {
    if (error instanceof ServerException) return error;
    const message = error instanceof Error ? error.message : String(error);
    const match = /Code: (\d+)\. (.*)/s.exec(message);
    return new ServerException(
      Number(match?.[1] ?? ownCodes.STD_EXCEPTION),
      match?.[2] ?? `DB::Exception: ${message} (STD_EXCEPTION)`,
      { cause: error },
    );
  }
}

const ownCodes = {
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  QUERY_IS_TOO_LARGE: 223,
  AUTHENTICATION_FAILED: 516,
  BAD_REQUEST_PARAMETER: 491,
  QUERY_WAS_CANCELLED: 394,
  STD_EXCEPTION: 1001,
} as const;

/**
 * HTTP status for an error number, as ClickHouse's server answers it
 * (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); 500 for the rest.
 */
export function statusOf(engineCode: number): number {
  return statuses.get(engineCode) ?? 500;
}

const codesByStatus: Readonly<Record<number, readonly number[]>> = {
  // Text that cannot be parsed (6, 25, 26, 27, 38, 41, 72, 376), bad arguments and columns, syntax.
  400: [
    6, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 69, 72, 117, 167, 168, 376, 427, 441, 491, 675, 676,
  ],
  403: [192, 193, 516],
  // Unknown table, function, identifier, type, storage, database, setting, format, role...
  404: [16, 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 511],
  408: [159],
  411: [381],
  413: [223],
  501: [48],
  503: [76, 209, 439],
};

const statuses = new Map(
  Object.entries(codesByStatus).flatMap(([status, codes]) =>
    codes.map((code) => [code, Number(status)] as const),
  ),
);
