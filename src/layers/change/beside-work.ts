import type { LayerAudits } from '../audit/layer-audits.ts';
import { storageName } from '../layer-names.ts';
import { currentBuild, type LayerState, type ModelRecord, recordValues } from '../layer-state.ts';
import type { LayersCut, LayersSetup } from '../layers.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { Scope } from '../node/maintained-node.ts';
import { createDeltas } from '../refresh/model-build.ts';
import { createView, dropTables, dropView } from '../refresh/node-storage.ts';
import { BesideJob } from './beside-job.ts';
import type { BuiltModels } from './built-models.ts';
import { type AppliedChange, LayerHistory } from './layer-history.ts';
import type { ModelChange } from './model-change.ts';
import { planRollback } from './plan-rollback.ts';

export interface BesideWorkParts {
  readonly setup: LayersSetup;
  readonly state: LayerState;
  readonly built: BuiltModels;
  readonly audits: LayerAudits;
  readonly isSmall: Scope['isSmall'];
}

interface BeginOptions {
  /** Then one model that cannot be built is a failure of the whole. */
  readonly isAsked: boolean;
  readonly signal: AbortSignal;
}

/** A failed job of models that were left for later is begun again after this. */
const retryMs = 5_000;

/**
 * The one job beside the refreshes: new versions of models, or models with too many affected keys for a refresh. It
 * is begun and ended between two refreshes' works, at a cut; its result takes the place of the old tables in one commit.
 */
export class BesideWork {
  readonly #parts: BesideWorkParts;
  readonly #history: LayerHistory;
  #running: { job: BesideJob; change?: ModelChange; startedAt: number } | undefined;
  #published: LayersCut['from'] = { version: 0n, build: 0 };
  #retryAtMs = 0;

  constructor(parts: BesideWorkParts) {
    this.#parts = parts;
    this.#history = new LayerHistory(parts.setup.catalog);
  }

