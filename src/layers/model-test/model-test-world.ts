import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MemoryCatalog } from '../../catalog/memory-catalog.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { Logger } from '../../ops/logger.ts';
import { odsDatabase, odsTable, viewName } from '../layer-names.ts';
import { type LayerDifference, type Layers, openLayers } from '../layers.ts';
import type { ModelFile } from '../model/model-file.ts';
import type { TypedColumn } from '../model/relation.ts';
import { layersOptions } from '../options.ts';
import { currentBuild } from '../published-models.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { quoteNames } from '../text/sql-text.ts';
import { renderInsert } from './model-test-cells.ts';
import type { TableWrite } from './model-test-rows.ts';
import type { TestTable } from './model-test-tables.ts';

export interface TestWorldSetup {
  /** An engine of its own: everything in it is dropped. */
  readonly engine: SqlEngine;
  /** The project's layers folder; the files in it are not touched. */
  readonly folder: string;
  /** Those under test and all that they read. */
  readonly models: readonly ModelFile[];
  readonly tables: readonly TestTable[];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** A model as it is built. */
export interface TestedModel {
  readonly name: string;
  readonly columns: readonly TypedColumn[];
  readonly key: readonly string[];
}

/** Databases of the engine itself. */
const systemDatabases = ['system', 'information_schema', 'INFORMATION_SCHEMA', 'default'];

/**
 * ODS tables of a test with the real layers over them. Rows are written as a loader writes them, and each
 * `refresh` brings the models to the next cut, as `cdc run` does.
 */
export class ModelTestWorld implements AsyncDisposable {
  readonly #setup: TestWorldSetup;
  readonly #copies: string;
  #layers: Layers | undefined;
  #models: TestedModel[] = [];
  #version = 1_000n;
  #published = { version: 1_000n, build: 0 };
  #catalog = new MemoryCatalog();
  #touched = new Set<TableId>();

  private constructor(setup: TestWorldSetup, copies: string) {
    this.#setup = setup;
    this.#copies = copies;
  }

