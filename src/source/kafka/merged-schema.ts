import { renderColumnWords } from '../../change/column-words.ts';
import type { Column, ColumnType, TableSchema } from '../../change/table-schema.ts';
import { CdcError } from '../../errors.ts';
import { schemaVersion } from '../mysql/type-map.ts';

/**
 * The schema that messages of both kinds fit. Partitions are read side by side and topics again from
 * their begin, so a message in an older layout may follow one in a newer: a table keeps every column it
 * ever had, in the widest type, and one that not every message has may be NULL. The same whatever the
 * order; a result equal to `known` is `known` itself.
 * Throws CDC_SCHEMA_INCOMPATIBLE when there is no such schema.
 */
export function mergeSchemas(
  known: TableSchema,
  columns: readonly Column[],
  key: readonly string[],
): TableSchema {
  const { table } = known;
  if (key.join('\0') !== known.key.join('\0')) {
    const [was, is] = [known.key.join(', '), key.join(', ')];
    throw incompatible(table, `its key was (${was}) and is (${is}) in messages now`);
  }
  const news = new Map(columns.map((column) => [column.name, column]));
  const kept = known.columns.map((column) => {
    const other = news.get(column.name);
    if (other === undefined) return column.nullable ? column : { ...column, nullable: true };
    news.delete(column.name);
    return mergeColumns(table, column, other);
  });
  const added = [...news.values()].map((column) => ({ ...column, nullable: true }));
  const merged = [...kept, ...added];
  const version = schemaVersion(merged, key);
  return version === known.version ? known : { ...known, version, columns: merged };
}

function mergeColumns(table: string, one: Column, other: Column): Column {
  const type = widest(one.type, other.type);
  if (type === undefined) {
    const [was, is] = [renderColumnWords(one.type), renderColumnWords(other.type)];
    throw incompatible(table, `column ${one.name} was ${was} and is ${is} in messages now`);
  }
  const nullable = one.nullable || other.nullable;
  const isSame = nullable === one.nullable && sameType(type, one.type);
  return isSame ? one : { ...one, type, nullable, sourceType: renderColumnWords(type) };
}

function widest(one: ColumnType, other: ColumnType): ColumnType | undefined {
  if (sameType(one, other)) return one;
  if (one.kind === 'int' && other.kind === 'int') return widestInteger(one, other);
  if (one.kind === 'float' && other.kind === 'float') return { kind: 'float', bits: 64 };
  if (one.kind === 'decimal' && other.kind === 'decimal') {
    const scale = Math.max(one.scale, other.scale);
    const digits = Math.max(one.precision - one.scale, other.precision - other.scale);
    return digits + scale > 76 ? undefined : { kind: 'decimal', precision: digits + scale, scale };
  }
  if ('fsp' in one && 'fsp' in other && one.kind === other.kind) {
    return { ...one, fsp: Math.max(one.fsp, other.fsp) };
  }
  return undefined;
}

type Integer = Extract<ColumnType, { kind: 'int' }>;

function widestInteger(one: Integer, other: Integer): Integer | undefined {
  if (one.unsigned === other.unsigned) return one.bits > other.bits ? one : other;
  const [signed, unsigned] = one.unsigned ? [other, one] : [one, other];
  const needed = ([8, 16, 32, 64] as const).find(
    (bits) => bits >= signed.bits && bits > unsigned.bits,
  );
  return needed === undefined ? undefined : { kind: 'int', bits: needed, unsigned: false };
}

function sameType(one: ColumnType, other: ColumnType): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function incompatible(table: string, why: string): CdcError {
  return new CdcError('CDC_SCHEMA_INCOMPATIBLE', `Reading messages of ${table}: ${why}.`, {
    details: { table },
    remedy:
      `Declare a type that holds both under columns of ${table} in source.tables, ` +
      `then load the table anew: cdc init --tables ${table}`,
  });
}
