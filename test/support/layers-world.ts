import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MemoryCatalog } from '../../src/catalog/memory-catalog.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import {
  type Layers,
  type LayersCut,
  type LayersSetup,
  openLayers,
} from '../../src/layers/layers.ts';
import { layersOptions } from '../../src/layers/options.ts';
import { currentBuild } from '../../src/layers/published-models.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { InProcessEngine } from './layers-engine.ts';

/** A table of the source: columns in the engine's types, the key first in `key`. */
export interface WorldTable {
  readonly columns: Readonly<Record<string, string>>;
  readonly key: readonly string[];
  /** Its changes come in another order than that of their versions. */
  readonly arrival?: true;
}

export type Row = Readonly<Record<string, string | number | null>>;

/** A row as it is stored: the newest version of a key counts. */
export interface RowImage {
  readonly row: Row;
  readonly isDeleted: boolean;
  /** The next one when absent. */
  readonly version?: bigint;
}

export const never: AbortSignal = new AbortController().signal;

/**
 * ODS tables with models over them, without a source: rows are written straight into `_ods`, as the
 * loader would write them, each statement with a higher version.
 */
export class LayersWorld implements AsyncDisposable {
  readonly engine: InProcessEngine;
  readonly catalog = new MemoryCatalog();
  readonly #folder: string;
  readonly #ownsEngine: boolean;
  readonly #tables: Map<string, WorldTable>;
  #version = 1_000n;
  #published = { version: 1_000n, build: 0 };
  #touched = new Set<string>();

  private constructor(
    engine: InProcessEngine,
    options: { folder: string; ownsEngine: boolean; tables: Readonly<Record<string, WorldTable>> },
  ) {
    this.engine = engine;
    this.#folder = options.folder;
    this.#ownsEngine = options.ownsEngine;
    this.#tables = new Map(Object.entries(options.tables));
  }

  /** In an engine of its own, or in one without databases that others will use after it. */
  static async open(
    tables: Readonly<Record<string, WorldTable>>,
    models: Readonly<Record<string, string>>,
    shared?: InProcessEngine,
  ): Promise<LayersWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'cdc-world-'));
    const engine = shared ?? (await InProcessEngine.open());
    const world = new LayersWorld(engine, { folder, tables, ownsEngine: shared === undefined });
    await world.engine.command('CREATE DATABASE _ods');
    for (const table of world.#tables.keys()) await world.#createTable(table);
    for (const [name, sql] of Object.entries(models)) await world.writeModel(name, sql);
    return world;
  }

  get folder(): string {
    return join(this.#folder, 'layers');
  }

  async writeModel(name: string, sql: string): Promise<void> {
    const file = join(this.folder, `${name.replace('.', '/')}.sql`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, sql);
  }

  async removeModel(name: string): Promise<void> {
    await rm(join(this.folder, `${name.replace('.', '/')}.sql`));
  }

  /** A process of its own: shares only the engine and the catalog with others. */
  openLayers(setup: Partial<LayersSetup> = {}): Promise<Layers> {
    return openLayers({
      engine: this.engine,
      catalog: this.catalog,
      folder: this.folder,
      options: layersOptions.parse({}),
      tables: () => this.schemas(),
      logger: createSilentLogger(),
      ...setup,
    });
  }

  schemas(): Map<string, TableSchema> {
    return new Map(
      [...this.#tables].map(([table, { columns, key }]) => {
        const version = JSON.stringify(columns);
        return [table, { table, version, columns: [], key }];
      }),
    );
  }

  /** Writes rows as one step of the source; `deleted` rows are old rows that went away. */
  async write(table: string, rows: readonly Row[], deleted: readonly Row[] = []): Promise<void> {
    const gone = deleted.map((row) => ({ row, isDeleted: true }));
    await this.writeImages(table, [...gone, ...rows.map((row) => ({ row, isDeleted: false }))]);
  }

  /** The version that the next row will have. */
  get nextVersion(): bigint {
    return this.#version + 1n;
  }

  /** Writes images as one insert, the later one of a key with the higher version unless it says so. */
  async writeImages(table: string, images: readonly RowImage[]): Promise<void> {
    const { columns, arrival } = this.#table(table);
    const names = Object.keys(columns);
    const rows = images.map(({ row, isDeleted, version }) => {
      this.#version += 1n;
      const cells = names.map((name) => literal(row[name] ?? null));
      // Those that arrive have versions of their own, far below any cut.
      const own = (version ?? this.#version) - (arrival ? 1_000n : 0n);
      const place = [own, isDeleted ? 1 : 0, ...(arrival ? [this.#version] : [])];
      return `(${[...cells, ...place].join(', ')})`;
    });
    this.#touched.add(table);
    await this.engine.command(
      `INSERT INTO _ods.\`${table}\` (${names.join(', ')}, _version, _deleted${arrival ? ', _arrival' : ''}) VALUES ${rows.join(', ')}`,
    );
  }

  /** Refreshes to what has been written; the cut counts as published when that succeeds. */
  async refresh(layers: Layers, signal: AbortSignal = never, more: Partial<LayersCut> = {}) {
    const cut = { from: this.#published, to: this.#version, tables: this.#touched, ...more };
    const report = await layers.refresh(cut, signal);
    this.#published = { version: this.#version, build: currentBuild(this.catalog) };
    this.#touched = new Set();
    return report;
  }

  /** Everything that differs from a full recompute, as text; empty when all is right. */
  async differences(layers: Layers): Promise<string[]> {
    const compared = await layers.verify(never);
    return compared
      .filter(({ differences }) => differences > 0)
      .map(
        ({ name, differences, keys, error }) => `${name}: ${differences} ${keys} ${error ?? ''}`,
      );
  }

  async alterTable(table: string, columns: Readonly<Record<string, string>>, statement: string) {
    this.#tables.set(table, { ...this.#table(table), columns });
    await this.engine.command(`ALTER TABLE _ods.\`${table}\` ${statement}`);
    await this.#createView(table);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ownsEngine) await this.engine[Symbol.asyncDispose]();
    else await this.#dropDatabases();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #dropDatabases(): Promise<void> {
    const ofTables = [...this.#tables.keys()].map((table) => table.split('.')[0] ?? '');
    const all = new Set([...ofTables, 'dwd', 'dws', 'ads', '_layers', '_ods']);
    for (const name of all) await this.engine.command(`DROP DATABASE IF EXISTS ${name}`);
  }

  async #createTable(table: string): Promise<void> {
    const { columns, key, arrival } = this.#table(table);
    const list = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
    if (arrival) list.push('_arrival UInt64');
    await this.engine.command(
      `CREATE TABLE _ods.\`${table}\` (${list.join(', ')}, _version UInt64, _deleted UInt8,
       INDEX _version _version TYPE minmax GRANULARITY 1)
       ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (${key.join(', ')})`,
    );
    await this.#createView(table);
  }

  async #createView(table: string): Promise<void> {
    const [database, name] = table.split('.');
    const names = Object.keys(this.#table(table).columns).join(', ');
    await this.engine.command(`CREATE DATABASE IF NOT EXISTS ${database}`);
    await this.engine.command(
      `CREATE OR REPLACE VIEW ${database}.${name} AS SELECT ${names} FROM _ods.\`${table}\` FINAL`,
    );
  }

  #table(name: string): WorldTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`the world has no table ${name}`);
    return table;
  }
}

function literal(value: string | number | null): string {
  return value === null ? 'NULL' : typeof value === 'number' ? String(value) : `'${value}'`;
}
