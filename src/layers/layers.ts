import type { Catalog } from '../catalog/catalog.ts';
import type { Version } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { Problem } from '../errors.ts';
import type { Logger } from '../ops/logger.ts';
import { MaintainedLayers } from './maintained-layers.ts';
import type { Omission } from './maintained-node.ts';
import type { LayerName } from './model-file.ts';
import type { LayerDifference } from './model-verification.ts';
import type { LayersOptions } from './options.ts';
import type { SqlEngine } from './sql-engine.ts';
import type { VerifiedLayers } from './verified-layers.ts';

/**
 * Keeps DWD, DWS and ADS equal to their SELECTs while the ODS tables change. See docs/layers.md.
 *
 * - One caller at a time, and ODS must stand still during a call, at whole transactions of the source.
 * - Promise: when `refresh` to a cut resolves, every model without an error equals its SELECT over ODS
 *   as it is. Until then readers may see some models before and some after the change.
 * - Restart: `refresh` can be repeated from the last published cut after a crash at any point, and gives
 *   the same tables. Whatever has `_version` above `cut.from` counts as changed; more than that is harmless.
 * - Errors: CDC_LAYERS_INVALID for files, transient engine errors for the caller to repeat. A model that
 *   the engine refuses at a refresh stops with its readers and says so in `status`; others go on.
 */
export interface Layers {
  /** What `apply` would do, and every problem of the files. Changes nothing; a read-only catalog will do. */
  plan(): Promise<LayersPlan>;
  /**
   * Builds added and changed models in full and drops removed ones. Models that read tables without a
   * finished snapshot wait for a later call. Throws CDC_LAYERS_INVALID before it changes anything.
   */
  apply(signal: AbortSignal): Promise<void>;
  /** Brings all models from one cut to the next. */
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
}

export interface LayersPlan {
  readonly models: readonly PlannedModel[];
  readonly problems: readonly Problem[];
}

export interface PlannedModel {
  readonly name: string;
  readonly layer: LayerName;
  readonly file: string;
  readonly change: 'added' | 'changed' | 'removed' | 'unchanged';
  /** Maintained by affected keys, or rebuilt as a whole when something it reads changes. */
  readonly way: 'keys' | 'rebuild';
  readonly why: string;
  readonly key: readonly string[];
  readonly reads: readonly string[];
  /** Statements that create (or drop) what it stores. */
  readonly ddl: readonly string[];
}

export interface RefreshReport {
  readonly models: readonly ModelRefresh[];
}

export interface ModelRefresh {
  readonly name: string;
  readonly layer: LayerName;
  readonly strategy: 'none' | 'keys' | 'rebuild' | 'failed';
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
  readonly error?: string;
}

export type { DifferingColumn } from './row-comparison.ts';
export type { LayerDifference, VerifiedLayers };

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