  /** Throws CDC_LAYERS_INVALID for models that cannot be built. */
  static async open(setup: TestWorldSetup): Promise<ModelTestWorld> {
    const world = new ModelTestWorld(setup, await mkdtemp(join(tmpdir(), 'cdc-test-layers-')));
    try {
      await world.#copyModels();
      await world.reset();
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get models(): readonly TestedModel[] {
    return this.#models;
  }

  /** Makes everything new and empty. */
  async reset(): Promise<void> {
    const { engine, tables } = this.#setup;
    const databases = await engine.rows<{ name: string }>('SELECT name FROM system.databases');
    for (const { name } of databases) {
      if (systemDatabases.includes(name)) continue;
      await this.#command(`DROP DATABASE ${quoteIdentifier(name)} SYNC`);
    }
    await this.#command(`CREATE DATABASE ${odsDatabase}`);
    for (const table of tables) await this.#createTable(table);
    this.#catalog = new MemoryCatalog();
    this.#layers = await this.#openLayers();
    await this.#layers.apply(this.#setup.signal);
    this.#publish();
    this.#models = await this.#readModels(this.#layers);
  }

  async write(writes: readonly TableWrite[]): Promise<void> {
    for (const write of writes) {
      if (write.rows.length === 0) continue;
      await this.#command(renderInsert(odsTable(write.table.name), write, this.#version + 1n));
      this.#version += BigInt(write.rows.length);
      this.#touched.add(write.table.name);
    }
  }

  /** Brings the models to what has been written. */
  async refresh(): Promise<void> {
    const { signal } = this.#setup;
    // Every model: a test does not wait for the minute of those that may be a minute behind.
    const cut = { from: this.#published, to: this.#version, tables: this.#touched, isWhole: true };
    await this.#active().refresh(cut, signal);
    this.#publish();
  }

  /** Deletes every row, through the layers; false when something is left that should not be. */
  async clear(): Promise<boolean> {
    for (const { name, columns } of this.#setup.tables) {
      const names = quoteNames(columns.map((column) => column.name));
      const table = odsTable(name);
      this.#version += 1n;
      await this.#command(`INSERT INTO ${table} (${names}, _version, _deleted)
SELECT ${names}, ${this.#version}, 1 FROM ${table} FINAL`);
      this.#touched.add(name);
    }
    await this.refresh();
    if (this.stopped().size > 0) return false;
    const counts = this.#models.map(({ name }) => `SELECT count() AS rows FROM ${viewName(name)}`);
    const sql = `SELECT sum(rows) AS rows FROM (${counts.join(' UNION ALL ')})`;
    const [left] = await this.#setup.engine.rows<{ rows: string }>(sql);
    // A sum over everything is a row also when there is nothing.
    return Number(left?.rows) === 0 || (await this.unequal()).length === 0;
  }

  /** Why models have stopped, by name. */
  stopped(): Map<string, string> {
    const failed = this.#active().status();
    return new Map(failed.flatMap(({ name, error }) => (error ? [[name, error] as const] : [])));
  }

  /** Models whose stored rows are not what their SELECT gives over the same tables. */
  async unequal(): Promise<LayerDifference[]> {
    const compared = await this.#active().verify(this.#setup.signal);
    return compared.filter(({ differences }) => differences > 0);
  }

  rows(model: string, orderBy?: string): Promise<Record<string, unknown>[]> {
    const order = orderBy === undefined ? '' : ` ORDER BY ${orderBy}`;
    return this.#setup.engine.rows(`SELECT * FROM ${viewName(model)}${order}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#copies, { recursive: true, force: true });
  }

  #publish(): void {
    this.#published = { version: this.#version, build: currentBuild(this.#catalog) };
    this.#touched = new Set();
  }

  #active(): Layers {
    if (this.#layers === undefined) throw new Error('the layers are not open');
    return this.#layers;
  }

  /** Only these models, in a folder of the same name, so that messages name the project's own files. */
  async #copyModels(): Promise<void> {
    for (const { file, sql } of this.#setup.models) {
      const path = join(this.#copies, file);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, sql);
    }
  }

  #openLayers(): Promise<Layers> {
    const { engine, folder, tables, logger } = this.#setup;
    const schemas = new Map(tables.map((table) => [table.name, schemaOf(table)]));
    return openLayers({
      engine,
      catalog: this.#catalog,
      folder: join(this.#copies, basename(folder)),
      // As for large tables: what is small is read whole, and a way by keys would not be tested.
      options: layersOptions.parse({ smallTableRows: 0 }),
      tables: () => schemas,
      logger,
    });
  }

  async #readModels(layers: Layers): Promise<TestedModel[]> {
    const { models } = await layers.plan();
    return Promise.all(
      models.map(async ({ name, key }) => {
        const sql = `DESCRIBE TABLE ${viewName(name)}`;
        const columns = await this.#setup.engine.rows<TypedColumn>(sql);
        return {
          name,
          key,
          columns: columns.map((each) => ({ name: each.name, type: each.type })),
        };
      }),
    );
  }

  async #createTable({ name, columns, key }: TestTable): Promise<void> {
    const list = columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`);
    const { database, table } = splitTableId(name);
    await this.#command(`CREATE TABLE ${odsTable(name)} (${list.join(', ')}, _version UInt64, _deleted UInt8,
INDEX _version_range _version TYPE minmax GRANULARITY 1)
ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (${quoteNames(key)})`);
    await this.#command(`CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(database)}`);
    const names = quoteNames(columns.map((column) => column.name));
    const view = `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
    await this.#command(`CREATE VIEW ${view} AS SELECT ${names} FROM ${odsTable(name)} FINAL`);
  }

  async #command(sql: string): Promise<void> {
    const { engine, signal } = this.#setup;
    await engine.command(sql, { signal });
  }
}

/** The layers read types from the engine; of the schema only the key and a mark of its form count. */
function schemaOf({ name, columns, key }: TestTable): TableSchema {
  return { table: name, version: JSON.stringify(columns), columns: [], key };
}
