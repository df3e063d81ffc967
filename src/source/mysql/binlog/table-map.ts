import { type TableId, tableIdOf } from '../../../change/table-id.ts';
import { ByteReader, wireType } from './event-format.ts';

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
  const metadata = readOptionalMetadata(reader, shapes, isMariaDb);
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

type Shape = Pick<WireColumn, 'type' | 'size' | 'scale'>;

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

/** Field codes of the optional metadata (Table_map_event::Optional_metadata_field_type). */
const field = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setValues: 5,
  enumValues: 6,
  geometryType: 7,
  simplePrimaryKey: 8,
  primaryKeyWithPrefix: 9,
  enumSetDefaultCharset: 10,
  enumSetColumnCharset: 11,
  visibility: 12,
} as const;

interface OptionalMetadata {
  names: string[];
  readonly unsigned: Set<number>;
  readonly collations: Map<number, number>;
  readonly members: Map<number, Buffer[]>;
  readonly geometryTypes: Map<number, number>;
  primaryKey: number[];
  visible: Set<number> | undefined;
}

function readOptionalMetadata(
  reader: ByteReader,
  shapes: readonly Shape[],
  isMariaDb: boolean,
): OptionalMetadata {
  const groups = groupColumns(shapes, isMariaDb);
  const metadata: OptionalMetadata = {
    names: [],
    unsigned: new Set(),
    collations: new Map(),
    members: new Map(),
    geometryTypes: new Map(),
    primaryKey: [],
    visible: undefined,
  };
  while (reader.offset < reader.bytes.length) {
    const type = reader.uint8();
    readField(type, new ByteReader(reader.slice(reader.packedInteger())), groups, metadata);
  }
  return metadata;
}

/** Bitmaps and lists of the optional metadata cover only the columns of one kind, in table order. */
interface ColumnGroups {
  readonly all: number[];
  readonly numeric: number[];
  readonly text: number[];
  readonly enumOrSet: number[];
  readonly enums: number[];
  readonly sets: number[];
  readonly geometry: number[];
}

const numericTypes = new Set<number>([
  wireType.tiny,
  wireType.short,
  wireType.int24,
  wireType.long,
  wireType.longlong,
  wireType.newDecimal,
  wireType.float,
  wireType.double,
  wireType.year,
]);

const textTypes = new Set<number>([
  wireType.varchar,
  wireType.varString,
  wireType.string,
  wireType.tinyBlob,
  wireType.mediumBlob,
  wireType.longBlob,
  wireType.blob,
  wireType.blobCompressed,
  wireType.varcharCompressed,
]);

function groupColumns(shapes: readonly Shape[], isMariaDb: boolean): ColumnGroups {
  const where = (matches: (type: number) => boolean) =>
    shapes.flatMap((shape, index) => (matches(shape.type) ? [index] : []));
  return {
    all: where(() => true),
    numeric: where((type) => numericTypes.has(type)),
    // MariaDB counts everything with a character set, and a geometry has one (binary).
    text: where((type) => textTypes.has(type) || (isMariaDb && type === wireType.geometry)),
    enumOrSet: where((type) => type === wireType.enum || type === wireType.set),
    enums: where((type) => type === wireType.enum),
    sets: where((type) => type === wireType.set),
    geometry: where((type) => type === wireType.geometry),
  };
}

function readField(
  type: number,
  value: ByteReader,
  groups: ColumnGroups,
  metadata: OptionalMetadata,
): void {
  switch (type) {
    case field.signedness:
      for (const index of readBitmap(value, groups.numeric)) metadata.unsigned.add(index);
      break;
    case field.defaultCharset:
      readDefaultCharset(value, groups.text, metadata.collations);
      break;
    case field.columnCharset:
      readEach(value, groups.text, metadata.collations);
      break;
    case field.enumSetDefaultCharset:
      readDefaultCharset(value, groups.enumOrSet, metadata.collations);
      break;
    case field.enumSetColumnCharset:
      readEach(value, groups.enumOrSet, metadata.collations);
      break;
    case field.columnName:
      metadata.names = readAll(value, () => value.slice(value.packedInteger()).toString('utf8'));
      break;
    case field.setValues:
      readMembers(value, groups.sets, metadata.members);
      break;
    case field.enumValues:
      readMembers(value, groups.enums, metadata.members);
      break;
    case field.geometryType:
      readEach(value, groups.geometry, metadata.geometryTypes);
      break;
    case field.simplePrimaryKey:
      metadata.primaryKey = readAll(value, () => value.packedInteger());
      break;
    case field.primaryKeyWithPrefix:
      metadata.primaryKey = readAll(value, () => {
        const index = value.packedInteger();
        value.packedInteger();
        return index;
      });
      break;
    case field.visibility:
      metadata.visible = new Set(readBitmap(value, groups.all));
      break;
    default:
      // Fields of newer servers say nothing that decoding needs.
      break;
  }
}

function readAll<T>(value: ByteReader, next: () => T): T[] {
  const items: T[] = [];
  while (value.offset < value.bytes.length) items.push(next());
  return items;
}

/** One bit per column of the group, highest bit first. */
function readBitmap(value: ByteReader, group: readonly number[]): number[] {
  return group.filter((_, index) => ((value.bytes[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0);
}

function readEach(value: ByteReader, group: readonly number[], target: Map<number, number>): void {
  const numbers = readAll(value, () => value.packedInteger());
  for (const [index, column] of group.entries()) {
    const number = numbers[index];
    if (number !== undefined) target.set(column, number);
  }
}

/** The collation of most columns, then pairs of (place in the group, collation) for the others. */
function readDefaultCharset(
  value: ByteReader,
  group: readonly number[],
  target: Map<number, number>,
): void {
  const usual = value.packedInteger();
  for (const column of group) target.set(column, usual);
  while (value.offset < value.bytes.length) {
    const column = group[value.packedInteger()];
    const collation = value.packedInteger();
    if (column !== undefined) target.set(column, collation);
  }
}

function readMembers(
  value: ByteReader,
  group: readonly number[],
  target: Map<number, Buffer[]>,
): void {
  for (const column of group) {
    const count = value.packedInteger();
    const members = Array.from({ length: count }, () =>
      Buffer.from(value.slice(value.packedInteger())),
    );
    target.set(column, members);
  }
}

function bitAt(bits: Buffer, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}
