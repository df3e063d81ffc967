import type { Column, ColumnType, TableSchema } from '../../../change/table-schema.ts';
import { CdcError } from '../../../errors.ts';
import { schemaVersion } from '../type-map.ts';
import { binaryCollation, wireType } from './event-format.ts';
import { isHidden } from './schema-match.ts';
import type { TableMap, WireColumn } from './table-map.ts';
import { networkTypes } from './text-code.ts';

/**
 * The schema that a TABLE_MAP alone tells, for rows written between two DDL statements that the
 * server has both executed already. What the map cannot tell (uuid or binary(16), dates as text)
 * is taken from the column of the same name in `known`.
 */
export function deriveSchema(map: TableMap, known: TableSchema | undefined): TableSchema {
  const visible = map.columns.filter((wire) => !isHidden(wire));
  const columns = visible.map((wire) => deriveColumn(map, wire, known));
  const names = columns.map((column) => column.name);
  const primary = map.primaryKey.map((index) => map.columns[index]?.name ?? '');
  const key = primary.length > 0 ? primary : (known?.key ?? []);
  if (key.length === 0 || !key.every((name) => names.includes(name))) {
    throw new CdcError(
      'CDC_TABLE_NO_PRIMARY_KEY',
      `rows of ${map.table} come from a time when it had no primary key`,
      { details: { table: map.table }, remedy: 'Run `cdc init --restart` to pass over that time.' },
    );
  }
  return { table: map.table, version: schemaVersion(columns, key), columns, key };
}

function deriveColumn(map: TableMap, wire: WireColumn, known: TableSchema | undefined): Column {
  const same = known?.columns.find((column) => column.name === wire.name);
  const isText = known?.columns.some(({ type }) => 'text' in type && type.text === true) ?? false;
  const network = deriveNetworkType(wire, same);
  const derived = network ?? deriveType(wire, isText);
  if (derived === undefined) {
    throw new CdcError(
      'CDC_TYPE_UNSUPPORTED',
      `column ${wire.name} of ${map.table} has the wire type ${wire.type}, which cannot be captured`,
      { details: { table: map.table, column: wire.name } },
    );
  }
  return { name: wire.name, nullable: wire.nullable, ...derived };
}

type Derived = Pick<Column, 'type' | 'sourceType'>;

function deriveNetworkType(wire: WireColumn, same: Column | undefined): Derived | undefined {
  const width = same && networkTypes[same.sourceType.toLowerCase()]?.width;
  if (width === undefined || wire.type !== wireType.string || wire.size !== width) return undefined;
  return { type: { kind: 'string' }, sourceType: same?.sourceType ?? '' };
}

const integers: Readonly<Record<number, { name: string; bits: 8 | 16 | 32 | 64 }>> = {
  [wireType.tiny]: { name: 'tinyint', bits: 8 },
  [wireType.short]: { name: 'smallint', bits: 16 },
  [wireType.int24]: { name: 'mediumint', bits: 32 },
  [wireType.long]: { name: 'int', bits: 32 },
  [wireType.longlong]: { name: 'bigint', bits: 64 },
};

function deriveType(wire: WireColumn, isText: boolean): Derived | undefined {
  const text = isText ? { text: true } : {};
  const integer = integers[wire.type];
  if (integer !== undefined) {
    const { name, bits } = integer;
    const sourceType = wire.unsigned ? `${name} unsigned` : name;
    return { type: { kind: 'int', bits, unsigned: wire.unsigned }, sourceType };
  }
  switch (wire.type) {
    case wireType.float:
      return { type: { kind: 'float', bits: 32 }, sourceType: 'float' };
    case wireType.double:
      return { type: { kind: 'float', bits: 64 }, sourceType: 'double' };
    case wireType.newDecimal:
      return {
        type: { kind: 'decimal', precision: wire.size, scale: wire.scale },
        sourceType: `decimal(${wire.size},${wire.scale})`,
      };
    case wireType.date:
    case wireType.newDate:
      return { type: { kind: 'date', ...text }, sourceType: 'date' };
    case wireType.datetime2:
      return temporal('datetime', wire.size, text);
    case wireType.timestamp2:
      return temporal('timestamp', wire.size, text);
    case wireType.time2:
      return temporal('time', wire.size, text);
    case wireType.year:
      return { type: { kind: 'year' }, sourceType: 'year' };
    case wireType.bit:
      return { type: { kind: 'bit' }, sourceType: `bit(${wire.size})` };
    case wireType.json:
      return { type: { kind: 'json' }, sourceType: 'json' };
    case wireType.geometry:
      return { type: { kind: 'geometry' }, sourceType: 'geometry' };
    default:
      return deriveBytes(wire);
  }
}

function temporal(
  kind: 'datetime' | 'timestamp' | 'time',
  fsp: number,
  text: { text?: boolean },
): Derived {
  const type: ColumnType = { kind, fsp, ...text };
  return { type, sourceType: fsp > 0 ? `${kind}(${fsp})` : kind };
}

function deriveBytes(wire: WireColumn): Derived | undefined {
  const isBinary = wire.collation === binaryCollation;
  const type: ColumnType = { kind: isBinary ? 'binary' : 'string' };
  switch (wire.type) {
    case wireType.enum:
      return { type: { kind: 'string' }, sourceType: 'enum' };
    case wireType.set:
      return { type: { kind: 'string' }, sourceType: 'set' };
    case wireType.string:
      return { type, sourceType: isBinary ? `binary(${wire.size})` : 'char' };
    case wireType.varchar:
    case wireType.varString:
    case wireType.varcharCompressed:
      return { type, sourceType: isBinary ? 'varbinary' : 'varchar' };
    case wireType.blob:
    case wireType.blobCompressed:
      return { type, sourceType: isBinary ? 'blob' : 'text' };
    default:
      return undefined;
  }
}
