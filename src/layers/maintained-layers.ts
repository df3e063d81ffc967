import { CdcError, type Problem } from '../errors.ts';
import { clearMarker, closeAttempt, createMarker, setMarker } from './attempt-marker.ts';
import { CutChanges } from './cut-changes.ts';
import { storageName } from './layer-names.ts';
import {
  type Attempt,
  currentBuild,
  LayerState,
  type ModelRecord,
  modelOf,
  recordOf,
} from './layer-state.ts';
import type {
  LayerStatus,
  Layers,
  LayersCut,
  LayersPlan,
  LayersSetup,
  RefreshReport,
} from './layers.ts';
import type { Scope } from './maintained-node.ts';
import { buildModel, createDeltas } from './model-build.ts';
import type { CompiledModel } from './model-compiler.ts';
import { type ModelFile, readModels } from './model-file.ts';
import { ModelRefresher, type ModelRun, withGrowth } from './model-refresher.ts';
import { compileModels, type ModelSet } from './model-set.ts';
import type { LayerDifference } from './model-verification.ts';
import { createView, databaseStatements, dropTables, dropView } from './node-storage.ts';
import { type PlanInput, planModels } from './plan-models.ts';
import { runInOrder } from './run-in-order.ts';
import { findSmallTables } from './small-tables.ts';
import { VerifiedLayers, type VerifiedLayersOptions } from './verified-layers.ts';

/** Refreshes between two tidyings. */
const tidyEvery = 50;

/** The layers of one project on one engine. */
export class MaintainedLayers implements Layers {
  readonly #setup: LayersSetup;
  readonly #state: LayerState;
  /** What is built, in order of dependency; undefined until it is needed. */
  #models: readonly CompiledModel[] | undefined;
  #records: Map<string, ModelRecord> | undefined;
  /** The schemas that `#models` were compiled for. */
  #schemas = '';
  #refreshesSinceTidy = tidyEvery;
  #isSmall: Scope['isSmall'] = () => false;

  constructor(setup: LayersSetup) {
    this.#setup = setup;
    this.#state = new LayerState(setup.catalog);
  }

