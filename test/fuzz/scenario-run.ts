import { CdcError } from '../../src/errors.ts';
import type { LayerStatus, Layers } from '../../src/layers/layers.ts';
import type { Omission } from '../../src/layers/node/maintained-node.ts';
import type { InProcessEngine } from '../support/layers-engine.ts';
import { never } from '../support/layers-world.ts';
import { findWrongModels, type WrongModel } from './comparison.ts';
import { FuzzWorld } from './fuzz-world.ts';
import { renderQuery } from './query.ts';
import type { FuzzModel, Kill, Scenario, Step } from './scenario.ts';

/** What went wrong, where. */
export interface Failure {
  /**
   * `wrong`: a model differs from its query; `verify`: `layers.verify` says something else than the
   * independent comparison; `refused`: a model that should be accepted is not, `accepted`: the other
   * way round; `stopped`: it stopped at a refresh; `error`: something else was thrown; `generator`: the engine refuses the plain SELECT.
   */
  readonly kind: 'wrong' | 'verify' | 'refused' | 'accepted' | 'stopped' | 'error' | 'generator';
  /** 0 is the first build. */
  readonly round: number;
  readonly message: string;
  readonly wrong: readonly WrongModel[];
}

export interface ScenarioResult {
  readonly failure?: Failure;
  readonly rounds: number;
  /** Refreshes that a kill broke off. */
  readonly broken: number;
  /** Rounds after which models were behind the others. */
  readonly behind: number;
  /** Changes of models that were rolled back. */
  readonly undone: number;
  readonly models: readonly ModelOutcome[];
  /** Statements that changed the tables, with notes between them. */
  readonly trace: readonly string[];
}

/** How one model of a scenario was kept right. */
export interface ModelOutcome {
  readonly model: FuzzModel;
  readonly way: LayerStatus['way'];
  readonly why: string;
  readonly rounds: number;
  readonly keysRecomputed: number;
}

export interface RunOptions {
  readonly omit?: Omission;
  /** Rounds between two calls of `layers.verify`. */
  readonly verifyEvery?: number;
}

/** Runs a scenario up to its first failure. */
export async function runScenario(
  scenario: Scenario,
  engine: InProcessEngine,
  options: RunOptions = {},
): Promise<ScenarioResult> {
  await using world = await FuzzWorld.open(scenario, engine, options.omit);
  return await new ScenarioRun(scenario, world, options).run();
}

class ScenarioRun {
  readonly #scenario: Scenario;
  readonly #world: FuzzWorld;
  readonly #verifyEvery: number;
  readonly #models = new Map<string, FuzzModel>();
  /** Before the last edits. */
  #before: ReadonlyMap<string, FuzzModel> = new Map();
  readonly #outcomes = new Map<FuzzModel, ModelOutcome>();
  #layers: Layers | undefined;
  /** Ends the work of the current process. */
  #end = new AbortController();
  #round = 0;
  #broken = 0;
  #behind = 0;
  #undone = 0;

  constructor(scenario: Scenario, world: FuzzWorld, { verifyEvery = 1 }: RunOptions) {
    this.#scenario = scenario;
    this.#world = world;
    this.#verifyEvery = verifyEvery;
    for (const model of scenario.models) this.#models.set(model.name, model);
  }

