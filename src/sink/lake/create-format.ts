import type { RowEngine } from '../row-engine.ts';
import { DeltaFormat } from './delta/delta-format.ts';
import { IcebergFormat } from './iceberg/iceberg-format.ts';
import { ManifestFormat } from './manifest/manifest-format.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { TableFormat } from './table-format.ts';
import type { LakeFormatName } from './type-map.ts';

interface FormatPlace {
  readonly store: ObjectStore;
  readonly root: string;
  readonly engine: RowEngine;
  readonly keepHours: number;
}

/** Where each format has its log: a folder with files in one of these is a table. */
export const logFolders = ['_manifest', '_delta_log', 'metadata'] as const;

export function createFormat(name: LakeFormatName, place: FormatPlace): TableFormat {
  switch (name) {
    case 'parquet':
      return new ManifestFormat(place.store, place.root);
    case 'delta':
      return new DeltaFormat(place.store, place.root, place.engine);
    case 'iceberg':
      return new IcebergFormat(place.store, place.root, place.engine, place.keepHours * 3600_000);
  }
}
