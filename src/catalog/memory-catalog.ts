import type { Catalog } from './catalog.ts';

/** A catalog that lives as long as its process. Values are kept as JSON text, as the real one does. */
export class MemoryCatalog implements Catalog {
  readonly #values = new Map<string, string>();

  get<T>(key: string): T | undefined {
    const text = this.#values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  entries<T>(prefix: string): Map<string, T> {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix));
    keys.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    return new Map(keys.map((key) => [key, JSON.parse(this.#values.get(key) ?? '') as T]));
  }

  async put(key: string, value: unknown): Promise<void> {
    await this.batch({ [key]: value });
  }

  async remove(key: string): Promise<void> {
    await this.batch({ [key]: undefined });
  }

  async batch(values: Readonly<Record<string, unknown>>): Promise<void> {
    const texts = Object.entries(values).map(
      ([key, value]) => [key, value === undefined ? undefined : JSON.stringify(value)] as const,
    );
    for (const [key, text] of texts) {
      if (text === undefined) this.#values.delete(key);
      else this.#values.set(key, text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#values.clear();
  }
}