  async run(): Promise<ScenarioResult> {
    const failure = await this.#untilFailure();
    const models = [...this.#outcomes.values()];
    const { trace } = this.#world;
    const [broken, behind, undone] = [this.#broken, this.#behind, this.#undone];
    const result = { rounds: this.#round, broken, behind, undone, models, trace };
    return failure === undefined ? result : { ...result, failure };
  }

  async #untilFailure(): Promise<Failure | undefined> {
    try {
      await this.#world.write(this.#scenario.fill, false);
      const failure =
        (await this.#apply()) ?? (await this.#tryRefused()) ?? (await this.#compare());
      if (failure !== undefined) return failure;
      for (const step of this.#scenario.steps) {
        this.#round += 1;
        this.#world.note(`round ${this.#round}${step.hasRestart ? ', a new process' : ''}`);
        const wrong =
          (await this.#step(step)) ??
          (await this.#compare()) ??
          (step.isUndone ? await this.#undo(step) : undefined);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    } catch (error) {
      return this.#failure('error', error instanceof Error ? error.message : String(error));
    } finally {
      this.#world.engine.beforeStatement = undefined;
      await this.#restart();
    }
  }

  async #step(step: Step): Promise<Failure | undefined> {
    if (!step.editsLast) {
      const failure = await this.#edit(step);
      if (failure !== undefined) return failure;
    }
    await this.#world.write(step.changes, step.isSeparate);
    if (step.hasMerge) await this.#world.merge();
    if (step.editsLast) {
      const failure = await this.#edit(step);
      if (failure !== undefined) return failure;
    }
    if (step.hasRestart) await this.#restart();
    for (const kill of step.kills) {
      const isBroken = await this.#refreshWithKill(kill, step);
      if (isBroken === false) return undefined;
      this.#broken += 1;
      await this.#world.write(kill.changes, false);
    }
    this.#world.note(step.isWhole ? 'refresh' : 'refresh, jobs go on');
    await this.#refresh(step);
    return undefined;
  }

  async #edit({ edits }: Step): Promise<Failure | undefined> {
    if (edits.length === 0) return undefined;
    this.#before = new Map(this.#models);
    for (const { name, model } of edits) {
      await this.#world.edit(name, model);
      if (model === undefined) this.#models.delete(name);
      else this.#models.set(name, model);
    }
    return this.#apply();
  }

  /** Rolls the last change back, if the edits of the step made one; the files follow. */
  async #undo(step: Step): Promise<Failure | undefined> {
    const layers = await this.#current();
    const last = layers.history().at(-1);
    const names = step.edits.map(({ name }) => name);
    if (last?.kind !== 'apply' || !last.models.some(({ name }) => names.includes(name))) {
      return undefined;
    }
    this.#undone += 1;
    this.#world.note(`rollback ${last.number}`);
    let isDone = false;
    const undone = layers.rollback(last.number).finally(() => {
      isDone = true;
    });
    // It is thrown below.
    undone.catch(() => undefined);
    // A job that is going on comes first.
    while (!isDone) await this.#refresh({ isWhole: true });
    await undone;
    for (const { name } of step.edits) {
      const model = this.#before.get(name);
      if (model === undefined) this.#models.delete(name);
      else this.#models.set(name, model);
      await this.#world.edit(name, model);
    }
    await this.#refresh({ isWhole: true });
    return this.#compare();
  }

  async #apply(): Promise<Failure | undefined> {
    const layers = await this.#current();
    const { problems } = await layers.plan();
    const errors = problems.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) {
      const list = errors.map(({ where, message }) => `${where} ${message}`).join('\n');
      const isInvalid = await this.#hasInvalidModel();
      return this.#failure(isInvalid === undefined ? 'refused' : 'generator', isInvalid ?? list);
    }
    this.#world.note('apply');
    await layers.apply(never);
    return undefined;
  }

  async #tryRefused(): Promise<Failure | undefined> {
    const { world } = this.#world;
    for (const sql of this.#scenario.refused) {
      await world.writeModel('ads.refused', sql);
      const { problems } = await (await this.#current()).plan();
      await world.removeModel('ads.refused');
      const isRefused = problems.some(({ severity, where }) => {
        return severity === 'error' && where.includes('ads/refused.sql');
      });
      if (!isRefused) return this.#failure('accepted', sql);
    }
    return undefined;
  }

  /** Whether a model is no valid SELECT for the engine, which would be the fuzzer's own mistake. */
  async #hasInvalidModel(): Promise<string | undefined> {
    const { engine } = this.#world;
    await engine.command('DROP DATABASE IF EXISTS plain');
    await engine.command('CREATE DATABASE plain');
    try {
      for (const { name, query } of this.#models.values()) {
        const sql = renderQuery(query).replaceAll(/\b(dwd|dws|ads)\.(m\d+)\b/g, 'plain.$1_$2');
        await engine.command(`CREATE VIEW plain.${name.replace('.', '_')} AS ${sql}`);
        await engine.rows(`SELECT * FROM plain.${name.replace('.', '_')}`);
      }
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await engine.command('DROP DATABASE plain');
    }
  }

  /** False when the refresh was through before it could be broken off. */
  async #refreshWithKill({ at, who }: Kill, step: Step): Promise<boolean> {
    const { engine } = this.#world;
    const memory = who === 'process' ? [] : await this.#world.memoryTables();
    this.#world.note(`refresh, broken off before its writing statement ${at} (${who})`);
    let left = at;
    engine.beforeStatement = (sql) => {
      if (!/^(INSERT|EXCHANGE)/.test(sql)) return;
      left -= 1;
      if (left > 0 || (who === 'silent' && left < 0)) return;
      if (left === 0) engine.forget(memory);
      if (who === 'silent') return;
      throw new CdcError('CDC_ENGINE_UNREACHABLE', 'The fuzzer has killed the engine.');
    };
    try {
      await this.#refresh(step);
      return false;
    } catch (error) {
      const isExpected = error instanceof CdcError && error.kind === 'transient';
      if (!isExpected) throw error;
      engine.beforeStatement = undefined;
      await this.#restart();
      return true;
    } finally {
      engine.beforeStatement = undefined;
    }
  }

