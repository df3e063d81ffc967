import { createHash } from 'node:crypto';
import { CdcError } from '../errors.ts';
import { LayerAudits } from './audit/layer-audits.ts';
import { atOf, isRefusal } from './change/beside-job.ts';
import { BesideWork } from './change/beside-work.ts';
import { BuildEstimates, tableSizes } from './change/build-estimate.ts';
import { BuiltModels } from './change/built-models.ts';
import type { AppliedChange } from './change/layer-history.ts';
import { assertApplicable, type ModelChange, planChange } from './change/model-change.ts';
import { type PlanInput, planModels } from './change/plan-models.ts';
import { storageName } from './layer-names.ts';
import { type Attempt, currentBuild, LayerState, type ModelRecord } from './layer-state.ts';
import type {
  ApplyOptions,
  LayerStatus,
  Layers,
  LayersCut,
  LayersPlan,
  LayersSetup,
  RefreshReport,
} from './layers.ts';
import type { CompiledModel } from './model/model-compiler.ts';
import { readModels } from './model/model-file.ts';
import { closeAttempt, setMarker } from './refresh/attempt-marker.ts';
import { CutChanges } from './refresh/cut-changes.ts';
import { Lanes } from './refresh/lanes.ts';
import { ModelRefresher, type ModelRun, withGrowth } from './refresh/model-refresher.ts';
import { databaseStatements } from './refresh/node-storage.ts';
import { type RefreshSubject, refreshModels } from './refresh/refresh-models.ts';
import { Tidying } from './refresh/tidying.ts';
import type { LayerDifference } from './verify/model-verification.ts';
import { VerifiedLayers, type VerifiedLayersOptions } from './verify/verified-layers.ts';

/** Something asked for between two refreshes. */
interface Asked {
  readonly begin: (signal: AbortSignal) => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The layers of one project on one engine. */
export class MaintainedLayers implements Layers {
  readonly #setup: LayersSetup;
  readonly #state: LayerState;
  readonly #built: BuiltModels;
  readonly #beside: BesideWork;
  readonly #tidying: Tidying;
  readonly #audits: LayerAudits;
  readonly #lanes = new Lanes();
  readonly #asked: Asked[] = [];
  #waiting: Asked | undefined;

  constructor(setup: LayersSetup) {
    const { engine, catalog } = setup;
    this.#setup = setup;
    this.#state = new LayerState(catalog);
    this.#built = new BuiltModels(setup, this.#state);
    this.#tidying = new Tidying(setup);
    this.#audits = new LayerAudits(engine, catalog);
    this.#beside = new BesideWork({
      ...{ setup, state: this.#state, built: this.#built, audits: this.#audits },
      isSmall: (relation) => this.#tidying.isSmall(relation),
    });
  }

