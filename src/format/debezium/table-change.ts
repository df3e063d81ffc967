import { splitTableId, type TableId } from '../../change/table-id.ts';
import type { Column, TableSchema } from '../../change/table-schema.ts';
import { parseSourceType } from '../source-type.ts';

/** Debezium's own numbers for types: mostly those of java.sql.Types. */
const jdbcTypes: Readonly<Record<string, number>> = {
  ...sameNumber(5, ['tinyint', 'smallint']),
  ...sameNumber(4, ['mediumint', 'int', 'year']),
  bigint: -5,
  float: 6,
  double: 8,
  decimal: 3,
  bit: -7,
  date: 91,
  time: 92,
  datetime: 93,
  timestamp: 2014,
  ...sameNumber(1, ['char', 'enum', 'set']),
  ...sameNumber(12, ['varchar', 'tinytext', 'text', 'mediumtext', 'longtext']),
  binary: -2,
  varbinary: -3,
  ...sameNumber(2004, ['tinyblob', 'blob', 'mediumblob', 'longblob']),
};
/** java.sql.Types.OTHER. */
const otherType = 1111;

/** An entry of `tableChanges`. What a table schema does not tell (character sets, defaults) is null. */
export function tableChangeOf(schema: TableSchema, type: 'CREATE' | 'ALTER') {
  return {
    type,
    id: quotedId(schema.table),
    table: {
      defaultCharsetName: null,
      primaryKeyColumnNames: schema.key,
      columns: schema.columns.map(columnOf),
      comment: schema.comment ?? null,
    },
  };
}

/** `"db"."table"`, Debezium's name of a table here. */
export function quotedId(id: TableId): string {
  const { database, table } = splitTableId(id);
  return `"${database}"."${table}"`;
}

function columnOf(column: Column, index: number) {
  const { name, isUnsigned, sizes, members } = parseSourceType(column);
  const typeName = name.toUpperCase() + (isUnsigned ? ' UNSIGNED' : '');
  return {
    name: column.name,
    jdbcType: jdbcTypes[name] ?? otherType,
    nativeType: null,
    typeName,
    typeExpression: typeName,
    charsetName: null,
    length: lengthOf(name, sizes, members),
    scale: name === 'decimal' ? (sizes[1] ?? 0) : null,
    position: index + 1,
    optional: column.nullable,
    autoIncremented: false,
    generated: false,
    comment: column.comment ?? null,
    defaultValueExpression: null,
    enumValues:
      members.length > 0 ? members.map((member) => `'${member.replaceAll("'", "''")}'`) : null,
  };
}

/** Of an enum always 1, of a set what its members take with commas between. */
function lengthOf(
  name: string,
  sizes: readonly number[],
  members: readonly string[],
): number | null {
  if (name === 'enum') return 1;
  if (name === 'set') return Math.max(0, members.length * 2 - 1);
  return sizes[0] ?? null;
}

function sameNumber(value: number, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, value]));
}
