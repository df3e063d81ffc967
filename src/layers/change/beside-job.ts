import { CdcError } from '../../errors.ts';
import type { LayerAudits } from '../audit/layer-audits.ts';
import { type Attempt, type LayerState, type ModelRecord, recordOf } from '../layer-state.ts';
import type { LayersCut, LayersSetup } from '../layers.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { Scope } from '../node/maintained-node.ts';
import { closeAttempt, setMarker } from '../refresh/attempt-marker.ts';
import { CutChanges } from '../refresh/cut-changes.ts';
import { buildModel } from '../refresh/model-build.ts';
import { ModelRefresher, withGrowth } from '../refresh/model-refresher.ts';
import { copyStorage, dropTables } from '../refresh/node-storage.ts';
import { refreshModels } from '../refresh/refresh-models.ts';
import { runInOrder } from '../refresh/run-in-order.ts';

type CutPlace = LayersCut['from'];

export interface BesideJobOptions {
  readonly setup: LayersSetup;
  readonly state: LayerState;
  /** `build`: new tables filled from nothing. `refresh`: copies of the old ones, brought to the present. */
  readonly kind: 'build' | 'refresh';
  /** The models in their new tables, in order of dependency. */
  readonly models: readonly CompiledModel[];
  /** Of models that are there already. */
  readonly records: ReadonlyMap<string, ModelRecord>;
  /** One model that cannot be built is a failure of the whole; otherwise it keeps its old tables and stops. */
  readonly isWhole: boolean;
  /** Others read this model. */
  readonly isRead: (model: string) => boolean;
  /** The newest published cut. */
  readonly published: () => CutPlace;
  readonly isSmall: Scope['isSmall'];
  /** Looks at the rows of a new model before anybody reads them; throws to refuse them. */
  readonly audits: LayerAudits;
}

/** More passes would not bring it nearer to the present than these. */
const mostPasses = 5;
/** What is left after a pass as short as this is done with the next cut. */
const shortPassMs = 1_000;

/**
 * Work on models in tables of their own, beside those that readers see, while refreshes and the loading go on:
 *
 *   fill (or copy) ── pass: what has changed since ── pass ── ... ── last pass at a cut, with ODS standing still ── switch
 *
 * Rows may be computed from tables that change meanwhile. That is right in the end, because whatever changed after the
 * cut that a pass began at is looked at again by the next one, and a row can only be wrong if something it is made of changed.
 */
export class BesideJob {
  readonly #options: BesideJobOptions;
  readonly #records = new Map<string, ModelRecord>();
  #caughtUp: CutPlace;
  /** Deltas of the job's own models are news after this build. */
  #lastPass = 0;
  #isDone = false;
  #error: unknown;
  #work: Promise<void> = Promise.resolve();

  constructor(options: BesideJobOptions) {
    this.#options = options;
    this.#caughtUp = options.published();
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#options.models.map(({ model }) => model.name));
  }

  get models(): readonly CompiledModel[] {
    return this.#options.models;
  }

  get kind(): 'build' | 'refresh' {
    return this.#options.kind;
  }

