import type { Version } from '../../change/position.ts';
import type { Problem } from '../../errors.ts';
import { CdcError } from '../../errors.ts';
import { type LayerState, type ModelRecord, modelOf } from '../layer-state.ts';
import type { LayersSetup } from '../layers.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { ModelFile } from '../model/model-file.ts';
import { compileModels, type ModelSet } from '../model/model-set.ts';
import { type OdsCatalog, readOdsCatalog } from '../model/ods-catalog.ts';
import { readyModels } from '../model/ready-models.ts';
import { SourceColumns } from '../model/source-columns.ts';

/** The models that are built: their records, and the statements that keep them right. */
export class BuiltModels {
  readonly #setup: LayersSetup;
  readonly #state: LayerState;
  /** In order of dependency; undefined until it is needed. */
  #models: readonly CompiledModel[] | undefined;
  #records: Map<string, ModelRecord> | undefined;
  /** The tables as they were at the last compilation, and at that of each model. */
  #ods: OdsCatalog | undefined;
  readonly #odsOf = new WeakMap<CompiledModel, OdsCatalog>();
  readonly #sources: SourceColumns;
  /** Names of records that are not stored yet. */
  readonly #unsaved = new Set<string>();

  constructor(setup: LayersSetup, state: LayerState) {
    this.#setup = setup;
    this.#state = state;
    this.#sources = new SourceColumns(setup.catalog);
  }

  /**
   * Compiled from the text they were built from; what has become impossible stops with the reason in its
   * record. `after` is the last cut at which it was possible. Without models over tables that are being read again: those
   * stand still, and are rebuilt afterwards.
   */
  async active(after?: Version): Promise<readonly CompiledModel[]> {
    return readyModels(await this.#compiled(after), this.#setup.tables().keys());
  }

  async #compiled(after: Version | undefined): Promise<readonly CompiledModel[]> {
    if (this.#models !== undefined && (await this.#areTablesAsCompiled(this.#models))) {
      return this.#models;
    }
    // Now it is known still what they were built from.
    if (after !== undefined) await this.remember();
    const set = await this.compileAll((name) => this.record(name).storage);
    for (const [name, problems] of set.failed) this.fail(name, problems, after);
    for (const compiled of set.compiled) {
      const record = this.record(compiled.model.name);
      if (record.fingerprint === compiled.fingerprint || record.error) continue;
      const { fingerprint, reads } = compiled;
      // The fingerprint of a reader holds those of what it reads.
      const stopped = reads.find((name) => this.find(name)?.error !== undefined);
      if (stopped !== undefined) {
        this.#change({ ...record, error: `It reads ${stopped}, which has stopped.` });
      } else if (this.#sources.isHarmless(compiled, set.ods)) {
        this.#change({ ...record, fingerprint });
      } else this.#stop(record, { after });
    }
    this.use(set.compiled);
    return set.compiled;
  }

  /** Writes down what `active` has found, and what the models are built from. */
  async remember(): Promise<void> {
    const unsaved = [...this.#unsaved].flatMap((name) => this.find(name) ?? []);
    this.#unsaved.clear();
    await this.#state.store(unsaved);
    const good = (this.#models ?? []).flatMap((compiled) => {
      const { error, fingerprint } = this.find(compiled.model.name) ?? {};
      const ods = this.#odsOf.get(compiled);
      const isGood = error === undefined && fingerprint === compiled.fingerprint;
      return isGood && ods !== undefined ? [{ compiled, ods }] : [];
    });
    await this.#sources.remember(good);
  }

  /** After records have changed. */
  reload(): Promise<readonly CompiledModel[]> {
    this.#models = undefined;
    return this.active();
  }

  /** What another process has stored meanwhile. */
  async readAgain(): Promise<void> {
    const records = this.#state.records();
    const isSame = [...records.values()].every(({ name, storage, fingerprint }) => {
      const known = this.#records?.get(name);
      return known?.storage === storage && known.fingerprint === fingerprint;
    });
    if (!isSame || records.size !== this.#records?.size) this.#models = undefined;
    this.#records = records;
  }

  /** These are all models from now on; their records are kept already. */
  use(models: readonly CompiledModel[]): void {
    this.#models = models;
  }

  async compile(
    models: readonly ModelFile[],
    storageOf: (name: string, fingerprint: string) => string,
  ): Promise<ModelSet> {
    const { engine, omit } = this.#setup;
    const schemas = this.#setup.tables();
    const options = { engine, schemas, storageOf, ...(omit ? { omit } : {}) };
    const set = await compileModels(models, options);
    this.#ods = set.ods;
    for (const compiled of set.compiled) this.#odsOf.set(compiled, set.ods);
    return set;
  }

  /** The built models from the text they were built from, in the tables they have or get. */
  compileAll(storageOf: (name: string) => string): Promise<ModelSet> {
    return this.compile([...this.records().values()].map(modelOf), storageOf);
  }

  records(): ReadonlyMap<string, ModelRecord> {
    return this.#load();
  }

  find(name: string): ModelRecord | undefined {
    return this.#load().get(name);
  }

  record(name: string): ModelRecord {
    const record = this.find(name);
    if (record === undefined) throw new CdcError('CDC_INTERNAL', `${name} has no record.`);
    return record;
  }

  /** Remembers a record; what must outlive the process is stored, too. */
  keep(record: ModelRecord): void {
    this.#load().set(record.name, record);
  }

  async store(record: ModelRecord): Promise<void> {
    this.keep(record);
    await this.#state.store([record]);
  }

  forget(name: string): void {
    this.#load().delete(name);
  }

  fail(name: string, problems: readonly Problem[], after?: Version): void {
    const [problem] = problems;
    const record = this.record(name);
    if (problem !== undefined) this.#stop(record, { problem, after });
    else this.#change({ ...record, error: 'A model that it reads has stopped.' });
  }

  /** Says what has changed at the source, when that is known. */
  #stop(
    record: ModelRecord,
    { problem, after = this.#state.lastCut() }: { problem?: Problem; after?: Version | undefined },
  ): void {
    if (record.errorCode === 'CDC_LAYERS_SOURCE_CHANGED') return;
    const where = problem?.where;
    const change = this.#ods && this.#sources.describe(record, this.#ods, { where, after });
    const other = problem
      ? `${where}: ${problem.message}`
      : 'A table that it reads has changed. Run `cdc layers apply --yes`.';
    const errorCode =
      change === undefined ? {} : { errorCode: 'CDC_LAYERS_SOURCE_CHANGED' as const };
    this.#change({ ...record, error: change ?? other, ...errorCode });
  }

  #change(record: ModelRecord): void {
    this.keep(record);
    this.#unsaved.add(record.name);
  }

  #load(): Map<string, ModelRecord> {
    this.#records ??= this.#state.records();
    return this.#records;
  }

  /** Asks the engine: the log may know a schema long before the tables have it. */
  async #areTablesAsCompiled(models: readonly CompiledModel[]): Promise<boolean> {
    const read = models.flatMap((compiled) => {
      const ods = this.#odsOf.get(compiled);
      return compiled.reads.flatMap((name) => ods?.relation(name) ?? []);
    });
    if (read.length === 0) return true;
    const { engine } = this.#setup;
    const tables = new Set(read.map(({ name }) => name));
    const now = await readOdsCatalog(engine, this.#setup.tables(), tables);
    return read.every((table) => {
      return JSON.stringify(now.relation(table.name)) === JSON.stringify(table);
    });
  }
}