  get history(): LayerHistory {
    return this.#history;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** What the job has left to do is for the next cut. */
  get isReady(): boolean {
    return this.#running?.job.isDone ?? false;
  }

  /** Models that the job brings to the present, so that refreshes leave them. */
  isBringing(model: string): boolean {
    const running = this.#running;
    return running?.job.kind === 'refresh' && running.job.names.has(model);
  }

  isRetryDue(nowMs: number): boolean {
    return nowMs >= this.#retryAtMs;
  }

  /** The smallest build whose deltas the job has still to read. */
  get needed(): number {
    return this.#running?.job.needed ?? Number.POSITIVE_INFINITY;
  }

  notePublished(from: LayersCut['from']): void {
    this.#published = from;
  }

  done(): Promise<void> {
    return this.#running?.job.done() ?? Promise.resolve();
  }

  /** New versions of models are built while refreshes go on; `finish` switches to them. */
  async begin(change: ModelChange, { isAsked, signal }: BeginOptions): Promise<void> {
    await this.#followReaders(change, signal);
    const read = new Set(change.all.flatMap(({ reads }) => reads));
    const isRead = (name: string) => read.has(name);
    const job = this.#newJob('build', change.made, { isRead, isWhole: isAsked });
    this.#running = { job, change, startedAt: performance.now() };
    job.start(signal);
  }

  /** The same with nothing going on meanwhile: done when it resolves. */
  async run(change: ModelChange, options: BeginOptions): Promise<void> {
    await this.#makeWay(options.signal);
    await this.begin(change, options);
    await this.done();
    await this.#end((job) => Promise.resolve(job.records()), options.signal);
  }

  /** Builds models anew whose rows have no usable history, with nothing going on meanwhile. */
  async rebuild(models: readonly CompiledModel[], signal: AbortSignal): Promise<void> {
    const { built } = this.#parts;
    await this.#makeWay(signal);
    const isRead = (name: string) => built.record(name).isRead;
    const job = this.#newJob('build', models, { isRead, isWhole: false });
    this.#running = { job, startedAt: performance.now() };
    job.start(signal);
    await this.done();
    await this.#end(() => Promise.resolve(job.records()), signal);
    const names = new Set(models.map(({ model }) => model.name));
    const retired = this.#history.retiredRecords().filter(({ name }) => names.has(name));
    await this.#history.markStale(retired.map(({ storage }) => storage));
  }

  /** Brings models that refreshes have left to the present. */
  async beginRefresh(names: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { built, setup } = this.#parts;
    const build = currentBuild(setup.catalog) + 1;
    const { compiled } = await built.compileAll((name) => {
      return names.has(name) ? storageName(name, build) : built.record(name).storage;
    });
    const models = compiled.filter(({ model }) => names.has(model.name));
    const isRead = (name: string) => built.record(name).isRead;
    const job = this.#newJob('refresh', models, { isRead, isWhole: false });
    this.#running = { job, startedAt: performance.now() };
    job.start(signal);
  }

  /** The job's last pass and the switch, at the cut that the other models are at; resolves to the models it was about. */
  async finish(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return this.#end((job) => job.finish(signal), signal);
  }

  /** Puts back what the changes from `number` on have replaced, with its rows. */
  async rollback(number: number, files: string, signal: AbortSignal): Promise<AppliedChange> {
    const { built, state, setup } = this.#parts;
    const planned = planRollback(this.#history, built.records(), number);
    const change: AppliedChange = {
      number: this.#history.nextNumber(),
      atMs: Date.now(),
      kind: 'rollback',
      models: planned.models,
      ms: 0,
    };
    await state.commit({
      ...recordValues(planned.restored),
      ...Object.fromEntries(planned.gone.map(({ name }) => [state.keyOf(name), undefined])),
      ...Object.fromEntries(
        planned.restored.map(({ storage }) => [this.#history.retiredKey(storage), undefined]),
      ),
      ...this.#history.entriesOf(change, planned.replaced, this.#published),
      ...this.#history.declinedEntry(files),
    });
    for (const { name } of planned.gone) built.forget(name);
    for (const record of planned.restored) built.keep(record);
    await this.#show(await built.reload(), planned.restored, signal);
    for (const { name } of planned.gone) await setup.engine.command(dropView(name), { signal });
    return change;
  }

  /** Drops the tables of versions that a rollback does not reach any more. */
  async dropExpired(signal: AbortSignal): Promise<void> {
    const { options } = this.#parts.setup;
    for (const { record } of this.#history.expired(options.keepVersions)) {
      await this.#run(dropTables(record), signal);
      await this.#history.forget(record.storage);
    }
  }

  async #end(
    recordsOf: (job: BesideJob) => Promise<ModelRecord[]>,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const running = this.#running;
    if (running === undefined) return new Set();
    const { job, change, startedAt } = running;
    try {
      job.assertWorked();
      const records = await recordsOf(job);
      if (change === undefined) await this.#replace(job, records, signal);
      else await this.#switch(change, records, performance.now() - startedAt);
      this.#running = undefined;
    } catch (error) {
      this.#retryAtMs = Date.now() + retryMs;
      await this.#drop(job, signal);
      throw error;
    }
    if (change !== undefined) await this.#showChange(change, signal);
    return job.names;
  }

  /** What the job was about is begun anew later. */
  async #makeWay(signal: AbortSignal): Promise<void> {
    await this.done();
    if (this.#running !== undefined) await this.#drop(this.#running.job, signal);
  }

  /** What cannot be dropped now is found among the stray tables later. */
  async #drop(job: BesideJob, signal: AbortSignal): Promise<void> {
    this.#running = undefined;
    await job.discard(signal).catch(() => undefined);
  }

  /** The new tables take the place of the old ones, which nobody wants back. */
  async #replace(job: BesideJob, records: readonly ModelRecord[], signal: AbortSignal) {
    const { built, state } = this.#parts;
    const old = records.map(({ name }) => built.record(name));
    await state.store(records);
    for (const record of records) built.keep(record);
    await this.#show(await built.reload(), records, signal);
    for (const [index, record] of old.entries()) {
      if (record.storage !== records[index]?.storage) await this.#run(dropTables(record), signal);
    }
    await job.discard(signal, 'failed');
  }

  async #switch(change: ModelChange, records: readonly ModelRecord[], ms: number): Promise<void> {
    const { built, state } = this.#parts;
    const changed = [...records, ...change.kept];
    const rows = new Map(changed.map((record) => [record.name, record.rows]));
    const renamed = new Set(change.kept.map(({ storage }) => storage));
    const current = new Set(records.map(({ storage }) => storage));
    const replaced = records.flatMap(({ name }) => built.find(name) ?? []);
    const gone = change.removed.filter(({ storage }) => !renamed.has(storage));
    const retired = [...replaced, ...gone].filter(({ storage }) => !current.has(storage));
    const applied: AppliedChange = {
      number: this.#history.nextNumber(),
      atMs: Date.now(),
      kind: 'apply',
      models: change.models.map((model) => ({ ...model, rows: rows.get(model.name) ?? 0 })),
      ms: Math.round(ms),
    };
    await state.commit({
      ...Object.fromEntries(change.removed.map(({ name }) => [state.keyOf(name), undefined])),
      ...recordValues(changed),
      ...(applied.models.length > 0 && this.#history.entriesOf(applied, retired, this.#published)),
    });
    for (const { name } of change.removed) built.forget(name);
    for (const record of changed) built.keep(record);
    const isAll = change.all.length === built.records().size;
    if (isAll && records.every(({ error }) => error === undefined)) built.use(change.all);
    else await built.reload();
  }

  async #showChange({ all, kept, removed }: ModelChange, signal: AbortSignal): Promise<void> {
    const { setup, built } = this.#parts;
    await this.#show(all, [...built.records().values()], signal);
    const names = new Set([...all.map(({ model }) => model.name), ...kept.map(({ name }) => name)]);
    for (const { name } of removed) {
      if (!names.has(name)) await setup.engine.command(dropView(name), { signal });
    }
    await this.dropExpired(signal);
  }

