import type { Catalog } from './catalog.ts';
import { JsonTable } from './json-table.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';

/**
 * Opens the catalog in `folder` (`.cdc/catalog`, readable by its owner only). Any number of processes
 * may have it open; those that only read pass `readOnly` and get CDC_NOT_INITIALIZED when there is none.
 */
export function openCatalog(
  folder: string,
  options: { readonly readOnly?: boolean } = {},
): LmdbCatalog {
  return new LmdbCatalog(new LmdbEnvironment(folder, { readOnly: options.readOnly ?? false }));
}

/** The catalog on disk. Owns the LMDB environment, which the embedded log shares. */
export class LmdbCatalog implements Catalog {
  readonly environment: LmdbEnvironment;
  readonly #values: JsonTable;

  constructor(environment: LmdbEnvironment) {
    this.environment = environment;
    this.#values = new JsonTable(environment, 'catalog');
  }

  get<T>(key: string): T | undefined {
    return this.#values.get<T>(key);
  }

  entries<T>(prefix: string): Map<string, T> {
    return this.#values.entries<T>(prefix);
  }

  async put(key: string, value: unknown): Promise<void> {
    await this.batch({ [key]: value });
  }

  async remove(key: string): Promise<void> {
    await this.batch({ [key]: undefined });
  }

  async batch(values: Readonly<Record<string, unknown>>): Promise<void> {
    this.environment.write(() => {
      for (const [key, value] of Object.entries(values)) this.#values.set(key, value);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.environment[Symbol.asyncDispose]();
  }
}