  async plan(): Promise<LayersPlan> {
    return planModels(await this.#planInput());
  }

  async apply(signal: AbortSignal): Promise<void> {
    const { engine } = this.#setup;
    const input = await this.#planInput();
    this.#isolateFailed(input);
    assertApplicable(input);
    for (const statement of databaseStatements) await engine.command(statement, { signal });
    await this.#dropRemoved(input, signal);
    const tables = this.#setup.tables();
    const ready = readyModels(input, new Set(tables.keys()));
    const read = new Set(ready.flatMap(({ reads }) => reads));
    const errors: CdcError[] = [];
    await runInOrder(named(ready), async ({ name, compiled }) => {
      try {
        await this.#bring(compiled, read.has(name), signal);
      } catch (error) {
        if (!isRefused(error)) throw error;
        errors.push(this.#stop(compiled, error));
      }
    });
    this.#models = ready;
    this.#schemas = this.#schemaSignature();
    const [first] = errors;
    if (first !== undefined) throw first;
  }

  async refresh(cut: LayersCut, signal: AbortSignal): Promise<RefreshReport> {
    const { engine, options, omit } = this.#setup;
    const models = await this.#active();
    const begun = await this.#state.beginAttempt(cut.from);
    const attempt = omit === 'kept-deltas' ? { ...begun, since: begun.build - 1 } : begun;
    await this.#tidy(models, attempt, signal);
    await setMarker(engine, attempt, signal);
    const changes = new CutChanges(cut, attempt, omit);
    const isSmall = this.#isSmall;
    const given = { engine, options, attempt, changes, isSmall, signal, omit };
    const refresher = new ModelRefresher(given);
    const runs = await runInOrder(named(models), async ({ compiled }) => {
      const record = this.#record(compiled.model.name);
      return refresher.run(compiled, record, (name) => this.#records?.get(name)?.error);
    });
    const grownNodes = [...runs.values()].flatMap((run) => run.grownNodes);
    const growth = await closeAttempt(engine, attempt, grownNodes, signal);
    for (const run of runs.values()) this.#keep(withGrowth(run, growth));
    const touched = [...runs.values()].filter(({ report }) => report.strategy !== 'none');
    await this.#state.endAttempt(
      cut.from,
      attempt,
      touched.map(({ record: { name } }) => this.#record(name)),
    );
    this.#logFailures(touched);
    return { models: [...runs.values()].map(({ report }) => report) };
  }

  async rebuild(tables: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const readers = readersOf(await this.#active(), tables);
    const build = currentBuild(this.#setup.catalog) + 1;
    const { compiled } = await this.#compileBuilt((name) => {
      return readers.has(name) ? storageName(name, build) : this.#record(name).storage;
    });
    const rebuilt = compiled.filter(({ model }) => readers.has(model.name));
    await runInOrder(named(rebuilt), (each) => {
      return this.#build(each.compiled, this.#record(each.name).isRead, signal);
    });
    this.#models = compiled;
  }

  async verify(signal: AbortSignal): Promise<LayerDifference[]> {
    const setup = await this.#verified('', signal);
    await using verified = await VerifiedLayers.inPlace(setup);
    return [...(await verified.verify({ signal })).differences];
  }

  async copy(
    hold: <T>(work: () => Promise<T>) => Promise<T>,
    prefix: string,
    signal: AbortSignal,
  ): Promise<VerifiedLayers> {
    // What takes time is compiling, which is seldom needed a second time.
    await this.#active();
    return hold(async () => {
      const records = this.#state.records();
      const isSame = [...records.values()].every(({ name, storage, fingerprint }) => {
        const known = this.#records?.get(name);
        return known?.storage === storage && known.fingerprint === fingerprint;
      });
      if (!isSame || records.size !== this.#records?.size) this.#models = undefined;
      this.#records = records;
      return VerifiedLayers.copy(await this.#verified(prefix, signal));
    });
  }

  status(): LayerStatus[] {
    return [...this.#loadRecords().values()].map((record) => {
      const { name, layer, way, why, rows, keysRecomputed, rebuilds, lastMs, error } = record;
      const status = { name, layer, way, why, rows, keysRecomputed, rebuilds, lastMs };
      return error === undefined ? status : { ...status, error };
    });
  }

  async #planInput(): Promise<PlanInput> {
    const { folder, isPublished } = this.#setup;
    const files = await readModels(folder);
    const build = currentBuild(this.#setup.catalog) + 1;
    const set = await this.#compile(files.models, (name, fingerprint) => {
      const record = this.#loadRecords().get(name);
      const isBuilt = record?.fingerprint === fingerprint && record.error === undefined;
      return isBuilt ? record.storage : storageName(name, build);
    });
    const problems = [...files.problems, ...set.problems];
    const tables = new Set(this.#setup.tables().keys());
    const records = this.#loadRecords();
    return { ...set, files: files.models, problems, records, tables, isPublished };
  }

  #compile(
    models: readonly ModelFile[],
    storageOf: (name: string, fingerprint: string) => string,
  ): Promise<ModelSet> {
    const { engine, omit } = this.#setup;
    const schemas = this.#setup.tables();
    return compileModels(models, { engine, schemas, storageOf, ...(omit ? { omit } : {}) });
  }

  /** The built models, compiled from the text they were built from. */
  async #active(): Promise<readonly CompiledModel[]> {
    const signature = this.#schemaSignature();
    if (this.#models !== undefined && this.#schemas === signature) return this.#models;
    const set = await this.#compileBuilt((name) => this.#record(name).storage);
    for (const [name, problems] of set.failed) this.#fail(name, problems);
    for (const { model, fingerprint } of set.compiled) {
      const record = this.#record(model.name);
      if (record.fingerprint === fingerprint || record.error) continue;
      const message = 'A column that it reads has changed its type, or a table its key.';
      this.#keep({ ...record, error: `${message} Run \`cdc layers apply\`.` });
    }
    this.#models = set.compiled;
    this.#schemas = signature;
    return set.compiled;
  }

  async #verified(prefix: string, signal: AbortSignal): Promise<VerifiedLayersOptions> {
    const { engine } = this.#setup;
    const models = await this.#active();
    const records = [...this.#loadRecords().values()];
    return { engine, models, records, schemas: this.#setup.tables(), prefix, signal };
  }

  /** The built models from the text they were built from, in the tables they have or get. */
  #compileBuilt(storageOf: (name: string) => string): Promise<ModelSet> {
    return this.#compile([...this.#loadRecords().values()].map(modelOf), storageOf);
  }

  #schemaSignature(): string {
    const versions = [...this.#setup.tables()].map(([table, { version }]) => `${table}@${version}`);
    return versions.sort().join(' ');
  }

  /** Builds a model unless it is built; a change of comments only is taken over without a build. */
  async #bring(compiled: CompiledModel, isRead: boolean, signal: AbortSignal): Promise<void> {
    const record = this.#loadRecords().get(compiled.model.name);
    if (record?.fingerprint !== compiled.fingerprint || record.error !== undefined) {
      return this.#build(compiled, isRead, signal);
    }
    const { sql, file } = compiled.model;
    if (record.isRead !== isRead) {
      // No reader of before is missed: whoever reads it now is being built in full.
      const { engine } = this.#setup;
      await createDeltas(compiled, { engine, build: 0, isRead, signal });
    }
    const isSame = record.sql === sql && record.file === file && record.isRead === isRead;
    if (!isSame) await this.#store({ ...record, sql, file, isRead });
  }

  async #build(compiled: CompiledModel, isRead: boolean, signal: AbortSignal): Promise<void> {
    const { engine, logger } = this.#setup;
    const { name } = compiled.model;
    const startedAt = performance.now();
    const build = await this.#state.nextBuild();
    const built = await buildModel(compiled, { engine, build, isRead, signal });
    const ms = Math.round(performance.now() - startedAt);
    const before = this.#loadRecords().get(name);
    await this.#store(recordOf(compiled, before, { ...built, isRead, ms, build }));
    await engine.command(createView(compiled), { signal });
    if (before !== undefined) await this.#run(dropTables(before), signal);
    logger.info({ component: 'layers', model: name, rows: built.rows, ms }, 'Built a model.');
  }

