import type { Catalog } from '../catalog/catalog.ts';
import type { ErrorCode } from '../errors.ts';
import type { LayersCut } from './layers.ts';
import type { CompiledModel } from './model/model-compiler.ts';
import type { LayerName, ModelFile } from './model/model-file.ts';
import { parseModelFile } from './model/model-file.ts';
import type { BuiltRows } from './refresh/model-build.ts';

/** What the catalog keeps of a model that is built. */
export interface ModelRecord {
  readonly name: string;
  readonly layer: LayerName;
  readonly file: string;
  /** The model's text as it was applied; the file may have been edited since. */
  readonly sql: string;
  readonly fingerprint: string;
  /** `dwd.x@12`: the name of its tables. */
  readonly storage: string;
  readonly way: 'keys' | 'rebuild';
  readonly why: string;
  /** Its maintained tables with their numbers of rows; the model's own and perhaps a hidden stage. */
  readonly nodeRows: Readonly<Record<string, number>>;
  /** Other models read it; decides how its delta is kept. */
  readonly isRead: boolean;
  readonly rows: number;
  readonly keysRecomputed: number;
  readonly rebuilds: number;
  readonly lastMs: number;
  /** How long its last build in full took. */
  readonly buildMs: number;
  /** In the last refresh of many keys. */
  readonly msPerKey?: number;
  /** The build or refresh that made all of its rows; those of later ones have changed since. */
  readonly build: number;
  /** Columns that tell its rows apart, where they are known and all of them can be seen. */
  readonly key?: readonly string[];
  /** The cut that it is at, when that is not the published one. */
  readonly at?: { readonly version: string; readonly build: number };
  /** Too much of it had to be recomputed at once: a job beside the refreshes brings it to the present. */
  readonly isLeft?: true;
  /** Why it stopped; it stays at its last good cut until it is applied again. */
  readonly error?: string;
  /** Of the error; CDC_LAYERS_MODEL_FAILED when absent. */
  readonly errorCode?: ErrorCode;
}

/** One attempt to bring models to a cut. */
export interface Attempt {
  /** Number of this attempt; grows always. */
  readonly build: number;
  /** Deltas of later builds than this are news to the models: those of broken attempts for the same cut are among them. */
  readonly since: number;
  /** An attempt for the same cut may have broken off before. */
  readonly isRepeat: boolean;
}

/** The attempt that was begun last, for the cut after `from`. */
interface StoredAttempt {
  readonly build: number;
  readonly from: string;
  readonly isDone: boolean;
}

const modelPrefix = 'layers/model/';
const attemptKey = 'layers/attempt';
const buildKey = 'layers/build';

/** The layers' part of the catalog. */
export class LayerState {
  readonly #catalog: Catalog;
  #build = 0;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** By name. */
  records(): Map<string, ModelRecord> {
    const entries = this.#catalog.entries<ModelRecord>(modelPrefix).values();
    return new Map([...entries].map((record) => [record.name, record]));
  }

  async store(records: readonly ModelRecord[]): Promise<void> {
    if (records.length > 0) await this.#catalog.batch(recordValues(records));
  }

  /** All or nothing; undefined removes. */
  async commit(values: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#catalog.batch(values);
  }

  keyOf(model: string): string {
    return modelPrefix + model;
  }

  /**
   * Numbers a new attempt to refresh from the cut `from`. An attempt from the same cut as the last one,
   * or after one that did not finish, repeats it: what that one changed counts as unpublished still.
   */
  async beginAttempt(from: LayersCut['from']): Promise<Attempt> {
    const last = this.#catalog.get<StoredAttempt>(attemptKey);
    const build = this.#takeBuild();
    const isRepeat = last !== undefined && (last.from === String(from.version) || !last.isDone);
    const begun: StoredAttempt = { build, from: String(from.version), isDone: false };
    await this.#catalog.batch({ [attemptKey]: begun, [buildKey]: build });
    return { build, since: from.build, isRepeat };
  }

  /** The attempt is through: its records and its end are one commit. */
  async endAttempt(
    from: LayersCut['from'],
    { build }: Attempt,
    records: readonly ModelRecord[],
  ): Promise<void> {
    const ended: StoredAttempt = { build, from: String(from.version), isDone: true };
    await this.#catalog.batch({ ...recordValues(records), [attemptKey]: ended });
  }

  /** A cut that was published: the one that the last refresh began at. */
  lastCut(): bigint | undefined {
    const from = this.#catalog.get<StoredAttempt>(attemptKey)?.from;
    return from ? BigInt(from) : undefined;
  }

  /** A number for a build outside of a refresh, larger than all before it. */
  async nextBuild(): Promise<number> {
    const build = this.#takeBuild();
    await this.#catalog.put(buildKey, build);
    return build;
  }

  /** Refreshes and the work beside them take numbers at the same time, so what is stored may be behind. */
  #takeBuild(): number {
    this.#build = Math.max(this.#build, currentBuild(this.#catalog)) + 1;
    return this.#build;
  }
}

/** The catalog's entries for these. */
export function recordValues(records: readonly ModelRecord[]): Record<string, ModelRecord> {
  return Object.fromEntries(records.map((record) => [modelPrefix + record.name, record]));
}

export function recordOf(
  compiled: CompiledModel,
  before: ModelRecord | undefined,
  built: BuiltRows & { isRead: boolean; ms: number; build: number },
): ModelRecord {
  const { model, way, why, fingerprint, storage } = compiled;
  const key = visibleKey(compiled);
  return {
    name: model.name,
    layer: model.layer,
    file: model.file,
    sql: model.sql,
    fingerprint,
    storage,
    way,
    why,
    nodeRows: built.nodeRows,
    isRead: built.isRead,
    rows: built.rows,
    keysRecomputed: before?.keysRecomputed ?? 0,
    rebuilds: (before?.rebuilds ?? 0) + 1,
    lastMs: built.ms,
    buildMs: built.ms,
    build: built.build,
    ...(key && { key }),
  };
}

function visibleKey({ model, key, relation }: CompiledModel): readonly string[] | undefined {
  if (model.header.key !== undefined) return model.header.key;
  const isWhole = relation.key.length > 0 && relation.key.length === key.length;
  return isWhole ? key : undefined;
}

/** The number of the newest attempt or build. */
export function currentBuild(catalog: Catalog): number {
  return catalog.get<number>(buildKey) ?? 0;
}

export function modelOf(record: ModelRecord): ModelFile {
  return parseModelFile(record.sql, record.layer, record.file).model;
}
