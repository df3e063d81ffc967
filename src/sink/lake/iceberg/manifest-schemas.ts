import type { Schema } from 'avsc';

/** Avro schemas of Iceberg's manifests, version 2 ("Manifests" and "Manifest Lists" in its specification), without the optional fields. */
function field(id: number, name: string, type: unknown) {
  return { name, type, 'field-id': id };
}

function optional(id: number, name: string, type: unknown) {
  return { name, type: ['null', type], default: null, 'field-id': id };
}

export const manifestEntrySchema = {
  type: 'record',
  name: 'manifest_entry',
  fields: [
    field(0, 'status', 'int'),
    optional(1, 'snapshot_id', 'long'),
    optional(3, 'sequence_number', 'long'),
    optional(4, 'file_sequence_number', 'long'),
    field(2, 'data_file', {
      type: 'record',
      name: 'r2',
      fields: [
        field(134, 'content', 'int'),
        field(100, 'file_path', 'string'),
        field(101, 'file_format', 'string'),
        field(102, 'partition', { type: 'record', name: 'r102', fields: [] }),
        field(103, 'record_count', 'long'),
        field(104, 'file_size_in_bytes', 'long'),
        optional(140, 'sort_order_id', 'int'),
      ],
    }),
  ],
} as unknown as Schema;

export const manifestListSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    field(517, 'content', 'int'),
    field(515, 'sequence_number', 'long'),
    field(516, 'min_sequence_number', 'long'),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
  ],
} as unknown as Schema;

export const entryStatus = { existing: 0, added: 1, deleted: 2 } as const;
export const fileContent = { data: 0, positionDeletes: 1, equalityDeletes: 2 } as const;

export interface ManifestEntry {
  readonly status: number;
  readonly snapshot_id: number | null;
  readonly sequence_number: number | null;
  readonly file_sequence_number: number | null;
  readonly data_file: {
    readonly content: number;
    readonly file_path: string;
    readonly file_format: string;
    readonly partition: Readonly<Record<string, never>>;
    readonly record_count: number;
    readonly file_size_in_bytes: number;
    readonly sort_order_id: number | null;
  };
}

export interface ManifestFile {
  readonly manifest_path: string;
  readonly manifest_length: number;
  readonly partition_spec_id: number;
  readonly content: number;
  readonly sequence_number: number;
  readonly min_sequence_number: number;
  readonly added_snapshot_id: number;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: number;
  readonly existing_rows_count: number;
  readonly deleted_rows_count: number;
}
