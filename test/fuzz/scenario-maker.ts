import type { WorldTable } from '../support/layers-world.ts';
import { Random } from '../support/random.ts';
import { ChangeMaker } from './change-maker.ts';
import type { Readable } from './part-maker.ts';
import { type MadeQuery, QueryMaker, shapes } from './query-maker.ts';
import { makeRefused } from './refused-maker.ts';
import type {
  Change,
  FuzzModel,
  Kill,
  ModelEdit,
  Scenario,
  ScenarioOptions,
  Step,
} from './scenario.ts';
import { makeTables, readableTable } from './table-maker.ts';
import { happens } from './values.ts';

const layerNames = ['dwd', 'dws', 'ads'];

/** A warehouse with random tables, models and a history of `rounds` steps. */
export function makeScenario(seed: number, rounds: number): Scenario {
  const random = new Random(seed);
  const tables = makeTables(random);
  const maker = new ModelMaker(random, tables);
  const count = random.between(2, 5);
  const models = Array.from({ length: count }, (_, index) => maker.add(index, count));
  const refused = happens(random, 0.3) ? [maker.refused()] : [];
  const changes = new ChangeMaker(random, tables);
  const fill = changes.fill();
  const options = makeOptions(random);
  const steps = Array.from({ length: rounds }, () => makeStep(random, changes, maker));
  return undoing(besideWork({ seed, tables, models, refused, options, fill, steps }));
}

/** Only of the last edits: later ones could read what was rolled back. */
function undoing(scenario: Scenario): Scenario {
  const random = new Random(scenario.seed ^ 0x51ed270b);
  const last = scenario.steps.findLastIndex(({ edits }) => edits.length > 0);
  const steps = scenario.steps.map((step, index) => {
    return index === last ? { ...step, isUndone: happens(random, 0.6) } : step;
  });
  return { ...scenario, steps };
}

/** In some worlds models lag behind: their refreshes are left to jobs, or they are of minutes. */
function besideWork(scenario: Scenario): Scenario {
  // Draws of its own, so that seeds go on to mean what they meant before.
  const random = new Random(scenario.seed ^ 0x2545f491);
  if (!happens(random, 0.3)) return scenario;
  const options = {
    ...scenario.options,
    deferKeys: random.between(1, 4),
    chunkKeys: random.between(1, 3),
  };
  const models = scenario.models.map((model) => {
    return happens(random, 0.15) ? { ...model, isOfMinutes: true } : model;
  });
  const steps = scenario.steps.map((step, index) => {
    const isLast = index === scenario.steps.length - 1;
    return { ...step, isWhole: isLast || happens(random, 0.4) };
  });
  return { ...scenario, options, models, steps };
}

function makeOptions(random: Random): ScenarioOptions {
  // Small as they are, tables are mostly read by key, as large ones would be.
  const reading = happens(random, 0.8) ? { smallTableRows: 0 } : {};
  const isEager = happens(random, 0.15);
  return isEager ? { ...reading, rebuildShare: 0.3, rebuildFromKeys: 2 } : reading;
}

function makeStep(random: Random, changes: ChangeMaker, models: ModelMaker): Step {
  const edits = happens(random, 0.08) ? models.edit() : [];
  const made = changes.some(random.pick([2, 6, 6, 12]));
  const isKilled = happens(random, 0.2);
  const kills = isKilled
    ? Array.from({ length: random.between(1, 2) }, () => makeKill(random, changes))
    : [];
  return {
    changes: made,
    isSeparate: happens(random, 0.15),
    hasMerge: happens(random, 0.12),
    hasRestart: happens(random, 0.15),
    kills,
    edits,
    editsLast: happens(random, 0.5),
    isUndone: false,
    isWhole: true,
  };
}

function makeKill(random: Random, changes: ChangeMaker): Kill {
  const later: Change[] = happens(random, 0.5) ? changes.some(3) : [];
  const who = random.pick(['process', 'process', 'engine', 'silent'] as const);
  return { at: random.between(1, 14), who, changes: later };
}

/** Models of the three layers, each over tables and earlier models. */
class ModelMaker {
  readonly #random: Random;
  readonly #tables: readonly Readable[];
  readonly #made = new Map<string, { layer: number; made: MadeQuery; reads: readonly string[] }>();
  #number = 0;

  constructor(random: Random, tables: Readonly<Record<string, WorldTable>>) {
    this.#random = random;
    this.#tables = Object.entries(tables).map(([name, table]) => readableTable(name, table));
  }

  add(index: number, count: number): FuzzModel {
    const layer = Math.min(2, Math.floor((index / count) * 3));
    this.#number += 1;
    return this.#make(`${layerNames[layer]}.m${this.#number}`, layer);
  }

  /** Adds a model on top, makes one anew that nobody reads, or removes that. */
  edit(): ModelEdit[] {
    const unread = [...this.#made.keys()].filter((name) => {
      return [...this.#made.values()].every(({ reads }) => !reads.includes(name));
    });
    const name = this.#random.pick(unread);
    const kind = this.#random.between(1, 4);
    if (kind === 1 || name === undefined) {
      const model = this.add(2, 3);
      return [{ name: model.name, model }];
    }
    if (kind === 2 && this.#made.size > 2) {
      this.#made.delete(name);
      return [{ name }];
    }
    const layer = this.#made.get(name)?.layer ?? 2;
    this.#made.delete(name);
    return [{ name, model: this.#make(name, layer) }];
  }

  #make(name: string, layer: number): FuzzModel {
    const random = this.#random;
    const lower = [...this.#made].filter(([, other]) => other.layer <= layer);
    const models = this.#models(layer);
    // In upper layers models are read more often than tables.
    const readables = [...this.#tables, ...models, ...(layer > 0 ? [...models, ...models] : [])];
    const made = new QueryMaker(random, readables).make(random.pick(shapes));
    const text = JSON.stringify(made.query);
    const reads = lower.map(([other]) => other).filter((other) => text.includes(other));
    this.#made.set(name, { layer, made, reads });
    const { query, key, shapes: found } = made;
    const isDeclared = key !== undefined && happens(random, 0.4);
    return { name, query, shapes: found, ...(isDeclared && { key }) };
  }

  /** A model that must be refused. */
  refused(): string {
    return makeRefused(this.#random, [...this.#tables, ...this.#models(2)]);
  }

  #models(layer: number): Readable[] {
    const lower = [...this.#made].filter(([, other]) => other.layer <= layer);
    return lower.map(([source, { made }]) => {
      const order = made.columns.map((column) => column.name);
      return { source, columns: made.columns, order, kind: 'model', size: made.size };
    });
  }
}
