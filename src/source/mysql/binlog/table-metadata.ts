import { ByteReader, wireType } from './event-format.ts';
import type { Shape } from './table-map.ts';

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

/** By index of the column. */
export interface TableMetadata {
  names: string[];
  readonly unsigned: Set<number>;
  readonly collations: Map<number, number>;
  readonly members: Map<number, Buffer[]>;
  readonly geometryTypes: Map<number, number>;
  primaryKey: number[];
  visible: Set<number> | undefined;
}

/** The optional metadata of a TABLE_MAP event: fields of type(1) length(packed) value, to the end. */
export function readTableMetadata(
  reader: ByteReader,
  shapes: readonly Shape[],
  isMariaDb: boolean,
): TableMetadata {
  const groups = groupColumns(shapes, isMariaDb);
  const metadata: TableMetadata = {
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
  metadata: TableMetadata,
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