  async plan(): Promise<LayersPlan> {
    const input = await this.#planInput();
    const sizes = await tableSizes(this.#setup.engine);
    return planModels(input, new BuildEstimates(sizes, input.records));
  }

  async apply(signal: AbortSignal, { isAsked = true }: ApplyOptions = {}): Promise<void> {
    const { history } = this.#beside;
    const input = await this.#planInput();
    if (isAsked) await history.accept();
    else if (history.declined === filesDigest(input)) return;
    const change = await this.#changeOf(input, signal);
    await this.#beside.run(change, { isAsked, signal });
    this.#hasMadeWay();
  }

  async startApply(): Promise<void> {
    return this.#ask(async (signal) => {
      const input = await this.#planInput();
      const change = await this.#changeOf(input, signal);
      await this.#beside.history.accept();
      await this.#beside.begin(change, { isAsked: true, signal });
    });
  }

  history(): readonly AppliedChange[] {
    return this.#beside.history.changes();
  }

  async rollback(number: number): Promise<void> {
    return this.#ask(async (signal) => {
      const files = filesDigest(await this.#planInput());
      await this.#beside.rollback(number, files, signal);
    });
  }

  isDue(): boolean {
    if (this.#beside.isReady || (this.#asked.length > 0 && !this.#beside.isBusy)) return true;
    const records = [...this.#built.records().values()].filter(({ error }) => error === undefined);
    const nowMs = Date.now();
    const due = this.#lanes.due(nowMs);
    return records.some(({ name, at, isLeft }) => {
      if (isLeft) return !this.#beside.isBusy && this.#beside.isRetryDue(nowMs);
      return at !== undefined && due.has(name);
    });
  }

  idle(): Promise<void> {
    return this.#beside.done();
  }

  async refresh(cut: LayersCut, signal: AbortSignal): Promise<RefreshReport> {
    let report = await this.#refreshOnce(cut, signal);
    // What a job has brought lets its readers follow.
    while (cut.isWhole && this.#isApart()) report = await this.#refreshOnce(cut, signal);
    return report;
  }

  async #refreshOnce(cut: LayersCut, signal: AbortSignal): Promise<RefreshReport> {
    const { engine, omit } = this.#setup;
    this.#beside.notePublished(cut.from);
    if (cut.isWhole) await this.#beside.done();
    const models = await this.#built.active(cut.from.version);
    await this.#built.remember();
    this.#lanes.follow(models);
    const begun = await this.#state.beginAttempt(cut.from);
    const attempt = omit === 'kept-deltas' ? { ...begun, since: begun.build - 1 } : begun;
    const { history, isBusy } = this.#beside;
    const records = [...this.#built.records().values()];
    await this.#tidying.run({ attempt, models, records, history, isBusy }, signal);
    await setMarker(engine, attempt, signal);
    const nowMs = Date.now();
    const { runs, left } = await this.#refreshModels(models, { cut, attempt, nowMs, signal });
    const grownNodes = [...runs.values()].flatMap((run) => run.grownNodes);
    const growth = await closeAttempt(engine, attempt, grownNodes, signal);
    const changed: ModelRecord[] = [];
    for (const run of runs.values()) {
      const record = this.#placed(withGrowth(run, growth), {
        cut,
        isLeft: left.get(run.record.name),
      });
      if (run.report.strategy !== 'none' || record.at !== run.record.at) changed.push(record);
      this.#built.keep(record);
    }
    await this.#state.endAttempt(cut.from, attempt, changed);
    this.#lanes.note(
      [...runs.keys()].filter((name) => !left.has(name)),
      nowMs,
    );
    this.#logFailures([...runs.values()]);
    await this.#workBeside(signal);
    return { models: [...runs.values()].map(({ report }) => report) };
  }

  async rebuild(tables: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const readers = readersOf(await this.#built.active(), tables);
    const build = currentBuild(this.#setup.catalog) + 1;
    const { compiled } = await this.#built.compileAll((name) => {
      return readers.has(name) ? storageName(name, build) : this.#built.record(name).storage;
    });
    // What has another form now waits for somebody to look at it.
    const made = compiled.filter(({ model, fingerprint }) => {
      return readers.has(model.name) && this.#built.record(model.name).fingerprint === fingerprint;
    });
    await this.#beside.rebuild(made, signal);
    this.#hasMadeWay();
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
    await this.#built.active();
    return hold(async () => {
      await this.#built.readAgain();
      return VerifiedLayers.copy(await this.#verified(prefix, signal));
    });
  }

  status(): LayerStatus[] {
    return [...this.#built.records().values()].map((record) => {
      const { name, layer, way, why, rows, keysRecomputed, rebuilds, lastMs, error, at, isLeft } =
        record;
      const { errorCode } = record;
      const warnings = this.#audits.warnings(name);
      return {
        ...{ name, layer, way, why, rows, keysRecomputed, rebuilds, lastMs },
        ...(error !== undefined && { error }),
        ...(errorCode !== undefined && { errorCode }),
        ...(warnings.length > 0 && { warnings }),
        ...(at !== undefined && { at: BigInt(at.version) }),
        ...(isLeft && { isCatchingUp: true }),
      };
    });
  }

  async #refreshModels(
    models: readonly CompiledModel[],
    at: { cut: LayersCut; attempt: Attempt; nowMs: number; signal: AbortSignal },
  ): Promise<{ runs: ReadonlyMap<string, ModelRun>; left: ReadonlyMap<string, boolean> }> {
    const { engine, options, omit } = this.#setup;
    const { cut, attempt, nowMs, signal } = at;
    const { from, tables, isWhole = false, suspects } = cut;
    const shared = new CutChanges({ from, tables, omit, sinceOf: () => attempt.since });
    const due = this.#lanes.due(nowMs);
    const waits = (record: ModelRecord) => {
      const { name } = record;
      if (this.#beside.isBringing(name)) return true;
      if (isWhole) return false;
      if (record.isLeft) return true;
      return this.#lanes.isOfMinutes(name) && !due.has(name);
    };
    const subjects = models.map((compiled): RefreshSubject => {
      const record = this.#built.record(compiled.model.name);
      const since = atOf(record);
      const changes = since === undefined ? shared : new CutChanges({ from: since, omit });
      return { compiled, record, changes, isLeft: waits(record) };
    });
    const given = {
      engine,
      options,
      attempt,
      isSmall: this.#tidying.isSmall,
      signal,
      omit,
      suspects,
    };
    const refresher = new ModelRefresher({ ...given, isBeside: isWhole, audits: this.#audits });
    const { runs, left } = await refreshModels(refresher, subjects);
    // Of those that are left, models of minutes come with a later refresh; the others need a job.
    const needsJob = (name: string) => !this.#lanes.isOfMinutes(name) || due.has(name);
    return { runs, left: new Map([...left].map((name) => [name, needsJob(name)])) };
  }

  /** The record with the cut that the model is at. */
  #placed(
    { at, isLeft: _, ...record }: ModelRecord,
    now: { cut: LayersCut; isLeft: boolean | undefined },
  ): ModelRecord {
    if (record.error !== undefined) return { ...record, ...(at && { at }) };
    if (now.isLeft === undefined) return record;
    const { from } = now.cut;
    const place = at ?? { version: String(from.version), build: from.build };
    const wasLeft = this.#built.find(record.name)?.isLeft;
    return { ...record, at: place, ...((now.isLeft || wasLeft) && { isLeft: true }) };
  }

  /** Ends a job that is done, and begins the next one: what was asked for, or models that were left. */
  async #workBeside(signal: AbortSignal): Promise<void> {
    if (this.#beside.isReady) await this.#endJob(signal);
    if (this.#beside.isBusy) return;
    const asked = this.#asked.shift();
    if (asked !== undefined) {
      await asked.begin(signal).then(
        () => this.#wait(asked),
        (error: unknown) => asked.reject(error),
      );
      if (this.#beside.isBusy) return;
    }
    const left = [...this.#built.records().values()].filter(
      ({ isLeft, error }) => isLeft && error === undefined,
    );
    if (left.length === 0 || !this.#beside.isRetryDue(Date.now())) return;
    await this.#beside.beginRefresh(new Set(left.map(({ name }) => name)), signal);
  }

  /** A rollback is done at once; a change ends with its job. */
  #wait(asked: Asked): void {
    if (this.#beside.isBusy) this.#waiting = asked;
    else asked.resolve();
  }

  /** Tables are made anew, and not those that the job before was asked for. */
  #hasMadeWay(): void {
    this.#tidying.hurry();
    if (this.#waiting !== undefined) this.#asked.unshift(this.#waiting);
    this.#waiting = undefined;
  }

  async #endJob(signal: AbortSignal): Promise<void> {
    const asked = this.#waiting;
    this.#waiting = undefined;
    try {
      const names = await this.#beside.finish(signal);
      this.#tidying.hurry();
      this.#lanes.note(names, Date.now());
      asked?.resolve();
    } catch (error) {
      asked?.reject(error);
      if (asked !== undefined && isRefusal(error)) return;
      if (!(error instanceof CdcError)) throw error;
      const fields = { component: 'layers', error: loggable(error.message, error.code) };
      this.#setup.logger.warn(
        fields,
        'Work on models beside the refreshes has failed; it is begun again.',
      );
    }
  }

  /** Some model is at another cut than the others. */
  #isApart(): boolean {
    const records = [...this.#built.records().values()];
    return records.some(({ at, error }) => at !== undefined && error === undefined);
  }

  #ask(begin: Asked['begin']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ begin, resolve, reject });
    });
  }

  async #changeOf(input: PlanInput, signal: AbortSignal): Promise<ModelChange> {
    // A built model whose source has changed under it stops alone; only a changed text is the user's mistake.
    for (const { name, sql } of input.files) {
      const problems = input.failed.get(name);
      if (problems && input.records.get(name)?.sql === sql) this.#built.fail(name, problems);
    }
    assertApplicable(input);
    for (const sql of databaseStatements) await this.#setup.engine.command(sql, { signal });
    return planChange(input);
  }

  async #planInput(): Promise<PlanInput> {
    const { folder, catalog, isPublished } = this.#setup;
    const files = await readModels(folder);
    const build = currentBuild(catalog) + 1;
    const records = this.#built.records();
    const names = new Set(files.models.map(({ name }) => name));
    const nameless = [...records.values()].filter(({ name }) => !names.has(name));
    const set = await this.#built.compile(files.models, (name, fingerprint) => {
      const isSame = (record: ModelRecord | undefined) =>
        record?.fingerprint === fingerprint && record.error === undefined;
      const own = records.get(name);
      const source = own ?? nameless.find(isSame);
      return source !== undefined && isSame(source) ? source.storage : storageName(name, build);
    });
    const problems = [...files.problems, ...set.problems];
    const tables = new Set(this.#setup.tables().keys());
    const broken = [...records.keys()].flatMap((name) => this.#audits.warnings(name));
    return { ...set, files: files.models, problems, records, tables, isPublished, broken };
  }

  async #verified(prefix: string, signal: AbortSignal): Promise<VerifiedLayersOptions> {
    const { engine } = this.#setup;
    const models = await this.#built.active();
    const records = [...this.#built.records().values()];
    return { engine, models, records, schemas: this.#setup.tables(), prefix, signal };
  }

  #logFailures(runs: readonly ModelRun[]): void {
    for (const { report, record } of runs) {
      if (report.strategy !== 'failed') continue;
      const { name, error = '', errorCode } = record;
      const fields = { component: 'layers', model: name, error: loggable(error, errorCode) };
      this.#setup.logger.error(fields, 'A model has stopped.');
    }
  }
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

/** The message of a broken audit shows rows, and values of rows are never logged. */
function loggable(message: string, code: string | undefined): string {
  return code === 'CDC_LAYERS_AUDIT_FAILED'
    ? 'Rows break an audit; `cdc status` shows them.'
    : message;
}

/** Equal for the same texts under the same names. */
function filesDigest({ files }: PlanInput): string {
  const texts = files.map(({ name, sql }) => [name, sql]);
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}
