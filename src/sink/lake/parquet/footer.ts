import {
  encodeList,
  type ThriftField,
  type ThriftList,
  ThriftReader,
  type ThriftValue,
  thriftType,
} from './compact-thrift.ts';

/**
 * The footer of a Parquet file, which says what the bytes of its columns mean. The engine writes files whose times are all "adjusted
 * to UTC", whose bytes are all text, and whose columns have no ids; readers of lakes go by these words, so they are put
 * right here. Nothing else of a file is touched: places in it count from its beginning.
 *
 *     ... columns ... | FileMetaData (Thrift, compact) | its length, UInt32 LE | PAR1
 *
 *     FileMetaData   1 version, 2 list<SchemaElement>, 3 num_rows, 4 row groups, ...
 *     SchemaElement  1 type, 3 repetition, 4 name, 5 num_children, 6 converted_type, 9 field_id, 10 LogicalType
 *     LogicalType    a union: 1 STRING, 8 TIMESTAMP {1 isAdjustedToUTC, 2 unit}, ...
 */
export interface ColumnAnnotation {
  /** Of Iceberg. */
  readonly fieldId?: number;
  /** A time of the wall clock instead of one in UTC. */
  readonly isLocalTime?: boolean;
  /** Bytes, not text. */
  readonly isBinary?: boolean;
}

const magic = 'PAR1';
const field = { schema: 2, rows: 3, name: 4, converted: 6, fieldId: 9, logical: 10 } as const;
const timestampMember = 8;

export interface AnnotatedFile {
  readonly bytes: Buffer;
  readonly rows: number;
}

/** The file with other words in its schema, and how many rows it has. */
export function annotate(
  file: Buffer,
  annotations: ReadonlyMap<string, ColumnAnnotation>,
): AnnotatedFile {
  const end = file.length - 8;
  if (end < 4 || file.toString('latin1', end + 4) !== magic) {
    throw new RangeError('the engine has not written a Parquet file');
  }
  const start = end - file.readUInt32LE(end);
  const footer = file.subarray(start, end);
  const { schema, from, to, rows } = readFooter(footer);
  const changed = encodeList({ ...schema, items: schema.items.map(annotated(annotations)) });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length - (to - from) + changed.length);
  const parts = [file.subarray(0, start), footer.subarray(0, from), changed, footer.subarray(to)];
  return { bytes: Buffer.concat([...parts, length, Buffer.from(magic)]), rows };
}

function readFooter(footer: Buffer) {
  const reader = new ThriftReader(footer);
  let found: { schema: ThriftList; from: number; to: number } | undefined;
  let id = 0;
  for (let head = reader.fieldHead(id); head !== undefined; head = reader.fieldHead(id)) {
    id = head.id;
    const from = reader.position;
    const value = reader.value(head.type);
    if (id === field.schema) found = { schema: value as ThriftList, from, to: reader.position };
    if (id === field.rows && found !== undefined) return { ...found, rows: Number(value) };
  }
  throw new RangeError('the footer of the Parquet file has no schema');
}

function annotated(annotations: ReadonlyMap<string, ColumnAnnotation>) {
  return (element: ThriftValue, index: number): ThriftValue => {
    const fields = element as readonly ThriftField[];
    // The first one is the root, whatever its name.
    if (index === 0) return fields;
    const name = fields.find(({ id }) => id === field.name)?.value;
    const annotation = annotations.get(String(name));
    return annotation === undefined ? fields : withAnnotation(fields, annotation);
  };
}

function withAnnotation(
  fields: readonly ThriftField[],
  { fieldId, isLocalTime, isBinary }: ColumnAnnotation,
): ThriftField[] {
  const isKept = ({ id }: ThriftField) =>
    !(isBinary && (id === field.converted || id === field.logical)) &&
    // The old way to say it knows only UTC.
    !(isLocalTime && id === field.converted) &&
    !(fieldId !== undefined && id === field.fieldId);
  const kept = fields
    .filter(isKept)
    .map((each) => (isLocalTime && each.id === field.logical ? localTime(each) : each));
  if (fieldId !== undefined) {
    kept.push({ id: field.fieldId, type: thriftType.i32, value: BigInt(fieldId) });
  }
  return kept.sort((a, b) => a.id - b.id);
}

function localTime(logical: ThriftField): ThriftField {
  const members = (logical.value as readonly ThriftField[]).map((member) => {
    if (member.id !== timestampMember) return member;
    const [, ...others] = member.value as readonly ThriftField[];
    return { ...member, value: [{ id: 1, type: thriftType.false, value: false }, ...others] };
  });
  return { ...logical, value: members };
}
