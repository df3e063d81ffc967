import type { Catalog } from '../../catalog/catalog.ts';
import type { StateTable } from './state-table.ts';

/** Writes of one owner of a scope; far more than one makes in its life. */
const epochSize = 2n ** 32n;
const ownerKey = 'owner';

/** Who works under a scope of the state table, and since which of its writes. */
export interface ScopeOwner {
  readonly id: string;
  readonly epoch: number;
}

/**
 * One scope of the state table as a catalog: read once when it is taken over, written through.
 *
 * Whoever takes a scope over does so under a new *epoch*, above every version there, and writes all of
 * it again. What its former owner still writes, not knowing that it lost the scope, never counts:
 *
 *     A  epoch 4: offset 10  offset 20 ..(stopped for a minute)..          offset 30 (of epoch 4)
 *     B                                   takes over: offset 20 (of epoch 5)  ── offset 40 (epoch 5)
 *
 * The epoch is our own and not the generation of a consumer group, which Kafka begins anew once a
 * group has been empty for long.
 */
export class WarehouseCatalog implements Catalog {
  readonly scope: string;
  readonly owner: ScopeOwner;
  readonly #table: StateTable;
  readonly #values: Map<string, string>;
  #written = 0n;

  private constructor(
    table: StateTable,
    scope: string,
    owner: ScopeOwner,
    values: Map<string, string>,
  ) {
    this.#table = table;
    this.scope = scope;
    this.owner = owner;
    this.#values = values;
  }

  /**
   * Takes the scope over from whoever has it. `id` names the new owner, for people. `keys` are values
   * that nobody else may come to write for the first time, either.
   */
  static async takeOver(
    table: StateTable,
    scope: string,
    id: string,
    keys: readonly string[] = [],
  ): Promise<WarehouseCatalog> {
    await table.create();
    const { epoch } = await readScope(table, scope);
    const owner = { id, epoch: epoch + 1 };
    const catalog = new WarehouseCatalog(table, scope, owner, new Map());
    await catalog.put(ownerKey, owner);
    // What the former owner wrote until it could see that is its last word.
    const { values } = await readScope(table, scope, owner.epoch);
    for (const key of keys) values.set(key, values.get(key) ?? '');
    values.delete(ownerKey);
    await catalog.#write([...values]);
    // It is about the catalog, not in it.
    catalog.#values.delete(ownerKey);
    return catalog;
  }

  get<T>(key: string): T | undefined {
    const text = this.#values.get(key);
    return text === undefined || text === '' ? undefined : (JSON.parse(text) as T);
  }

  entries<T>(prefix: string): Map<string, T> {
    const found = [...this.#values].filter(([key, text]) => key.startsWith(prefix) && text !== '');
    found.sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    return new Map(found.map(([key, text]) => [key, JSON.parse(text) as T]));
  }

  async put(key: string, value: unknown): Promise<void> {
    await this.batch({ [key]: value });
  }

  async remove(key: string): Promise<void> {
    await this.batch({ [key]: undefined });
  }

  async batch(values: Readonly<Record<string, unknown>>): Promise<void> {
    const texts = Object.entries(values).map(
      ([key, value]) => [key, value === undefined ? '' : JSON.stringify(value)] as const,
    );
    await this.#write(texts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#values.clear();
  }

  async #write(texts: readonly (readonly [key: string, text: string])[]): Promise<void> {
    if (texts.length === 0) return;
    const first = firstVersionOf(this.owner.epoch) + this.#written;
    this.#written += BigInt(texts.length);
    await this.#table.write(
      texts.map(([key, value], index) => ({
        scope: this.scope,
        key,
        value,
        version: first + BigInt(index),
      })),
    );
    for (const [key, text] of texts) this.#values.set(key, text);
  }
}

export function firstVersionOf(epoch: number): bigint {
  return BigInt(epoch) * epochSize;
}

/** The epoch that a version was written in. */
export function epochOf(version: bigint): number {
  return Number(version / epochSize);
}

/** Values of a scope, and its epoch; 0 when nobody had it yet. */
async function readScope(
  table: StateTable,
  scope: string,
  below = Number.POSITIVE_INFINITY,
): Promise<{ epoch: number; values: Map<string, string> }> {
  const { rows } = await table.read(scope);
  const own = rows.filter((row) => row.scope === scope && epochOf(row.version) < below);
  return {
    epoch: Math.max(0, ...own.map(({ version }) => epochOf(version))),
    values: new Map(own.map(({ key, value }) => [key, value])),
  };
}
