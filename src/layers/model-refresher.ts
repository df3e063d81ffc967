import { CdcError } from '../errors.ts';
import type { CutChanges } from './cut-changes.ts';
import type { Attempt, ModelRecord } from './layer-state.ts';
import type { ModelRefresh } from './layers.ts';
import type { MaintainedNode, Omission, Scope } from './maintained-node.ts';
import { countRows, rebuildPlain } from './model-build.ts';
import type { CompiledModel } from './model-compiler.ts';
import { refreshNode } from './node-refresh.ts';
import type { LayersOptions } from './options.ts';
import type { SqlEngine } from './sql-engine.ts';

/** One model in one refresh: what happened, and its record after it. */
export interface ModelRun {
  readonly report: ModelRefresh;
  readonly record: ModelRecord;
  /** Nodes whose rows have changed by their deltas and are not counted in the record yet. */
  readonly grownNodes: readonly MaintainedNode[];
}

/** The record once it is known by how much each node has grown. */
export function withGrowth(
  { record, grownNodes }: ModelRun,
  growth: ReadonlyMap<string, number>,
): ModelRecord {
  if (grownNodes.length === 0) return record;
  const counted = grownNodes.map(({ relation: { name } }) => {
    return [name, (record.nodeRows[name] ?? 0) + (growth.get(name) ?? 0)] as const;
  });
  const nodeRows = { ...record.nodeRows, ...Object.fromEntries(counted) };
  return { ...record, nodeRows, rows: nodeRows[record.name] ?? record.rows };
}

export interface ModelRefresherOptions {
  readonly engine: SqlEngine;
  readonly options: LayersOptions;
  readonly attempt: Attempt;
  readonly changes: CutChanges;
  readonly isSmall: Scope['isSmall'];
  readonly signal: AbortSignal;
  readonly omit: Omission | undefined;
}

/** Refreshes models of one cut, each after those it reads. */
export class ModelRefresher {
  readonly #options: ModelRefresherOptions;
  readonly #failed = new Set<string>();

  constructor(options: ModelRefresherOptions) {
    this.#options = options;
  }

  /** Transient errors are thrown; a refusal by the engine stops the model and is in its record. */
  async run(
    compiled: CompiledModel,
    record: ModelRecord,
    errorOf: (model: string) => string | undefined,
  ): Promise<ModelRun> {
    if (record.error !== undefined) return this.#idle(record);
    const stopped = compiled.reads.find((name) => this.#failed.has(name) || errorOf(name));
    if (stopped !== undefined)
      return this.#failure(record, `It reads ${stopped}, which has stopped.`);
    if (!compiled.reads.some((name) => this.#options.changes.hasChanged(name))) {
      return this.#idle(record);
    }
    const startedAt = performance.now();
    try {
      const work = await (compiled.way === 'keys'
        ? this.#refreshNodes(compiled, record)
        : this.#rebuild(compiled));
      return this.#success(record, work, Math.round(performance.now() - startedAt));
    } catch (error) {
      if (!(error instanceof CdcError) || error.kind === 'transient') throw error;
      return this.#failure(record, error.message);
    }
  }

  async #refreshNodes(compiled: CompiledModel, record: ModelRecord): Promise<Work> {
    const { engine, attempt, changes, isSmall, signal, options, omit } = this.#options;
    const nodeRows = { ...record.nodeRows };
    const grownNodes: MaintainedNode[] = [];
    let work: Work = { ...noWork, nodeRows, grownNodes, rows: record.rows };
    for (const node of compiled.nodes) {
      const { name } = node.relation;
      const rows = nodeRows[name] ?? 0;
      const mostKeys = Math.max(options.rebuildFromKeys, options.rebuildShare * rows);
      const base = { engine, attempt, changes, mostKeys, isSmall, signal };
      const outcome = await refreshNode(node, omit ? { ...base, omit } : base);
      if (outcome.hasChanged) changes.markChanged(name);
      const { strategy, rowsWritten } = outcome;
      // An attempt that broke off may have written rows that nobody has counted.
      const isUncounted = attempt.isRepeat || strategy === 'rebuild';
      if (isUncounted) nodeRows[name] = await countRows(node.relation, this.#options);
      else if (rowsWritten > 0) grownNodes.push(node);
      const isRebuilt = strategy === 'rebuild' || work.strategy === 'rebuild';
      const rebuilds = work.rebuilds + (strategy === 'rebuild' ? 1 : 0);
      const keys = work.keys + outcome.keys;
      const way = isRebuilt ? 'rebuild' : keys > 0 ? 'keys' : 'none';
      const rowCount = nodeRows[name] ?? 0;
      const isRemade = strategy === 'rebuild';
      const done = { strategy: way, keys, rowsWritten, rebuilds, nodeRows, grownNodes } as const;
      work = { ...done, rows: rowCount, isRemade };
    }
    return work;
  }

  async #rebuild(compiled: CompiledModel): Promise<Work> {
    const { engine, changes, signal } = this.#options;
    await rebuildPlain(
      compiled,
      async (sql) => {
        signal.throwIfAborted();
        await engine.command(sql, { signal });
      },
      this.#options,
    );
    const rows = await countRows(compiled.relation, this.#options);
    changes.markChanged(compiled.model.name);
    const rebuilt = { strategy: 'rebuild', keys: 0, rowsWritten: rows, rebuilds: 1, rows } as const;
    return { ...rebuilt, nodeRows: {}, grownNodes: [], isRemade: true };
  }

  #success(record: ModelRecord, work: Work, ms: number): ModelRun {
    const { name, layer } = record;
    const { strategy, keys, rowsWritten, rebuilds, nodeRows, rows } = work;
    return {
      report: { name, layer, strategy, keysRecomputed: keys, rowsWritten, ms },
      record: {
        ...record,
        rows,
        nodeRows,
        keysRecomputed: record.keysRecomputed + keys,
        rebuilds: record.rebuilds + rebuilds,
        lastMs: ms,
        ...(work.isRemade && { build: this.#options.attempt.build }),
      },
      grownNodes: work.grownNodes,
    };
  }

  #failure(record: ModelRecord, error: string): ModelRun {
    this.#failed.add(record.name);
    return { ...this.#idle({ ...record, error }, 'failed') };
  }

  #idle(record: ModelRecord, strategy: 'none' | 'failed' = 'none'): ModelRun {
    const { name, layer } = record;
    const report = { name, layer, strategy, keysRecomputed: 0, rowsWritten: 0, ms: 0 };
    return { report, record, grownNodes: [] };
  }
}

/** What the nodes of one model did together; `rows` and `rowsWritten` are those of the model itself. */
interface Work {
  readonly strategy: 'none' | 'keys' | 'rebuild';
  readonly keys: number;
  readonly rowsWritten: number;
  readonly rebuilds: number;
  readonly nodeRows: Readonly<Record<string, number>>;
  readonly grownNodes: readonly MaintainedNode[];
  readonly rows: number;
  /** The model’s own rows were all made anew. */
  readonly isRemade: boolean;
}

const noWork = { strategy: 'none', keys: 0, rowsWritten: 0, rebuilds: 0, isRemade: false } as const;
