/** `database.table` as the source spells it. Neither part may contain a dot. */
export type TableId = string;

export function tableIdOf(database: string, table: string): TableId {
  return `${database}.${table}`;
}

export function splitTableId(id: TableId): { database: string; table: string } {
  const dot = id.indexOf('.');
  return { database: id.slice(0, dot), table: id.slice(dot + 1) };
}
