import PQueue from 'p-queue';
import type { TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import { quoteIdentifier } from '../../engine/sql-quote.ts';
import type { ModelRecord } from '../layer-state.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import { readOdsCatalog } from '../model/ods-catalog.ts';
import type { Relation } from '../model/relation.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { type LayerDifference, type VerifiedTables, verifyModel } from './model-verification.ts';
import { suspectKeys } from './suspect-keys.ts';

export const verifyDatabase = '_verify';

export interface VerifiedLayersOptions {
  readonly engine: SqlEngine;
  readonly models: readonly CompiledModel[];
  readonly records: readonly ModelRecord[];
  readonly schemas: ReadonlyMap<TableId, TableSchema>;
  /** What names of our own tables begin with; nobody else's do at the same time. */
  readonly prefix: string;
  readonly signal: AbortSignal;
}

export interface LayersVerification {
  readonly differences: readonly LayerDifference[];
  readonly suspects: readonly SuspectKeys[];
}

/** Keys to recompute so that a node is right again. */
export interface SuspectKeys {
  readonly node: string;
  /** SELECT of `k1`, `k2`, ... */
  readonly keys: string;
  /** The rows of its model, quoted; once these are not in use any more the keys mean nothing. */
  readonly modelTable: string;
}

export interface VerifyLayersOptions {
  readonly signal: AbortSignal;
  /** Which models; all when absent. */
  readonly only?: (model: string) => boolean;
  readonly onProgress?: (model: string) => void;
}

/** Copies made at once: what takes time is the engine's bookkeeping for each. */
const parallelCopies = 4;

/**
 * All tables that models read and store, as they were at one moment, to be compared while the originals go on. A copy shares
 * the files of its original (hard links), so it takes no room and about 10 ms. Dispose of it.
 */
export class VerifiedLayers implements AsyncDisposable {
  readonly #options: VerifiedLayersOptions;
  readonly #relations: ReadonlyMap<string, Relation>;
  /** Quoted names of the copies by those of the originals; empty when the originals are compared. */
  readonly #copies: ReadonlyMap<string, string>;

  private constructor(
    options: VerifiedLayersOptions,
    relations: ReadonlyMap<string, Relation>,
    copies: ReadonlyMap<string, string>,
  ) {
    this.#options = options;
    this.#relations = relations;
    this.#copies = copies;
  }

  /** The tables themselves; nothing may change them while they are compared. */
  static async inPlace(options: VerifiedLayersOptions): Promise<VerifiedLayers> {
    return new VerifiedLayers(options, await readRelations(options), new Map());
  }

  /** Copies; the tables must stand still until this resolves. */
  static async copy(options: VerifiedLayersOptions): Promise<VerifiedLayers> {
    const { engine, models, prefix, signal } = options;
    await engine.command(`CREATE DATABASE IF NOT EXISTS ${verifyDatabase}`, { signal });
    const relations = await readRelations(options);
    const read = models.flatMap(({ reads }) => reads.flatMap((name) => relations.get(name) ?? []));
    const stored = models.flatMap(({ nodes }) => nodes.map(({ tables }) => tables.rows));
    const own = models.map(({ relation }) => relation);
    const originals = new Set([...[...read, ...own].map(({ physical }) => physical), ...stored]);
    const copies = new Map(
      [...originals].map((original, index) => [
        original,
        `${verifyDatabase}.${quoteIdentifier(`${prefix}copy_${index}`)}`,
      ]),
    );
    const verified = new VerifiedLayers(options, relations, copies);
    const queue = new PQueue({ concurrency: parallelCopies });
    try {
      await queue.addAll(
        [...copies].map(([original, copy]) => async () => {
          await engine.command(`CREATE TABLE ${copy} CLONE AS ${original}`, { signal });
        }),
      );
    } catch (error) {
      await queue.onIdle();
      await verified[Symbol.asyncDispose]();
      throw error;
    }
    return verified;
  }

  /** Each model against its SELECT, and each hidden stage against what it computes. */
  async verify(options: VerifyLayersOptions): Promise<LayersVerification> {
    const { models, records } = this.#options;
    const tables = this.#tables(options.signal);
    const { only = () => true, onProgress } = options;
    const differences: LayerDifference[] = [];
    const suspects: SuspectKeys[] = [];
    const stopped = new Map(records.map(({ name, error }) => [name, error]));
    for (const compiled of models) {
      const { name } = compiled.model;
      if (!only(name)) continue;
      onProgress?.(name);
      if (stopped.get(name) !== undefined) continue;
      const found = await verifyModel(compiled, tables);
      differences.push(found);
      differences.push(...(await this.#verifyNodes(compiled, found, { tables, suspects })));
    }
    const compared = new Set(differences.map(({ name }) => name));
    for (const { name, layer, rows, error } of records) {
      if (compared.has(name) || !only(name)) continue;
      const reason = error ?? 'The model could not be compiled.';
      differences.push({
        name,
        layer,
        rows,
        differences: 1,
        keys: [],
        examples: [],
        error: reason,
      });
    }
    return { differences, suspects };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const copy of this.#copies.values()) {
      await this.#options.engine.command(`DROP TABLE IF EXISTS ${copy} SYNC`);
    }
  }

  /** Hidden stages, which nothing else shows; and the model's own node when the model is wrong. */
  async #verifyNodes(
    { model, nodes, relation }: CompiledModel,
    found: LayerDifference,
    { tables, suspects }: { tables: VerifiedTables; suspects: SuspectKeys[] },
  ): Promise<LayerDifference[]> {
    const wrong: LayerDifference[] = [];
    for (const node of nodes) {
      const { name } = node.relation;
      const isStage = name !== model.name;
      if (!isStage && found.differences === 0) continue;
      const { comparison, keys } = await suspectKeys(node, tables.moved, tables);
      if (keys !== undefined) suspects.push({ node: name, keys, modelTable: relation.physical });
      if (!isStage || comparison.differences === 0) continue;
      const { rows, differences, examples } = comparison;
      const own = { name, layer: model.layer, rows, differences, examples };
      wrong.push({ ...own, keys: examples.map(({ key }) => key) });
    }
    return wrong;
  }

  #tables(signal: AbortSignal): VerifiedTables {
    const { engine, prefix } = this.#options;
    let number = 0;
    return {
      ...{ engine, signal },
      scratch: (purpose) => {
        number += 1;
        return `${verifyDatabase}.${quoteIdentifier(`${prefix}${purpose}_${number}`)}`;
      },
      relation: (name) => {
        const relation = this.#relations.get(name);
        const copy = relation && this.#copies.get(relation.physical);
        return relation && copy !== undefined ? { ...relation, physical: copy } : relation;
      },
      moved: (sql) =>
        [...this.#copies].reduce((text, [from, to]) => text.replaceAll(from, to), sql),
    };
  }
}

async function readRelations({
  engine,
  models,
  schemas,
}: VerifiedLayersOptions): Promise<ReadonlyMap<string, Relation>> {
  const ods = await readOdsCatalog(engine, schemas);
  const relations = new Map<string, Relation>();
  for (const name of ods.names()) {
    const relation = ods.relation(name);
    if (relation !== undefined) relations.set(name, relation);
  }
  for (const { model, relation } of models) relations.set(model.name, relation);
  return relations;
}
