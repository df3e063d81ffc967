import type { Layers } from '../../src/layers/layers.ts';
import type { Omission } from '../../src/layers/node/maintained-node.ts';
import { layersOptions } from '../../src/layers/options.ts';
import type { InProcessEngine } from '../support/layers-engine.ts';
import { LayersWorld, type RowImage } from '../support/layers-world.ts';
import { keyText } from './change-maker.ts';
import { type Change, type FuzzModel, modelText, type Scenario } from './scenario.ts';

interface StoredImage extends RowImage {
  readonly table: string;
  readonly version: bigint;
}

/** The tables of a scenario as a source and a loader would keep them, with layers over them. */
export class FuzzWorld implements AsyncDisposable {
  readonly world: LayersWorld;
  readonly #scenario: Scenario;
  readonly #omit: Omission | undefined;
  /** Newest image by table and key. */
  readonly #current = new Map<string, StoredImage>();
  readonly #written: StoredImage[] = [];
  readonly #places = new Set<string>();
  readonly #trace: string[];

  private constructor(
    world: LayersWorld,
    scenario: Scenario,
    options: { omit: Omission | undefined; trace: string[] },
  ) {
    this.world = world;
    this.#scenario = scenario;
    this.#omit = options.omit;
    this.#trace = options.trace;
  }

  static async open(
    scenario: Scenario,
    engine: InProcessEngine,
    omit?: Omission,
  ): Promise<FuzzWorld> {
    const trace: string[] = [];
    const models = scenario.models.map((model) => [model.name, modelText(model)] as const);
    engine.beforeStatement = (sql) => trace.push(sql);
    const world = await LayersWorld.open(scenario.tables, Object.fromEntries(models), engine);
    engine.beforeStatement = undefined;
    return new FuzzWorld(world, scenario, { omit, trace });
  }

  /** Every statement that has changed ODS tables, as it was run, with notes between them. */
  get trace(): readonly string[] {
    return this.#trace;
  }

  note(text: string): void {
    this.#trace.push(text.replaceAll(/^/gm, '-- '));
  }

  get engine(): InProcessEngine {
    return this.world.engine;
  }

  /** A process of its own. */
  openLayers(): Promise<Layers> {
    const options = layersOptions.parse(this.#scenario.options);
    return this.world.openLayers(this.#omit ? { options, omit: this.#omit } : { options });
  }

  async edit(name: string, model: FuzzModel | undefined): Promise<void> {
    this.note(model ? `apply: ${name} is now\n${modelText(model)}` : `apply: ${name} is removed`);
    if (model === undefined) await this.world.removeModel(name);
    else await this.world.writeModel(name, modelText(model));
  }

  /** Writes the changes as one insert a table, or each alone. */
  async write(changes: readonly Change[], isSeparate: boolean): Promise<void> {
    const images = new Map<string, RowImage[]>();
    let last = this.world.nextVersion - 1n;
    for (const change of changes) {
      const image = this.#imageOf(change, last + 1n);
      if (image === undefined) continue;
      last += 1n;
      // The versions are given out in the order of the changes, whatever the order of the inserts.
      const list = images.get(change.table) ?? [];
      images.set(isSeparate ? `${change.table} ${last}` : change.table, [...list, image]);
    }
    this.engine.beforeStatement = (sql) => {
      // A job may be at work beside.
      if (sql.startsWith('INSERT INTO _ods.')) this.#trace.push(sql);
    };
    for (const [table, list] of images) {
      await this.world.writeImages(table.split(' ')[0] ?? '', list);
    }
    this.engine.beforeStatement = undefined;
  }

  /** Merges superseded rows away, as the engine does whenever it likes. */
  async merge(): Promise<void> {
    this.note('OPTIMIZE TABLE ... FINAL of all tables');
    const sql = `SELECT database, name FROM system.tables
WHERE database IN ('_ods', '_layers') AND engine = 'ReplacingMergeTree'`;
    for (const { database, name } of await this.engine.rows<Record<string, string>>(sql)) {
      await this.engine.command(`OPTIMIZE TABLE ${database}.\`${name}\` FINAL`);
    }
  }

  /** Names of the tables that an engine loses when it is killed. */
  async memoryTables(): Promise<string[]> {
    const sql = "SELECT name FROM system.tables WHERE database = '_layers' AND engine = 'Memory'";
    const rows = await this.engine.rows<{ name: string }>(sql);
    // The mark of attempts is made by the first refresh, perhaps the one that is about to be broken off.
    const names = new Set([...rows.map(({ name }) => name), '#attempt']);
    return [...names].map((name) => `_layers.\`${name}\``);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }

  /** What the loader would store of a change; nothing where no source could make it. */
  #imageOf({ table, kind, row, back, isLate }: Change, next: bigint): StoredImage | undefined {
    if (kind === 'replay') {
      const own = this.#written.filter((image) => image.table === table);
      return own[Math.max(0, own.length - 1 - (back ?? 0))];
    }
    if (row === undefined) return undefined;
    const key = `${table} ${keyText(this.#scenario.tables[table], row)}`;
    const current = this.#current.get(key);
    if (kind === 'take') {
      if (current === undefined || current.isDeleted) return undefined;
      return this.#keep(key, { table, row: current.row, isDeleted: true, version: next });
    }
    const earlier = this.#written.find((image) => {
      return image.table === table && !this.#places.has(`${key} ${image.version}`);
    });
    const version = isLate && earlier !== undefined ? earlier.version : next;
    return this.#keep(key, { table, row, isDeleted: false, version });
  }

  #keep(key: string, image: StoredImage): StoredImage {
    const current = this.#current.get(key);
    if (current === undefined || image.version > current.version) this.#current.set(key, image);
    this.#written.push(image);
    this.#places.add(`${key} ${image.version}`);
    return image;
  }
}