  async #dropRemoved({ files, records }: PlanInput, signal: AbortSignal): Promise<void> {
    const names = new Set(files.map(({ name }) => name));
    for (const record of [...records.values()]) {
      if (names.has(record.name)) continue;
      await this.#run([dropView(record.name), ...dropTables(record)], signal);
      await this.#state.forget(record.name);
      this.#loadRecords().delete(record.name);
    }
  }

  async #run(statements: readonly string[], signal: AbortSignal): Promise<void> {
    for (const statement of statements) await this.#setup.engine.command(statement, { signal });
  }

  /** A built model whose source has changed under it stops alone; only a changed text is the user's mistake. */
  #isolateFailed({ failed, files, records }: PlanInput): void {
    for (const { name, sql } of files) {
      const problems = failed.get(name);
      if (problems && records.get(name)?.sql === sql) this.#fail(name, problems);
    }
  }

  #fail(name: string, problems: readonly Problem[]): void {
    const record = this.#record(name);
    const [problem] = problems;
    const message = problem
      ? `${problem.where}: ${problem.message}`
      : 'A model that it reads has stopped.';
    this.#keep({ ...record, error: message });
  }

  /** Notes a refused build; the model is built again by the next apply. */
  #stop(compiled: CompiledModel, error: CdcError): CdcError {
    const { name, file } = compiled.model;
    const record = this.#loadRecords().get(name);
    if (record !== undefined) this.#keep({ ...record, error: error.message });
    if (error.code === 'CDC_LAYERS_INVALID') return error;
    const message = `Building ${name} (${file}) failed: ${error.message}`;
    return new CdcError('CDC_LAYERS_MODEL_FAILED', message, { cause: error });
  }

  /** Once in a while: throws away what published cuts have left, and looks at the sizes of tables. */
  async #tidy(
    models: readonly CompiledModel[],
    { isRepeat }: Attempt,
    signal: AbortSignal,
  ): Promise<void> {
    this.#refreshesSinceTidy += 1;
    if (this.#refreshesSinceTidy < tidyEvery) return;
    const { engine, options } = this.#setup;
    for (const sql of [createMarker, clearMarker]) await engine.command(sql, { signal });
    this.#isSmall = await findSmallTables(engine, options.smallTableRows, signal);
    // A repeated attempt still needs the deltas of those before it.
    if (isRepeat) return;
    for (const { tables } of models.flatMap(({ nodes }) => nodes)) {
      for (const table of [tables.delta, tables.keys]) {
        await engine.command(`TRUNCATE TABLE IF EXISTS ${table}`, { signal });
      }
    }
    this.#refreshesSinceTidy = 0;
  }

  #logFailures(runs: readonly ModelRun[]): void {
    for (const { report, record } of runs) {
      if (report.strategy !== 'failed') continue;
      const fields = { component: 'layers', model: record.name, error: record.error };
      this.#setup.logger.error(fields, 'A model has stopped.');
    }
  }

  #loadRecords(): Map<string, ModelRecord> {
    this.#records ??= this.#state.records();
    return this.#records;
  }

  #record(name: string): ModelRecord {
    const record = this.#loadRecords().get(name);
    if (record === undefined) throw new CdcError('CDC_INTERNAL', `${name} has no record.`);
    return record;
  }

  #keep(record: ModelRecord): void {
    this.#loadRecords().set(record.name, record);
  }

  async #store(record: ModelRecord): Promise<void> {
    this.#keep(record);
    await this.#state.store([record]);
  }
}

