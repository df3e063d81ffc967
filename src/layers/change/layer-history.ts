import type { Catalog } from '../../catalog/catalog.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { LayersCut } from '../layers.ts';
import { layerNames } from '../model/model-file.ts';

/** One time that models were added, changed, removed, or put back. */
export interface AppliedChange {
  /** Grows from 1. */
  readonly number: number;
  readonly atMs: number;
  readonly kind: 'apply' | 'rollback';
  readonly models: readonly ChangedModel[];
  /** How long the building took. */
  readonly ms: number;
}

export interface ChangedModel {
  readonly name: string;
  readonly change: 'added' | 'changed' | 'removed' | 'renamed' | 'restored';
  /** In words: what of it has changed. */
  readonly what?: string;
  readonly rows: number;
  /** The tables it had before, kept for a rollback; absent when it had none. */
  readonly before?: string;
}

/** A version of a model that is current no more, with its tables. */
export interface RetiredModel {
  readonly record: ModelRecord;
  /** The cut that its rows are of. */
  readonly at: { readonly version: string; readonly build: number };
  /** The change that retired it. */
  readonly change: number;
  /** Why its rows cannot be brought to the present by what has changed since: they must be built anew. */
  readonly isStale?: true;
}

const changePrefix = 'layers/change/';
const retiredPrefix = 'layers/retired/';
const declinedKey = 'layers/declined';

/** What has been applied, and the versions of models that a rollback can put back. */
export class LayerHistory {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Oldest first. */
  changes(): AppliedChange[] {
    return [...this.#catalog.entries<AppliedChange>(changePrefix).values()];
  }

  /** By the name of their tables. */
  retired(): ReadonlyMap<string, RetiredModel> {
    const entries = this.#catalog.entries<RetiredModel>(retiredPrefix);
    return new Map([...entries].map(([key, model]) => [key.slice(retiredPrefix.length), model]));
  }

  retiredRecords(): ModelRecord[] {
    return [...this.retired().values()].map(({ record }) => record);
  }

  nextNumber(): number {
    return (this.changes().at(-1)?.number ?? 0) + 1;
  }

  /** Catalog entries of a change; for one commit with the records. */
  entriesOf(
    change: AppliedChange,
    retired: readonly ModelRecord[],
    at: LayersCut['from'],
  ): Record<string, unknown> {
    const place = { version: String(at.version), build: at.build };
    const kept = retired.map((record): [string, RetiredModel] => [
      retiredPrefix + record.storage,
      { record, at: record.at ?? place, change: change.number },
    ]);
    return {
      [changePrefix + String(change.number).padStart(6, '0')]: change,
      ...Object.fromEntries(kept),
    };
  }

  retiredKey(storage: string): string {
    return retiredPrefix + storage;
  }

  /** Versions whose tables are to be dropped, because more than `keep` changes have come since. */
  expired(keep: number): RetiredModel[] {
    const newest = this.changes().at(-1)?.number ?? 0;
    return [...this.retired().values()].filter(({ change }) => change <= newest - keep);
  }

  async forget(storage: string): Promise<void> {
    await this.#catalog.remove(retiredPrefix + storage);
  }

  /** Their rows have no usable history any more. */
  async markStale(storages: Iterable<string>): Promise<void> {
    const retired = this.retired();
    for (const storage of storages) {
      const model = retired.get(storage);
      if (model) await this.#catalog.put(retiredPrefix + storage, { ...model, isStale: true });
    }
  }

  /** Versions retired before then that read other models: the changes of those are not kept for longer. */
  async markOutdated(beforeMs: number): Promise<void> {
    const times = new Map(this.changes().map(({ number, atMs }) => [number, atMs]));
    const outdated = [...this.retired()].filter(([, { record, change, isStale }]) => {
      const readsModels = layerNames.some((layer) => record.sql.includes(`${layer}.`));
      return readsModels && isStale !== true && (times.get(change) ?? 0) < beforeMs;
    });
    await this.markStale(outdated.map(([storage]) => storage));
  }

  /** The state of the files that a rollback has turned away from: they are not followed until they change. */
  get declined(): string | undefined {
    return this.#catalog.get<string>(declinedKey);
  }

  declinedEntry(files: string): Record<string, string> {
    return { [declinedKey]: files };
  }

  async accept(): Promise<void> {
    if (this.declined !== undefined) await this.#catalog.remove(declinedKey);
  }
}
