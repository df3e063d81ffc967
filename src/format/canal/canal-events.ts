import type { Section } from '../../change/change-batch.ts';
import type { Version } from '../../change/position.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import type { TableSchema } from '../../change/table-schema.ts';
import type { ChangePlace, EventMessage } from '../change-format.ts';
import { gtidOf } from '../place-text.ts';

/** DDL in Canal is a message of the table's topic with `isDdl` and the statement. */
export function canalEvent(
  section: Section,
  schema: TableSchema | undefined,
  place: ChangePlace,
): EventMessage[] {
  if (section.kind === 'schema' && section.ddl !== undefined) {
    return [message(section.table, section.version, section.ddl, typeOf(section.ddl), place)];
  }
  if (section.kind !== 'truncate' || schema === undefined) return [];
  const name = section.table
    .split('.')
    .map((part) => `\`${part.replaceAll('`', '``')}\``)
    .join('.');
  const sql = `TRUNCATE TABLE ${name}`;
  return [message(section.table, section.version, sql, 'TRUNCATE', place)];
}

function message(
  id: TableId,
  version: Version,
  sql: string,
  type: string,
  place: ChangePlace,
): EventMessage {
  const { database, table } = splitTableId(id);
  const head = JSON.stringify({
    data: null,
    database,
    es: place.mark.committedAtMs,
    gtid: gtidOf(place) ?? '',
  }).slice(0, -1);
  const rest = JSON.stringify({
    isDdl: true,
    mysqlType: null,
    old: null,
    pkNames: null,
    sql,
    sqlType: null,
    table,
    ts: place.receivedAtMs,
    type,
  }).slice(1);
  return { to: 'table', key: null, value: Buffer.from(`${head},"id":${version},${rest}`) };
}

/** Canal's event type of a statement. */
function typeOf(ddl: string): string {
  const statement = ddl.replace(/^(\s|\/\*.*?\*\/|--[^\n]*\n)+/s, '');
  const [, verb = '', kind = ''] = /^(\w+)\s+(?:.*?\b(index)\b)?/is.exec(statement) ?? [];
  const isIndex = /^(create|drop)\s+(\w+\s+)?index\b/i.test(statement) && kind !== '';
  switch (verb.toLowerCase()) {
    case 'create':
      return isIndex ? 'CINDEX' : 'CREATE';
    case 'drop':
      return isIndex ? 'DINDEX' : 'ERASE';
    case 'alter':
      return 'ALTER';
    case 'rename':
      return 'RENAME';
    default:
      return 'QUERY';
  }
}
