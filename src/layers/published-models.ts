import type { Catalog } from '../catalog/catalog.ts';
import { nodeTables } from './layer-names.ts';
import { LayerState } from './layer-state.ts';

export { currentBuild } from './layer-state.ts';

/** A model that is built, as a reader of its stored rows sees it. */
export interface PublishedModel {
  /** `ads.sales_daily`; also the name of the view. */
  readonly name: string;
  /** Quoted name of the table that holds its rows. */
  readonly physical: string;
  readonly key: readonly string[];
  /** The build that made all rows; rows that have changed since are of a later one. */
  readonly build: number;
  /** Rows of later builds are not published; absent when all of the cut's are. */
  readonly upTo?: number;
}

/** The largest version of rows that a build writes. */
export function lastVersionOf(build: number): bigint {
  return 2n * BigInt(build) + 1n;
}

/** Models without an error, by name. */
export function publishedModels(catalog: Catalog): PublishedModel[] {
  const records = [...new LayerState(catalog).records().values()];
  return records
    .filter(({ error }) => error === undefined)
    .map(({ name, storage, key = [], build, at }) => ({
      name,
      physical: nodeTables(storage).rows,
      key,
      build,
      ...(at && { upTo: at.build }),
    }));
}
