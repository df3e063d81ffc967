import type { Catalog } from '../catalog/catalog.ts';
import type { Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ErrorCode, Problem } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import type { BrokenAudit } from './audit/layer-audits.ts';
import type { AppliedChange } from './change/layer-history.ts';
import { MaintainedLayers } from './maintained-layers.ts';
import type { LayerName } from './model/model-file.ts';
import type { Omission } from './node/maintained-node.ts';
import type { LayersOptions } from './options.ts';
import type { SqlEngine } from './sql-engine.ts';
import type { LayerDifference } from './verify/model-verification.ts';
import type { VerifiedLayers } from './verify/verified-layers.ts';

/**
 * Keeps DWD, DWS and ADS equal to their SELECTs while the ODS tables change. See docs/layers.md.
 *
 * - One caller at a time, and ODS must stand still during a call, at whole transactions of the source.
 * - Promise: when `refresh` to a cut resolves, every model without an error equals its SELECT over ODS
 *   as it is, or as it was at the cut that `status` names for it (models of minutes, and those with much to do).
 *   Until then readers may see some models before and some after the change.
 * - Restart: `refresh` can be repeated from the last published cut after a crash at any point, and gives
 *   the same tables. Whatever has `_version` above `cut.from` counts as changed; more than that is harmless.
 * - Errors: CDC_LAYERS_INVALID for files, transient engine errors for the caller to repeat. A model that
 *   the engine refuses at a refresh stops with its readers and says so in `status`; others go on.
 */
export interface Layers {
  /** What `apply` would do, and every problem of the files. Changes nothing; a read-only catalog will do. */
  plan(): Promise<LayersPlan>;
  /**
   * Builds added and changed models in full and takes removed ones away; nothing may change meanwhile. Models that read tables
   * without a finished snapshot wait for a later call. Throws CDC_LAYERS_INVALID before it changes anything, and
   * CDC_LAYERS_MODEL_FAILED when a build fails: then nothing has changed either.
   */
  apply(signal: AbortSignal, options?: ApplyOptions): Promise<void>;
  /**
   * The same while refreshes go on: new versions are built beside the old ones and take their place with a later
   * refresh, all at one cut. Resolves then; refreshes do the work, so it must not be awaited between them.
   */
  startApply(): Promise<void>;
  /** What has been applied, oldest first. */
  history(): readonly AppliedChange[];
  /**
   * Puts back the models as they were before the change `number`, with their rows, at the next refresh; later ones bring
   * them to the present. The files are not followed any more until they change or `apply` is asked for.
   */
  rollback(number: number): Promise<void>;
  /** There is something for a refresh to do, whatever has changed: a model's time has come, or a job is done. */
  isDue(): boolean;
  /** Resolves when nothing is being worked on beside the refreshes; a refresh's signal ends that early. */
  idle(): Promise<void>;
  /** Brings models from one cut to the next: those that are due and have not too much to do. */
  refresh(cut: LayersCut, signal: AbortSignal): Promise<RefreshReport>;
  /** Builds every direct and indirect reader of these tables anew: their rows have no usable history. */
  rebuild(tables: ReadonlySet<TableId>, signal: AbortSignal): Promise<void>;
  /** Compares each model with its SELECT recomputed in full; nothing may change meanwhile. Changes nothing. */
  verify(signal: AbortSignal): Promise<LayerDifference[]>;
  /**
   * Copies of all tables as they are while `hold` does its work, to be compared at leisure. Names of the copies begin with
   * `prefix`. Dispose of them.
   */
  copy(
    hold: <T>(work: () => Promise<T>) => Promise<T>,
    prefix: string,
    signal: AbortSignal,
  ): Promise<VerifiedLayers>;
  status(): LayerStatus[];
}

export interface LayersCut {
  /** The last published cut: rows of tables above its version have changed, of models those of later builds. */
  readonly from: { readonly version: Version; readonly build: number };
  readonly to: Version;
  /** Tables that may have changed; others are not looked at. */
  readonly tables: ReadonlySet<TableId>;
  /** By node: SELECT of `k1`, `k2`, ...: keys to recompute whatever has changed. */
  readonly suspects?: ReadonlyMap<string, string>;
  /** Brings every model to the cut, however long it takes: also those that are not due or have much to do. */
  readonly isWhole?: boolean;
}

export interface ApplyOptions {
  /** Somebody has asked for it; otherwise files that a rollback has turned away from are left alone. */
  readonly isAsked?: boolean;
}

export interface LayersPlan {
  readonly models: readonly PlannedModel[];
  readonly problems: readonly Problem[];
}

export interface PlannedModel {
  readonly name: string;
  readonly layer: LayerName;
  readonly file: string;
  readonly change: 'added' | 'changed' | 'removed' | 'renamed' | 'unchanged';
  /** What of it has changed, in words: `filter`, `new at the end: city`. */
  readonly what?: string;
  /** Of what will be built. */
  readonly estimate?: BuildEstimate;
  /** Maintained by affected keys, or rebuilt as a whole when something it reads changes. */
  readonly way: 'keys' | 'rebuild';
  readonly why: string;
  readonly key: readonly string[];
  readonly reads: readonly string[];
  /** Statements that create (or drop) what it stores. */
  readonly ddl: readonly string[];
}

export interface BuildEstimate {
  readonly rows: number;
  readonly ms: number;
  /** From an earlier build of the same model. */
  readonly isMeasured: boolean;
}

export interface RefreshReport {
  readonly models: readonly ModelRefresh[];
}

export interface ModelRefresh {
  readonly name: string;
  readonly layer: LayerName;
  /** `deferred`: it stays at its cut for now. */
  readonly strategy: 'none' | 'keys' | 'rebuild' | 'failed' | 'deferred';
  readonly keysRecomputed: number;
  readonly rowsWritten: number;
  readonly ms: number;
}

export interface LayerStatus {
  readonly name: string;
  readonly layer: LayerName;
  readonly way: 'keys' | 'rebuild';
  readonly why: string;
  readonly rows: number;
  /** Since the model was first built. */
  readonly keysRecomputed: number;
  readonly rebuilds: number;
  readonly lastMs: number;
  /** The cut that it is at, when that is not the published one. */
  readonly at?: Version;
  /** A job beside the refreshes is bringing it to the present. */
  readonly isCatchingUp?: boolean;
  readonly error?: string;
  readonly errorCode?: ErrorCode;
  /** Audits that only warn, and that its rows have broken since it was built. */
  readonly warnings?: readonly BrokenAudit[];
}

export type { DifferingColumn } from './verify/row-comparison.ts';
export type { AppliedChange, LayerDifference, VerifiedLayers };

export interface LayersSetup {
  readonly engine: SqlEngine;
  readonly catalog: Catalog;
  /** The folder with `dwd/`, `dws/` and `ads/`. */
  readonly folder: string;
  readonly options: LayersOptions;
  /** ODS tables whose snapshot is finished. */
  readonly tables: () => ReadonlyMap<TableId, TableSchema>;
  readonly logger: Logger;
  /** Whether a sink writes a model; for lint. */
  readonly isPublished?: (model: string) => boolean;
  /** Leaves out one condition of the method, to prove that it is needed. @internal */
  readonly omit?: Omission;
}

/** Touches neither engine nor catalog before the first call. */
export async function openLayers(setup: LayersSetup): Promise<Layers> {
  return new MaintainedLayers(setup);
}
