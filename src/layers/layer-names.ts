import { quoteIdentifier } from '../engine/sql-quote.ts';

/** Database of everything the layers store; readers use the views in `dwd`, `dws` and `ads`. */
export const layersDatabase = '_layers';
export const odsDatabase = '_ods';

/** Quoted names of the tables that belong to one maintained node. */
export interface NodeTables {
  readonly rows: string;
  /** A new version of the rows, before it takes their place. */
  readonly shadow: string;
  /** Old and new rows of each refresh, kept until its cut is published. */
  readonly delta: string;
  /** What was in the delta before, where that is in memory; see DeltaHistory. */
  readonly past: string;
  /** Keys to recompute; of no value after a refresh. */
  readonly keys: string;
}

/**
 * `storage` is a model's current set of tables, `dwd.x@12`: its name and the build that made them, so that a new version is
 * built beside the old one. `stage` is what a hidden stage has after the model's name.
 */
export function nodeTables(storage: string, stage = ''): NodeTables {
  const table = (suffix: string) =>
    `${layersDatabase}.${quoteIdentifier(storage + stage + suffix)}`;
  return {
    rows: table(''),
    shadow: table('#new'),
    delta: table('#delta'),
    past: table('#past'),
    keys: table('#keys'),
  };
}

/** The name of the tables that a build makes for a model. */
export function storageName(model: string, build: number): string {
  return `${model}@${build}`;
}

/** Quoted name of the view that readers use. */
export function viewName(model: string): string {
  const [layer = '', name = ''] = model.split('.');
  return `${quoteIdentifier(layer)}.${quoteIdentifier(name)}`;
}

export function odsTable(table: string): string {
  return `${odsDatabase}.${quoteIdentifier(table)}`;
}
