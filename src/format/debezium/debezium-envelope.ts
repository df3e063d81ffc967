import { splitTableId, type TableId } from '../../change/table-id.ts';
import type { SourceDescription } from '../change-format.ts';
import type { JsonCode } from '../json-code.ts';
import { copyFile, copyTransaction } from '../place-text.ts';
import type { ObjectFunction } from '../row-code.ts';

/** Names of a time and the zeros behind its milliseconds. */
const timestamps = [
  ['ts_ms', 0],
  ['ts_us', 3],
  ['ts_ns', 6],
] as const;

/** Adds what writes an envelope; `image` writes a row of it. */
export function addEnvelope(
  code: JsonCode,
  image: ObjectFunction,
  source: SourceDescription,
  table: TableId,
): void {
  const row = (places: string) =>
    code.inner().call(`${image.name}(w, b, v, ${places}, r);`, image.room);
  const nothing = () => code.inner().text('null');
  code.text('{"before":');
  code.choose('g.action === 0', nothing(), row('g.action === 1 ? t : s'));
  code.text(',"after":').choose('g.action === 2', nothing(), row('s'));
  code.text(',"source":');
  addSource(code, source, table);
  code.text(',"transaction":');
  code.choose('g.totalOrder === 0', nothing(), transactionBlock(code.inner()));
  code.text(',"op":"');
  code.run('o[q++] = g.action === 0 ? (P.isSnapshot ? 114 : 99) : g.action === 1 ? 117 : 100;', 1);
  code.text('"');
  for (const [name, zeros] of timestamps) addTime(code.text(`,"${name}":`), 'received', zeros);
  code.text('}');
}

function addSource(code: JsonCode, source: SourceDescription, id: TableId): void {
  const { database, table } = splitTableId(id);
  const { connector, name, toolVersion, serverId = 0 } = source;
  const [ms, us, ns] = timestamps;
  const either = (condition: string, yes: string, no: string) =>
    code.choose(condition, code.inner().text(yes), code.inner().text(no));
  code.text(`{${members({ version: toolVersion, connector, name })},"ts_ms":`);
  addTime(code, 'committed', ms[1]);
  code.text(',"snapshot":"');
  either('P.isSnapshot', 'true', 'false');
  code.text(`",${members({ db: database })},"sequence":null,"ts_us":`);
  addTime(code, 'committed', us[1]);
  addTime(code.text(',"ts_ns":'), 'committed', ns[1]);
  code.text(`,${members({ table })},"server_id":`);
  either('P.isSnapshot', '0', String(serverId));
  code.text(',"gtid":');
  code.choose('P.hasGtid', code.inner().run(copyTransaction), code.inner().text('null'));
  code.text(',"file":"').run(copyFile);
  code.text('","pos":').run('q = writeUint64(o, q, g.versionLow | 0, g.versionHigh & 15);', 20);
  code.text(',"row":0,"thread":null,"query":null}');
}

function transactionBlock(code: JsonCode): JsonCode {
  code.text('{"id":').run(copyTransaction);
  code.text(',"total_order":').run('q = writeDouble(o, q, g.totalOrder);', 16);
  code.text(',"data_collection_order":').run('q = writeDouble(o, q, g.tableOrder);', 16);
  return code.text('}');
}

function addTime(code: JsonCode, which: 'committed' | 'received', zeros: number): void {
  code.run(`q = writeMillis(o, q, P.${which}Millions, P.${which}Rest, ${zeros});`, 26);
}

function members(values: Readonly<Record<string, string>>): string {
  return JSON.stringify(values).slice(1, -1);
}
