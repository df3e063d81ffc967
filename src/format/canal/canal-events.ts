import type { Section } from '../../change/change-batch.ts';
import type { Version } from '../../change/position.ts';
import { splitTableId, type TableId } from '../../change/table-id.ts';
import type { ChangePlace, EventMessage } from '../change-format.ts';
import { gtidOf } from '../place-text.ts';

/** DDL in Canal is a message of the table's topic with `isDdl` and the statement. */
export function canalEvent(section: Section, place: ChangePlace): EventMessage[] {
  if (section.kind === 'schema' && section.ddl !== undefined) {
    return [message(section.table, section.version, section.ddl, typeOf(section.ddl), place)];
  }
  if (section.kind !== 'truncate') return [];
  const sql = section.ddl ?? `TRUNCATE TABLE ${quoted(section.table)}`;
  // Of one shard of several: no type says that the others keep their rows.
  const type = section.only === undefined ? typeOf(sql) : 'QUERY';
  return [message(section.table, section.version, sql, type, place)];
}

function quoted(id: TableId): string {
  return id
    .split('.')
    .map((part) => `\`${part.replaceAll('`', '``')}\``)
    .join('.');
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

/** Canal's event types by the first words of a statement. */
const types: readonly (readonly [RegExp, string])[] = [
  [/^truncate\b/i, 'TRUNCATE'],
  [/^create\s+((unique|fulltext|spatial)\s+)?index\b/i, 'CINDEX'],
  [/^drop\s+index\b/i, 'DINDEX'],
  [/^create\b/i, 'CREATE'],
  [/^drop\b/i, 'ERASE'],
  [/^alter\b/i, 'ALTER'],
  [/^rename\b/i, 'RENAME'],
];

function typeOf(ddl: string): string {
  const statement = ddl.replace(/^(\s+|\/\*.*?\*\/|(--|#)[^\n]*\n)+/s, '');
  return types.find(([pattern]) => pattern.test(statement))?.[1] ?? 'QUERY';
}