/** Models all of whose tables are there; the others wait for a snapshot to finish. */
function readyModels({ compiled }: PlanInput, tables: ReadonlySet<string>): CompiledModel[] {
  const ready = new Set(tables);
  return compiled.filter(({ model, reads }) => {
    const isReady = reads.every((name) => ready.has(name));
    if (isReady) ready.add(model.name);
    return isReady;
  });
}

/** Direct and indirect readers of these. */
function readersOf(
  models: readonly CompiledModel[],
  names: ReadonlySet<string>,
): ReadonlySet<string> {
  const stale = new Set<string>(names);
  const readers = models.filter(({ model, reads }) => {
    const isReader = reads.some((name) => stale.has(name));
    if (isReader) stale.add(model.name);
    return isReader;
  });
  return new Set(readers.map(({ model }) => model.name));
}

function assertApplicable({ files, failed, records, problems }: PlanInput): void {
  const mistakes = files.flatMap(({ name, sql }) => {
    return records.get(name)?.sql === sql ? [] : (failed.get(name) ?? []);
  });
  const all = [...problems, ...mistakes].filter(({ severity }) => severity === 'error');
  if (all.length === 0) return;
  const list = all.map(({ where, message }) => `${where} ${message}`).join('\n');
  throw new CdcError('CDC_LAYERS_INVALID', `The layer files have problems:\n${list}`);
}

function isRefused(error: unknown): error is CdcError {
  return error instanceof CdcError && error.kind !== 'transient' && error.kind !== 'bug';
}

function named(models: readonly CompiledModel[]) {
  return models.map((compiled) => {
    return { name: compiled.model.name, reads: compiled.reads, compiled };
  });
}
