import type { Progress } from '../../sink.ts';
import {
  DamagedTable,
  type DataFile,
  type LakeSchema,
  type LakeSnapshot,
} from '../table-format.ts';
import type {
  DeltaAction,
  DeltaAdd,
  DeltaMetadata,
  DeltaProtocol,
  DeltaRemove,
} from './actions.ts';

/** What we keep in the log beside what Delta knows: as `domainMetadata`, which checkpoints hold as well. */
export const tableDomain = 'strata.table';
export const progressDomain = 'strata.progress';
/** In `tags` of a file: made by compaction. */
export const baseTag = 'strata.base';

const knownFeatures: ReadonlySet<string> = new Set([
  'deletionVectors',
  'timestampNtz',
  'domainMetadata',
  'appendOnly',
  'invariants',
]);

/** What the log says after the actions of some commits, in their order. */
export class DeltaState {
  readonly adds = new Map<string, DeltaAdd>();
  readonly removes = new Map<string, DeltaRemove>();
  readonly domains = new Map<string, string>();
  protocol: DeltaProtocol | undefined;
  metadata: DeltaMetadata | undefined;
  version = -1;

  apply(version: number, actions: Iterable<DeltaAction>): void {
    this.version = version;
    // Within a commit the removal of a file and its addition with another deletion vector have no order.
    const all = [...actions];
    for (const { remove } of all) {
      if (!remove) continue;
      this.adds.delete(remove.path);
      this.removes.set(remove.path, remove);
    }
    for (const { add, protocol, metaData, domainMetadata } of all) {
      if (add) {
        this.adds.set(add.path, add);
        this.removes.delete(add.path);
      }
      if (protocol) this.protocol = protocol;
      if (metaData) this.metadata = metaData;
      if (domainMetadata?.removed) this.domains.delete(domainMetadata.domain);
      else if (domainMetadata)
        this.domains.set(domainMetadata.domain, domainMetadata.configuration);
    }
  }

  copy(): DeltaState {
    const copy = new DeltaState();
    for (const [path, add] of this.adds) copy.adds.set(path, add);
    for (const [path, remove] of this.removes) copy.removes.set(path, remove);
    for (const [name, text] of this.domains) copy.domains.set(name, text);
    copy.protocol = this.protocol;
    copy.metadata = this.metadata;
    copy.version = this.version;
    return copy;
  }

  snapshot(address: string): LakeSnapshot {
    const text = this.domains.get(tableDomain);
    if (text === undefined)
      throw new DamagedTable(`the Delta table ${address} was not made by cdc.`);
    const features = [
      ...(this.protocol?.readerFeatures ?? []),
      ...(this.protocol?.writerFeatures ?? []),
    ];
    const unknown = features.find((feature) => !knownFeatures.has(feature));
    const table = JSON.parse(text) as LakeSchema;
    if (unknown !== undefined) {
      throw new DamagedTable(
        `somebody has given the Delta table the feature ${unknown}, which cdc does not write.`,
      );
    }
    const progress = this.domains.get(progressDomain);
    return {
      version: this.version,
      table,
      progress: progress === undefined ? undefined : (JSON.parse(progress) as Progress),
      files: [...this.adds.values()].map(dataFile),
    };
  }
}

function dataFile(add: DeltaAdd): DataFile {
  const stats = JSON.parse(add.stats ?? '{}') as { numRecords?: number };
  return {
    name: decodeURIComponent(add.path),
    bytes: Number(add.size),
    rows: stats.numRecords ?? 0,
    deadRows: Number(add.deletionVector?.cardinality ?? 0),
    isBase: add.tags?.[baseTag] !== undefined,
  };
}
