import { randomUUID } from 'node:crypto';
import { versionColumn } from '../../../change/table-schema.ts';
import { versionId } from '../schema-plan.ts';
import type { LakeSchema } from '../table-format.ts';
import { icebergType } from '../type-map.ts';

/** The metadata file of an Iceberg table ("Table Metadata" in its specification, version 2), as far as we write it. */
export interface TableMetadata {
  readonly 'format-version': 2;
  readonly 'table-uuid': string;
  readonly location: string;
  readonly 'last-sequence-number': number;
  readonly 'last-updated-ms': number;
  readonly 'last-column-id': number;
  readonly schemas: readonly IcebergSchema[];
  readonly 'current-schema-id': number;
  readonly 'partition-specs': readonly unknown[];
  readonly 'default-spec-id': number;
  readonly 'last-partition-id': number;
  readonly 'sort-orders': readonly unknown[];
  readonly 'default-sort-order-id': number;
  readonly properties: Readonly<Record<string, string>>;
  readonly 'current-snapshot-id'?: number | null;
  readonly refs?: Readonly<Record<string, { 'snapshot-id': number; type: string }>>;
  readonly snapshots: readonly IcebergSnapshot[];
  readonly 'snapshot-log': readonly { 'snapshot-id': number; 'timestamp-ms': number }[];
  readonly 'metadata-log': readonly unknown[];
}

export interface IcebergSchema {
  readonly type: 'struct';
  readonly 'schema-id': number;
  readonly 'identifier-field-ids': readonly number[];
  readonly fields: readonly IcebergField[];
}

interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: string;
  readonly doc?: string;
}

export interface IcebergSnapshot {
  readonly 'snapshot-id': number;
  readonly 'parent-snapshot-id'?: number;
  readonly 'sequence-number': number;
  readonly 'timestamp-ms': number;
  readonly 'manifest-list': string;
  readonly summary: Readonly<Record<string, string>>;
  readonly 'schema-id': number;
}

/** Property of the table: its columns, key and source in our words. */
export const tableProperty = 'strata.table';
/** Snapshots stay readable as long as `keepHours` says, but not more than so many. */
const mostSnapshots = 100;

export function newMetadata(location: string, table: LakeSchema, now: number): TableMetadata {
  return withSchema(
    {
      'format-version': 2,
      'table-uuid': randomUUID(),
      location,
      'last-sequence-number': 0,
      'last-updated-ms': now,
      'last-column-id': 0,
      schemas: [],
      'current-schema-id': 0,
      'partition-specs': [{ 'spec-id': 0, fields: [] }],
      'default-spec-id': 0,
      'last-partition-id': 999,
      'sort-orders': [{ 'order-id': 0, fields: [] }],
      'default-sort-order-id': 0,
      properties: { 'write.format.default': 'parquet', 'write.delete.mode': 'merge-on-read' },
      snapshots: [],
      'snapshot-log': [],
      'metadata-log': [],
    },
    table,
  );
}

export function withSchema(metadata: TableMetadata, table: LakeSchema): TableMetadata {
  const last = metadata.schemas.at(-1)?.['schema-id'] ?? -1;
  const schema = schemaOf(table, last + 1);
  const properties = {
    ...metadata.properties,
    [tableProperty]: JSON.stringify(table),
    ...(table.comment !== undefined && { comment: table.comment }),
  };
  return {
    ...metadata,
    'last-column-id': Math.max(metadata['last-column-id'], table.lastId),
    schemas: [...metadata.schemas, schema],
    'current-schema-id': schema['schema-id'],
    properties,
  };
}

function schemaOf({ columns, key }: LakeSchema, schemaId: number): IcebergSchema {
  const fields = columns.map(({ id, name, type, comment }) => ({
    id,
    name,
    required: key.includes(name),
    type: icebergType(type),
    ...(comment !== undefined && { doc: comment }),
  }));
  // Floats cannot identify rows.
  const identifiers = columns.filter(
    ({ name, type }) => key.includes(name) && !/^(float|double)$/.test(type),
  );
  return {
    type: 'struct',
    'schema-id': schemaId,
    'identifier-field-ids':
      identifiers.length === key.length ? identifiers.map(({ id }) => id) : [],
    fields: [...fields, { id: versionId, name: versionColumn, required: false, type: 'long' }],
  };
}

export function withSnapshot(
  metadata: TableMetadata,
  snapshot: IcebergSnapshot,
  keepFrom: number,
): TableMetadata {
  const id = snapshot['snapshot-id'];
  const isKept = (each: { readonly 'timestamp-ms': number }) => each['timestamp-ms'] >= keepFrom;
  const snapshots = metadata.snapshots.filter(isKept).slice(1 - mostSnapshots);
  const known = new Set(snapshots.map((each) => each['snapshot-id']));
  const log = metadata['snapshot-log'].filter((each) => known.has(each['snapshot-id']));
  return {
    ...metadata,
    'last-sequence-number': snapshot['sequence-number'],
    'last-updated-ms': snapshot['timestamp-ms'],
    'current-snapshot-id': id,
    refs: { main: { 'snapshot-id': id, type: 'branch' } },
    snapshots: [...snapshots, snapshot],
    'snapshot-log': [...log, { 'snapshot-id': id, 'timestamp-ms': snapshot['timestamp-ms'] }],
  };
}

export function currentSnapshot(metadata: TableMetadata): IcebergSnapshot | undefined {
  const id = metadata['current-snapshot-id'];
  return metadata.snapshots.find((each) => each['snapshot-id'] === id);
}