  /** The last pass and the switch are all that is missing; or it has failed, see `assertWorked`. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Builds whose deltas the job has still to read are larger than this. */
  get needed(): number {
    return Math.min(this.#caughtUp.build, ...[...this.#atOf()].map(([, { build }]) => build));
  }

  /** Begins; never rejects. */
  start(signal: AbortSignal): void {
    this.#work = this.#run(signal)
      .catch((error: unknown) => {
        this.#error = error;
      })
      .finally(() => {
        this.#isDone = true;
      });
  }

  /** Resolves when `isDone`. */
  done(): Promise<void> {
    return this.#work;
  }

  assertWorked(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** The last pass, at a cut at which ODS stands still. Resolves to the records of the models as they are in their new tables. */
  async finish(signal: AbortSignal): Promise<ModelRecord[]> {
    await this.#pass(this.#caughtUp, signal);
    return this.records();
  }

  /** The models as they are in their new tables, without a last pass. */
  records(): ModelRecord[] {
    return [...this.#records.values()];
  }

  /** Drops the new tables, or only those of models that could not be brought. */
  async discard(signal: AbortSignal, which: 'all' | 'failed' = 'all'): Promise<void> {
    const { setup, models } = this.#options;
    for (const { model, storage, nodes } of models) {
      if (which === 'failed' && this.#records.get(model.name)?.storage === storage) continue;
      const nodeRows = Object.fromEntries(nodes.map(({ relation }) => [relation.name, 0]));
      for (const sql of dropTables({ name: model.name, storage, nodeRows })) {
        await setup.engine.command(sql, { signal });
      }
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { kind, published } = this.#options;
    if (kind === 'build') await this.#build(signal);
    else await this.#copy(signal);
    for (let pass = 0; pass < mostPasses; pass += 1) {
      const next = published();
      const isFirst = pass === 0 && kind === 'refresh';
      if (!isFirst && next.version === this.#caughtUp.version) return;
      const startedAt = performance.now();
      await this.#pass(next, signal);
      if (performance.now() - startedAt < shortPassMs) return;
    }
  }

  async #build(signal: AbortSignal): Promise<void> {
    const { setup, state, models, records, isRead, audits } = this.#options;
    const build = await state.nextBuild();
    await runInOrder(models.map(named), async ({ name, compiled }) => {
      const startedAt = performance.now();
      const options = { engine: setup.engine, build, isRead: isRead(name), signal };
      const built = await this.#isolated(compiled, async () => {
        const rows = await buildModel(compiled, options);
        await audits.checkTable(compiled, signal);
        return rows;
      });
      if (built === undefined) return;
      const ms = Math.round(performance.now() - startedAt);
      const record = { ...built, isRead: isRead(name), ms, build };
      this.#records.set(
        name,
        this.#placed(compiled, recordOf(compiled, records.get(name), record)),
      );
      setup.logger.info(
        { component: 'layers', model: name, rows: built.rows, ms },
        'Built a model.',
      );
    });
    this.#lastPass = build;
  }

  /** Undefined when the model could not be built, which its record then says. */
  async #isolated<T>(compiled: CompiledModel, work: () => Promise<T>): Promise<T | undefined> {
    const { records, isWhole } = this.#options;
    const { name } = compiled.model;
    const before = records.get(name);
    const stopped = compiled.reads.find((read) => this.#records.get(read)?.error !== undefined);
    try {
      if (stopped === undefined) return await refusedBy(compiled, work);
      const message = `It reads ${stopped}, which has stopped.`;
      throw new CdcError('CDC_LAYERS_MODEL_FAILED', message);
    } catch (error) {
      if (!isRefusal(error) || isWhole || before === undefined) throw error;
      this.#records.set(name, { ...before, error: error.message, errorCode: error.code });
      return undefined;
    }
  }

  async #copy(signal: AbortSignal): Promise<void> {
    const { setup, models, records } = this.#options;
    for (const compiled of models) {
      const record = records.get(compiled.model.name);
      if (record === undefined)
        throw new CdcError('CDC_INTERNAL', `${compiled.model.name} has no record.`);
      for (const sql of copyStorage(compiled, record)) await setup.engine.command(sql, { signal });
      this.#records.set(record.name, { ...record, storage: compiled.storage });
    }
  }

  /** Looks at everything that has changed since the last pass; `to` is a cut that had been published when it began. */
  async #pass(to: CutPlace, signal: AbortSignal): Promise<void> {
    const { setup, state, models, isSmall, audits } = this.#options;
    const { engine, options, omit } = setup;
    const build = await state.nextBuild();
    const attempt: Attempt = { build, since: this.#lastPass, isRepeat: true };
    await setMarker(engine, attempt, signal);
    const names = this.names;
    const given = { engine, options, attempt, isSmall, signal, isBeside: true, audits, omit };
    const working = models.filter(({ model }) => this.#record(model.name).error === undefined);
    const subjects = working.map((compiled) => {
      const record = this.#record(compiled.model.name);
      const from = atOf(record) ?? this.#caughtUp;
      const own = record.at === undefined ? this.#lastPass : from.build;
      const sinceOf = (node: string) => (names.has(modelOfNode(node)) ? own : from.build);
      const changes = new CutChanges({ from, sinceOf, omit });
      return { compiled, record, changes, isLeft: false };
    });
    const { runs } = await refreshModels(new ModelRefresher(given), subjects);
    const grown = [...runs.values()].flatMap(({ grownNodes }) => grownNodes);
    const growth = await closeAttempt(engine, attempt, grown, signal);
    for (const { compiled } of subjects) {
      const run = runs.get(compiled.model.name);
      if (run === undefined) continue;
      const record = this.#placed(compiled, withGrowth(run, growth));
      const { name, error } = record;
      const before = this.#options.records.get(name);
      if (error !== undefined && (this.#options.isWhole || before === undefined)) {
        throw new CdcError('CDC_LAYERS_MODEL_FAILED', `${name}: ${error}`);
      }
      this.#records.set(name, error === undefined || !before ? record : { ...before, error });
    }
    this.#caughtUp = to;
    this.#lastPass = build;
  }

  /** A model that reads others which are behind is where the last of them is. */
  #placed(compiled: CompiledModel, { at: _, isLeft: __, ...record }: ModelRecord): ModelRecord {
    const read = compiled.reads.flatMap((name) => {
      return this.#records.get(name) ?? this.#options.records.get(name) ?? [];
    });
    const [at] = read
      .flatMap((input) => input.at ?? [])
      .sort((left, right) => left.build - right.build);
    return at === undefined ? record : { ...record, at };
  }

  #record(name: string): ModelRecord {
    const record = this.#records.get(name);
    if (record === undefined) throw new CdcError('CDC_INTERNAL', `${name} was not built.`);
    return record;
  }

  *#atOf(): Iterable<[string, CutPlace]> {
    for (const record of this.#options.records.values()) {
      const at = atOf(record);
      if (at !== undefined && this.names.has(record.name)) yield [record.name, at];
    }
  }
}

/** The cut that a model is at, when it is not the published one. */
export function atOf({ at }: ModelRecord): CutPlace | undefined {
  return at && { version: BigInt(at.version), build: at.build };
}

/** `dws.sales#rows` belongs to `dws.sales`. */
function modelOfNode(node: string): string {
  const stage = node.indexOf('#');
  return stage < 0 ? node : node.slice(0, stage);
}

function named(compiled: CompiledModel) {
  return { name: compiled.model.name, reads: compiled.reads, compiled };
}

/** What a user can mend, in an audit, a key or a statement; anything else is to be tried again. */
export function isRefusal(error: unknown): error is CdcError {
  return error instanceof CdcError && error.kind !== 'transient' && error.kind !== 'bug';
}

/** Says which model the engine has refused to build. */
async function refusedBy<T>({ model }: CompiledModel, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isRefusal(error) || error.code.startsWith('CDC_LAYERS_')) throw error;
    const message = `Building ${model.name} (${model.file}) failed: ${error.message}`;
    throw new CdcError('CDC_LAYERS_MODEL_FAILED', message, { cause: error });
  }
}
