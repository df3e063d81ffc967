/**
 * What the tool remembers beside the data: layer state, runs, status, control requests. JSON values by key.
 *
 * - One folder, many processes: one writes (the runner), others read at any time; a reader sees whole commits.
 * - `put` and `remove` are durable when they resolve; several in one `batch` are one commit.
 */
export interface Catalog extends AsyncDisposable {
  get<T>(key: string): T | undefined;
  /** Entries whose key starts with `prefix`, in key order. */
  entries<T>(prefix: string): Map<string, T>;
  put(key: string, value: unknown): Promise<void>;
  remove(key: string): Promise<void>;
  /** Writes all or nothing; undefined removes. */
  batch(values: Readonly<Record<string, unknown>>): Promise<void>;
}
