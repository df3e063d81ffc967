/**
 * Where the files of a lake lie. Names are relative, with `/`. A file is there as a whole or not at all, and nobody
 * ever sees a part of one.
 *
 * Errors: CDC_SINK_UNREACHABLE and CDC_SINK_BUSY (the call may be repeated), CDC_SINK_ACCESS_DENIED, CDC_SINK_READ_ONLY, CDC_SINK_FULL,
 * CDC_SINK_FAILED.
 */
export interface ObjectStore {
  /** For people and for readers of the lake: a path, or `s3://bucket/prefix`. */
  readonly address: string;
  /** The place of a file in the store's own words: an absolute path, or `s3://bucket/key`. */
  locate(name: string): string;
  /** Files whose names begin with `prefix` (a folder with its `/`), in the order of their names. */
  list(prefix: string): Promise<readonly StoredFile[]>;
  /** Names of the folders directly below `prefix`, without `/`. */
  folders(prefix: string): Promise<readonly string[]>;
  /** Undefined: there is none. */
  get(name: string): Promise<Buffer | undefined>;
  put(name: string, body: Buffer): Promise<void>;
  /** False: there is a file of that name already, and it is untouched. The step that makes a commit one of one. */
  putIfAbsent(name: string, body: Buffer): Promise<boolean>;
  /** A file that is not there is no error. */
  delete(name: string): Promise<void>;
  /** A table function of the engine over Parquet files. `structure`: columns and their types. */
  parquet(names: readonly string[], structure: string): string;
}

export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** When it was written, in ms. */
  readonly writtenAt: number;
}

/** Names as one path for the engine: `{a,b}.parquet`. */
export function pathOf(names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `{${names.join(',')}}`;
}
