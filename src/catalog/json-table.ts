import type { ByteTable, LmdbEnvironment } from './lmdb-environment.ts';

/** JSON values by text key in one LMDB table; keys are UTF-8 and sort by their bytes. */
export class JsonTable {
  readonly #environment: LmdbEnvironment;
  readonly #table: ByteTable<Buffer>;

  constructor(environment: LmdbEnvironment, name: string) {
    this.#environment = environment;
    this.#table = environment.byteKeyed(name);
  }

  get<T>(key: string): T | undefined {
    this.#environment.refresh();
    const bytes = this.#table.getBinary(Buffer.from(key));
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as T);
  }

  /** Entries whose key starts with `prefix`, in key order, all of one moment. */
  entries<T>(prefix: string): Map<string, T> {
    this.#environment.refresh();
    const start = Buffer.from(prefix);
    // No UTF-8 text contains the byte 0xff, so this is above every key with the prefix.
    const end = Buffer.concat([start, Buffer.from([0xff])]);
    const found = new Map<string, T>();
    for (const { key, value } of this.#table.getRange({ start, end })) {
      found.set(key.toString(), JSON.parse(value.toString()) as T);
    }
    return found;
  }

  /** Only inside `LmdbEnvironment.write`. Undefined removes. */
  set(key: string, value: unknown): void {
    const bytes = Buffer.from(key);
    if (value === undefined) this.#table.removeSync(bytes);
    else this.#table.putSync(bytes, Buffer.from(JSON.stringify(value)));
  }
}
