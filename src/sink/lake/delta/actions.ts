/** Lines of Delta's log that concern us ("Actions" in its PROTOCOL.md); others are left alone. */
export interface DeltaAction {
  readonly protocol?: DeltaProtocol | null;
  readonly metaData?: DeltaMetadata | null;
  readonly add?: DeltaAdd | null;
  readonly remove?: DeltaRemove | null;
  readonly domainMetadata?: DeltaDomain | null;
  readonly commitInfo?: Readonly<Record<string, unknown>> | null;
}

export interface DeltaProtocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[] | null;
  readonly writerFeatures?: readonly string[] | null;
}

export interface DeltaMetadata {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly format: {
    readonly provider: string;
    readonly options: Readonly<Record<string, string>>;
  };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number | string | null;
}

export interface DeltaAdd {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string>>;
  readonly size: number | string;
  readonly modificationTime: number | string;
  readonly dataChange: boolean;
  /** JSON; we need `numRecords`. */
  readonly stats?: string | null;
  readonly tags?: Readonly<Record<string, string>> | null;
  readonly deletionVector?: DeletionVector | null | undefined;
}

export interface DeltaRemove {
  readonly path: string;
  readonly deletionTimestamp?: number | string | null;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean | null;
  readonly partitionValues?: Readonly<Record<string, string>> | null;
  readonly size?: number | string | null;
  readonly deletionVector?: DeletionVector | null | undefined;
}

export interface DeletionVector {
  /** u: in a file named by a UUID; i: in the log itself. */
  readonly storageType: string;
  readonly pathOrInlineDv: string;
  readonly offset?: number | null;
  readonly sizeInBytes: number;
  readonly cardinality: number | string;
}

export interface DeltaDomain {
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
}

/** The columns of a checkpoint, in the engine's words: each row is one action. */
export const checkpointColumns = columnsOf({
  protocol:
    'Tuple(minReaderVersion Int32, minWriterVersion Int32, readerFeatures Array(String), writerFeatures Array(String))',
  metaData:
    'Tuple(id String, name Nullable(String), description Nullable(String), format Tuple(provider String, options Map(String, String)), schemaString String, partitionColumns Array(String), configuration Map(String, String), createdTime Nullable(Int64))',
  add: `Tuple(path String, partitionValues Map(String, String), size Int64, modificationTime Int64, dataChange Bool, stats Nullable(String), tags Map(String, String), deletionVector ${vectorType()})`,
  remove: `Tuple(path String, deletionTimestamp Nullable(Int64), dataChange Bool, extendedFileMetadata Bool, partitionValues Map(String, String), size Nullable(Int64), deletionVector ${vectorType()})`,
  domainMetadata: 'Tuple(domain String, configuration String, removed Bool)',
});

function vectorType(): string {
  return 'Nullable(Tuple(storageType String, pathOrInlineDv String, offset Nullable(Int32), sizeInBytes Int32, cardinality Int64))';
}

function columnsOf(types: Readonly<Record<string, string>>): string {
  return Object.entries(types)
    .map(([name, type]) => `${name} Nullable(${type})`)
    .join(', ');
}
