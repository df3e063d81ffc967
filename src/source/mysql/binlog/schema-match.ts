import type { Column, TableSchema } from '../../../change/table-schema.ts';
import { binaryCollation, wireType } from './event-format.ts';
import type { TableMap, WireColumn } from './table-map.ts';
import { networkTypes } from './text-code.ts';

/**
 * For every column of the map the index of the schema's column it is, undefined for one that the
 * server keeps to itself. Undefined as a whole when the map's rows do not have the schema's shape.
 */
export function matchColumns(
  map: TableMap,
  schema: TableSchema,
): readonly (number | undefined)[] | undefined {
  let next = 0;
  const matches = map.columns.map((wire) => {
    if (isHidden(wire)) return undefined;
    const column = schema.columns[next];
    if (column === undefined || !isSameColumn(wire, column)) return -1;
    return next++;
  });
  return matches.includes(-1) || next !== schema.columns.length ? undefined : matches;
}

/** MariaDB keeps the hash behind a UNIQUE over a long column as a column of its own. */
export function isHidden(wire: WireColumn): boolean {
  return /^DB_ROW_HASH_\d+$/.test(wire.name);
}

function isSameColumn(wire: WireColumn, column: Column): boolean {
  return wire.name === column.name && wire.nullable === column.nullable && isSameType(wire, column);
}

const integerBits: Readonly<Record<number, number>> = {
  [wireType.tiny]: 8,
  [wireType.short]: 16,
  [wireType.int24]: 32,
  [wireType.long]: 32,
  [wireType.longlong]: 64,
};

const bytesTypes = new Set<number>([
  wireType.varchar,
  wireType.varString,
  wireType.string,
  wireType.blob,
  wireType.varcharCompressed,
  wireType.blobCompressed,
]);

function isSameType(wire: WireColumn, { type, sourceType }: Column): boolean {
  switch (type.kind) {
    case 'int':
      return integerBits[wire.type] === type.bits && wire.unsigned === type.unsigned;
    case 'float':
      return wire.type === (type.bits === 32 ? wireType.float : wireType.double);
    case 'decimal':
      return (
        wire.type === wireType.newDecimal &&
        wire.size === type.precision &&
        wire.scale === type.scale
      );
    case 'date':
      return wire.type === wireType.date || wire.type === wireType.newDate;
    case 'datetime':
      return wire.type === wireType.datetime2 && wire.size === type.fsp;
    case 'timestamp':
      return wire.type === wireType.timestamp2 && wire.size === type.fsp;
    case 'time':
      return wire.type === wireType.time2 && wire.size === type.fsp;
    case 'year':
      return wire.type === wireType.year;
    case 'bit':
      return wire.type === wireType.bit;
    case 'json':
      return wire.type === wireType.json;
    case 'geometry':
      return wire.type === wireType.geometry;
    case 'binary':
      return bytesTypes.has(wire.type) && wire.collation === binaryCollation;
    case 'string':
      return isText(wire) || isNetworkType(wire, sourceType);
  }
}

function isText(wire: WireColumn): boolean {
  if (wire.type === wireType.enum || wire.type === wireType.set) return true;
  return bytesTypes.has(wire.type) && wire.collation !== binaryCollation;
}

/** uuid, inet4 and inet6 look like binary(16) or binary(4) in the binlog. */
function isNetworkType(wire: WireColumn, sourceType: string): boolean {
  const width = networkTypes[sourceType.toLowerCase()]?.width;
  return width !== undefined && wire.type === wireType.string && wire.size === width;
}
