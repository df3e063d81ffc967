import { CdcError } from '../../errors.ts';
import type { LayerAudits } from '../audit/layer-audits.ts';
import type { Attempt, ModelRecord } from '../layer-state.ts';
import type { ModelRefresh } from '../layers.ts';
import type { CompiledModel } from '../model/model-compiler.ts';
import type { MaintainedNode, Omission, Scope } from '../node/maintained-node.ts';
import type { LayersOptions } from '../options.ts';
import type { SqlEngine } from '../sql-engine.ts';
import type { CutChanges } from './cut-changes.ts';
import { countRows } from './model-build.ts';
import { refreshNode } from './node-refresh.ts';

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
  readonly isSmall: Scope['isSmall'];
  readonly signal: AbortSignal;
  /** Nobody waits: any number of keys is recomputed. */
  readonly isBeside: boolean;
  readonly audits: LayerAudits;
  readonly suspects?: ReadonlyMap<string, string> | undefined;
  readonly omit?: Omission | undefined;
}

/** What the other models of the same refresh know of one. */
export interface ModelTask {
  readonly compiled: CompiledModel;
  readonly record: ModelRecord;
  /** What has changed since the cut that the model is at. */
  readonly changes: CutChanges;
}

/** Refreshes models of one cut, each after those it reads. */
export class ModelRefresher {
  readonly #options: ModelRefresherOptions;
  #running = 0;

  constructor(options: ModelRefresherOptions) {
    this.#options = options;
  }

  /** Transient errors are thrown; a refusal by the engine or an audit stops the model and is in its record. */
  async run(task: ModelTask): Promise<ModelRun> {
    const { compiled, record, changes } = task;
    const { suspects } = this.#options;
    const isSuspect = compiled.nodes.some(({ relation }) => suspects?.has(relation.name));
    const hasNews = compiled.reads.some((name) => changes.hasChanged(name));
    if (!isSuspect && !hasNews && !this.#isAudited(task)) return idleRun(record);
    const startedAt = performance.now();
    this.#running += 1;
    try {
      const work = await this.#refreshNodes(task);
      return this.#success(record, work, Math.round(performance.now() - startedAt));
    } catch (error) {
      if (!(error instanceof CdcError) || error.kind === 'transient') throw error;
      return idleRun({ ...record, error: error.message, errorCode: error.code }, 'failed');
    } finally {
      this.#running -= 1;
    }
  }

  async #refreshNodes({ compiled, record, changes }: ModelTask): Promise<Work> {
    const { engine, attempt, isSmall, signal, options, omit, isBeside, suspects, audits } =
      this.#options;
    const nodeRows = { ...record.nodeRows };
    const grownNodes: MaintainedNode[] = [];
    let isToAudit = this.#isAudited({ compiled, changes });
    const audit = async () => {
      isToAudit = false;
      await audits.checkDelta(compiled, { build: attempt.build, changes }, signal);
    };
    let work: Work = { ...noWork, nodeRows, grownNodes, rows: record.rows };
    for (const node of compiled.nodes) {
      const { name } = node.relation;
      const rows = nodeRows[name] ?? 0;
      const isOwn = name === record.name;
      const outcome = await refreshNode(node, {
        ...{ engine, attempt, changes, isSmall, signal, omit },
        isAlone: () => this.#running === 1,
        mostKeys: mostKeys(record, rows, options),
        deferKeys: isBeside ? Number.POSITIVE_INFINITY : options.deferKeys,
        chunkKeys: options.chunkKeys,
        suspects: suspects?.get(name),
        audit: isOwn ? audit : undefined,
      });
      if (outcome.hasChanged) changes.markChanged(name);
      const { strategy, rowsWritten } = outcome;
      if (strategy === 'deferred') return { ...work, strategy, keys: outcome.keys };
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
    // The model is as it was, but something that its audits refer to has changed.
    if (isToAudit) await audit();
    return work;
  }

  #isAudited({ compiled, changes }: Pick<ModelTask, 'compiled' | 'changes'>): boolean {
    return this.#options.audits.isTouched(compiled, (name) => changes.hasChanged(name));
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
        keysRecomputed: record.keysRecomputed + (strategy === 'deferred' ? 0 : keys),
        rebuilds: record.rebuilds + rebuilds,
        lastMs: ms,
        ...(strategy === 'rebuild' && { buildMs: ms }),
        ...(strategy === 'keys' && keys >= measuredFromKeys && { msPerKey: ms / keys }),
        ...(work.isRemade && { build: this.#options.attempt.build }),
      },
      grownNodes: work.grownNodes,
    };
  }
}

/** Refreshes of fewer keys than this say more about statements than about keys. */
const measuredFromKeys = 5_000;

/** With more keys than this, computing all rows anew costs less: as measured on this model, before that by the share of its rows. */
function mostKeys(
  { buildMs, msPerKey }: ModelRecord,
  rows: number,
  { rebuildFromKeys, rebuildShare }: LayersOptions,
): number {
  const breakEven = msPerKey === undefined ? rebuildShare * rows : buildMs / msPerKey;
  return Math.max(rebuildFromKeys, breakEven);
}

/** A model that was left as it is. */
export function idleRun(
  record: ModelRecord,
  strategy: 'none' | 'failed' | 'deferred' = 'none',
): ModelRun {
  const { name, layer } = record;
  const report = { name, layer, strategy, keysRecomputed: 0, rowsWritten: 0, ms: 0 };
  return { report, record, grownNodes: [] };
}

/** What the nodes of one model did together; `rows` and `rowsWritten` are those of the model itself. */
interface Work {
  readonly strategy: ModelRefresh['strategy'];
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
