import { type TableId, tableIdOf } from '../../../change/table-id.ts';
import { ByteReader, wireType } from './event-format.ts';
import { readTableMetadata } from './table-metadata.ts';

/** One column of a TABLE_MAP event: how its values lie in row images, and what FULL metadata says of it. */
export interface WireColumn {
  /** Empty when the server runs without `binlog_row_metadata=FULL`. */
  readonly name: string;
  /** See `wireType`; enum and set are already told apart from char. */
  readonly type: number;
  /**
   * varchar, char: longest value in bytes; enum, set: bytes of the number; blob, json, geometry: bytes
   * of the length; bit: bits; decimal: digits in all; times: digits of the fraction; else 0.
   */
  readonly size: number;
  /** decimal: digits after the point. */
  readonly scale: number;
  readonly nullable: boolean;
  readonly unsigned: boolean;
  /** Collation id of text, 63 for binary; undefined for other types. */
  readonly collation: number | undefined;
  /** Members of an enum or set, in the column's own character set. */
  readonly members: readonly Buffer[];
  /** 0 geometry, 1 point, ... 7 geometrycollection. */
  readonly geometryType: number | undefined;
  readonly visible: boolean;
}

export interface TableMap {
  readonly table: TableId;
  readonly columns: readonly WireColumn[];
  /** Indexes of the primary key's columns, in key order; empty without one. */
  readonly primaryKey: readonly number[];
}

/**
 * TABLE_MAP_EVENT after the common header (libs/mysql/binlog/event/rows_event.h):
 *
 *   table id(6) flags(2)
 *   database length(1) name 0 / table length(1) name 0
 *   column count(packed) type(1 each) / metadata length(packed) metadata / null bits
 *   optional metadata: field type(1) length(packed) value, repeated
 */
export function parseTableMap(body: Buffer, isMariaDb: boolean): TableMap {
  const reader = new ByteReader(body, 8);
  const table = readTableName(reader);
  const count = reader.packedInteger();
  const types = [...reader.slice(count)];
  reader.packedInteger();
  const shapes = types.map((type) => readShape(reader, type));
  const nullBits = reader.slice((count + 7) >> 3);
  const metadata = readTableMetadata(reader, shapes, isMariaDb);
  const columns = shapes.map((shape, index) => ({
    ...shape,
    name: metadata.names[index] ?? '',
    nullable: bitAt(nullBits, index),
    unsigned: metadata.unsigned.has(index),
    collation: metadata.collations.get(index),
    members: metadata.members.get(index) ?? [],
    geometryType: metadata.geometryTypes.get(index),
    visible: metadata.visible?.has(index) ?? true,
  }));
  return { table, columns, primaryKey: metadata.primaryKey };
}

/** The table a TABLE_MAP body is about, without parsing the rest. */
export function parseTableId(body: Buffer): TableId {
  return readTableName(new ByteReader(body, 8));
}

function readTableName(reader: ByteReader): TableId {
  const database = reader.slice(reader.uint8()).toString('utf8');
  reader.offset++;
  const table = reader.slice(reader.uint8()).toString('utf8');
  reader.offset++;
  return tableIdOf(database, table);
}

/** How values of a column lie in row images. */
export type Shape = Pick<WireColumn, 'type' | 'size' | 'scale'>;

/** The per-column metadata; its width depends on the type (Table_map_event class comment). */
function readShape(reader: ByteReader, type: number): Shape {
  switch (type) {
    case wireType.float:
    case wireType.double:
    case wireType.blob:
    case wireType.blobCompressed:
    case wireType.geometry:
    case wireType.json:
    case wireType.vector:
    case wireType.timestamp2:
    case wireType.datetime2:
    case wireType.time2:
      return { type, size: reader.uint8(), scale: 0 };
    case wireType.varchar:
    case wireType.varcharCompressed:
      return { type, size: reader.uint16(), scale: 0 };
    case wireType.bit: {
      const bits = reader.uint8();
      return { type, size: reader.uint8() * 8 + bits, scale: 0 };
    }
    case wireType.newDecimal: {
      const size = reader.uint8();
      return { type, size, scale: reader.uint8() };
    }
    case wireType.string:
    case wireType.varString:
      return readStringShape(reader.uint8(), reader.uint8());
    default:
      return { type, size: 0, scale: 0 };
  }
}

/** char, enum and set share a type; bits 4 and 5 of the real type are bits 8 and 9 of a char's length, inverted. */
function readStringShape(realType: number, length: number): Shape {
  if (realType === wireType.enum || realType === wireType.set) {
    return { type: realType, size: length, scale: 0 };
  }
  const highBits = ((realType & 0x30) ^ 0x30) << 4;
  return { type: wireType.string, size: highBits | length, scale: 0 };
}

function bitAt(bits: Buffer, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}
