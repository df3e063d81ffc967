import type { Column } from '../../change/table-schema.ts';
import { parseSourceType } from '../source-type.ts';

/** `sqlType` of Canal: java.sql.Types by the name of the source type. */
const sqlTypes: Readonly<Record<string, number>> = {
  tinyint: -6,
  smallint: 5,
  mediumint: 4,
  int: 4,
  bigint: -5,
  float: 7,
  double: 8,
  decimal: 3,
  bit: -7,
  date: 91,
  time: 92,
  datetime: 93,
  timestamp: 93,
  year: 12,
  char: 1,
  enum: 4,
  set: -7,
  binary: 2004,
  varbinary: 2004,
  tinytext: 2005,
  text: 2005,
  mediumtext: 2005,
  longtext: 2005,
  tinyblob: 2004,
  blob: 2004,
  mediumblob: 2004,
  longblob: 2004,
};
const varchar = 12;
const binary = -2;

/** One step up for numbers without sign, as Canal does for values that need it. */
const widerTypes: Readonly<Record<number, number>> = { '-6': 5, 5: 4, 4: -5, '-5': 3 };

export function sqlTypeOf(column: Column): number {
  const { name, isUnsigned } = parseSourceType(column);
  const type = sqlTypes[name] ?? (column.type.kind === 'geometry' ? binary : varchar);
  return isUnsigned && column.type.kind === 'int' ? (widerTypes[type] ?? type) : type;
}
