import type { Section } from '../../change/change-batch.ts';
import { splitTableId } from '../../change/table-id.ts';
import type { Column, TableSchema } from '../../change/table-schema.ts';
import type { ChangePlace, EventMessage } from '../change-format.ts';
import { parseSourceType } from '../source-type.ts';

/** What Maxwell writes with `output_ddl`; for TRUNCATE, of which it says nothing, a type of our own. */
export function maxwellEvent(
  section: Section,
  known: TableSchema | undefined,
  place: ChangePlace,
): EventMessage[] {
  const ts = place.mark.committedAtMs;
  if (section.kind !== 'schema' && section.kind !== 'truncate') return [];
  const { table, ddl } = section;
  const tail = { ts, ...(ddl !== undefined && { sql: ddl }) };
  if (section.kind === 'truncate') {
    // Rows of one shard of several: neither word would be true of the table.
    if (section.only !== undefined) return [];
    const isDrop = /^\s*drop\b/i.test(ddl ?? '');
    return [message(isDrop ? 'table-drop' : 'table-truncate', table, tail)];
  }
  const { schema } = section;
  return known === undefined
    ? [message('table-create', table, { def: definitionOf(schema), ...tail })]
    : [
        message('table-alter', table, {
          old: definitionOf(known),
          def: definitionOf(schema),
          ...tail,
        }),
      ];
}

function message(type: string, id: string, rest: object): EventMessage {
  const { database, table } = splitTableId(id);
  return {
    to: 'schema',
    key: Buffer.from(JSON.stringify({ database, table })),
    value: Buffer.from(JSON.stringify({ type, database, table, ...rest })),
  };
}

function definitionOf(schema: TableSchema) {
  const { database, table } = splitTableId(schema.table);
  return {
    database,
    table,
    columns: schema.columns.map(columnOf),
    'primary-key': schema.key,
  };
}

function columnOf(column: Column) {
  const { name: type, isUnsigned, sizes, members } = parseSourceType(column);
  const isTemporal = ['datetime', 'timestamp', 'time'].includes(type);
  return {
    type,
    name: column.name,
    ...(column.type.kind === 'int' && { signed: !isUnsigned }),
    ...(isTemporal && sizes[0] !== undefined && { 'column-length': sizes[0] }),
    ...(members.length > 0 && { 'enum-values': members }),
  };
}