  async #refresh({ isWhole }: Pick<Step, 'isWhole'>): Promise<void> {
    await this.#world.world.refresh(await this.#current(), this.#end.signal, { isWhole });
  }

  /** A new process; what the old one still had at work has ended. */
  async #restart(): Promise<void> {
    this.#end.abort();
    this.#end = new AbortController();
    await this.#layers?.idle();
    this.#layers = undefined;
  }

  async #current(): Promise<Layers> {
    this.#layers ??= await this.#world.openLayers();
    return this.#layers;
  }

  async #compare(): Promise<Failure | undefined> {
    const layers = await this.#current();
    const behind = new Set<string>();
    for (const status of layers.status()) {
      if (status.error !== undefined)
        return this.#failure('stopped', `${status.name}: ${status.error}`);
      if (status.at === undefined) this.#note(status);
      else behind.add(status.name);
    }
    if (behind.size > 0) {
      this.#behind += 1;
      this.#world.note(`behind: ${[...behind].join(', ')}`);
    }
    const current = [...this.#models.values()].filter(({ name }) => !behind.has(name));
    const wrong = await findWrongModels(this.#world.engine, current);
    const isLast = this.#round === this.#scenario.steps.length;
    // It says what is wrong at one cut.
    if (wrong.length === 0 && behind.size > 0) return undefined;
    if (wrong.length === 0 && this.#round % this.#verifyEvery !== 0 && !isLast) return undefined;
    const said = await this.#world.world.differences(layers);
    if (wrong.length > 0) {
      const isMissed = said.length === 0;
      return this.#failure('wrong', isMissed ? 'layers.verify finds no difference' : '', wrong);
    }
    return said.length === 0 ? undefined : this.#failure('verify', said.join('\n'));
  }

  #note({ name, way, why, keysRecomputed }: LayerStatus): void {
    const model = this.#models.get(name);
    if (model === undefined) return;
    const rounds = (this.#outcomes.get(model)?.rounds ?? 0) + 1;
    this.#outcomes.set(model, { model, way, why, keysRecomputed, rounds });
  }

  #failure(kind: Failure['kind'], message: string, wrong: readonly WrongModel[] = []): Failure {
    return { kind, round: this.#round, message, wrong };
  }
}
