import type { Problem } from '../errors.ts';
import { CdcError } from '../errors.ts';
import { type LayerState, type ModelRecord, modelOf } from './layer-state.ts';
import type { LayersSetup } from './layers.ts';
import type { CompiledModel } from './model-compiler.ts';
import type { ModelFile } from './model-file.ts';
import { compileModels, type ModelSet } from './model-set.ts';

/** The models that are built: their records, and the statements that keep them right. */
export class BuiltModels {
  readonly #setup: LayersSetup;
  readonly #state: LayerState;
  /** In order of dependency; undefined until it is needed. */
  #models: readonly CompiledModel[] | undefined;
  #records: Map<string, ModelRecord> | undefined;
  /** The schemas that `#models` were compiled for. */
  #schemas = '';

  constructor(setup: LayersSetup, state: LayerState) {
    this.#setup = setup;
    this.#state = state;
  }

  /** Compiled from the text they were built from; what has become impossible stops with the reason in its record. */
  async active(): Promise<readonly CompiledModel[]> {
    const signature = this.#schemaSignature();
    if (this.#models !== undefined && this.#schemas === signature) return this.#models;
    const set = await this.compileAll((name) => this.record(name).storage);
    for (const [name, problems] of set.failed) this.fail(name, problems);
    for (const { model, fingerprint } of set.compiled) {
      const record = this.record(model.name);
      if (record.fingerprint === fingerprint || record.error) continue;
      const message = 'A column that it reads has changed its type, or a table its key.';
      this.keep({ ...record, error: `${message} Run \`cdc layers apply\`.` });
    }
    this.use(set.compiled);
    return set.compiled;
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

  /** These are the models from now on; their records are kept already. */
  use(models: readonly CompiledModel[]): void {
    this.#models = models;
    this.#schemas = this.#schemaSignature();
  }

  compile(
    models: readonly ModelFile[],
    storageOf: (name: string, fingerprint: string) => string,
  ): Promise<ModelSet> {
    const { engine, omit } = this.#setup;
    const schemas = this.#setup.tables();
    return compileModels(models, { engine, schemas, storageOf, ...(omit ? { omit } : {}) });
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

  fail(name: string, problems: readonly Problem[]): void {
    const [problem] = problems;
    const error = problem
      ? `${problem.where}: ${problem.message}`
      : 'A model that it reads has stopped.';
    this.keep({ ...this.record(name), error });
  }

  #load(): Map<string, ModelRecord> {
    this.#records ??= this.#state.records();
    return this.#records;
  }

  #schemaSignature(): string {
    const versions = [...this.#setup.tables()].map(([table, { version }]) => `${table}@${version}`);
    return versions.sort().join(' ');
  }
}