  /** Views follow the records. */
  async #show(
    models: readonly CompiledModel[],
    records: readonly ModelRecord[],
    signal: AbortSignal,
  ): Promise<void> {
    const names = new Set(records.map(({ name }) => name));
    const shown = models.filter(({ model }) => names.has(model.name));
    await this.#run(shown.map(createView), signal);
  }

  /** What new versions read keeps its changes on disk from now on; what nobody reads any more, in memory. */
  async #followReaders({ all, made }: ModelChange, signal: AbortSignal): Promise<void> {
    const { built, setup } = this.#parts;
    const read = new Set(all.flatMap(({ reads }) => reads));
    const fresh = new Set(made.map(({ model }) => model.name));
    for (const compiled of all) {
      const { name } = compiled.model;
      const record = built.find(name);
      if (fresh.has(name) || record === undefined || record.isRead || !read.has(name)) continue;
      await createDeltas(compiled, { engine: setup.engine, build: 0, isRead: true, signal });
      await built.store({ ...record, isRead: true });
    }
  }

  #newJob(
    kind: BesideJob['kind'],
    models: readonly CompiledModel[],
    options: { isRead: (name: string) => boolean; isWhole: boolean },
  ): BesideJob {
    const { setup, state, built, isSmall, audits } = this.#parts;
    return new BesideJob({
      ...{ setup, state, kind, models, isSmall, audits, ...options },
      records: built.records(),
      published: () => this.#published,
    });
  }

  async #run(statements: readonly string[], signal: AbortSignal): Promise<void> {
    for (const sql of statements) await this.#parts.setup.engine.command(sql, { signal });
  }
}
