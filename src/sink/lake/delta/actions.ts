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

const vector =
  'Tuple(storageType String, pathOrInlineDv String, offset Nullable(Int32), sizeInBytes Int32, cardinality Int64)';

const checkpointTypes = {
  protocol:
    'Tuple(minReaderVersion Int32, minWriterVersion Int32, readerFeatures Array(String), writerFeatures Array(String))',
  metaData:
    'Tuple(id String, name Nullable(String), description Nullable(String), format Tuple(provider String, options Map(String, String)), schemaString String, partitionColumns Array(String), configuration Map(String, String), createdTime Nullable(Int64))',
  add: 'Tuple(path String, partitionValues Map(String, String), size Int64, modificationTime Int64, dataChange Bool, stats Nullable(String), tags Map(String, String), deletionVector {vector})',
  remove:
    'Tuple(path String, deletionTimestamp Nullable(Int64), dataChange Bool, extendedFileMetadata Bool, partitionValues Map(String, String), size Nullable(Int64), deletionVector {vector})',
  domainMetadata: 'Tuple(domain String, configuration String, removed Bool)',
} as const;

function columnsOf(optional: (type: string) => string): string {
  return Object.entries(checkpointTypes)
    .map(([name, type]) => `${name} ${optional(type.replace('{vector}', optional(vector)))}`)
    .join(', ');
}

/** The columns of a checkpoint, in the engine's words: each row is one action, and NULL in the other columns. */
export const checkpointColumns = columnsOf((type) => `Nullable(${type})`);

/** The same for reading: the engine has no NULL for a group of a Parquet file, so what is not there is empty inside. */
export const readCheckpointColumns = columnsOf((type) => type);

/** An action as it was before the engine filled the others up, with numbers that it prints as texts. */
export function readAction(row: Required<DeltaAction>): DeltaAction {
  const { protocol, metaData, add, remove, domainMetadata } = row;
  return {
    ...(protocol?.minReaderVersion && { protocol }),
    ...(metaData?.id && { metaData }),
    ...(add?.path && {
      add: {
        ...add,
        size: Number(add.size),
        modificationTime: Number(add.modificationTime),
        deletionVector: readVector(add.deletionVector),
      },
    }),
    ...(remove?.path && {
      remove: {
        ...remove,
        size: Number(remove.size),
        deletionTimestamp: Number(remove.deletionTimestamp),
        deletionVector: readVector(remove.deletionVector),
      },
    }),
    ...(domainMetadata?.domain && { domainMetadata }),
  };
}

function readVector(read: DeletionVector | null | undefined): DeletionVector | undefined {
  return read?.storageType ? { ...read, cardinality: Number(read.cardinality) } : undefined;
}
