import type { SinkColumn } from '../sink-table.ts';
import { tsvText } from '../tsv-text.ts';
import { floatBitsText } from './float-text.ts';
import { IndexCheck } from './index-check.ts';
import { scanKeys } from './key-scan.ts';
import type { RedisConnection, Reply } from './redis-connection.ts';
import { versionKey } from './row-writer.ts';
import { renderEntries, type TableLayout } from './table-layout.ts';

interface FoundRow {
  readonly key: string;
  readonly texts: ReadonlyMap<string, string | null>;
  readonly version: string;
}

/**
 * The rows of a table as lines of canonical texts and version. A row that is not in every index where it belongs is left
 * out, so that it counts as missing and is written again; then a member that belongs to no row throws CDC_SINK_INCOMPATIBLE.
 */
export async function* readBack(
  connection: RedisConnection,
  prefix: string,
  layout: TableLayout,
): AsyncGenerator<Buffer, void> {
  const { columns } = layout.table;
  const check = new IndexCheck(connection, prefix, layout);
  const hasIndexes = layout.indexes.length > 0;
  for await (const keys of scanKeys(connection, prefix, layout.row)) {
    const rows = await readRows(connection, prefix, layout, keys);
    const listed = hasIndexes ? await check.areListed(withEntries(rows, layout, prefix)) : [];
    let lines = '';
    for (const [at, { texts, version }] of rows.entries()) {
      if (listed[at] === false) continue;
      const fields = columns.map((column) => tsvText(canonical(texts.get(column.name), column)));
      lines += `${fields.join('\t')}\t${BigInt(version)}\n`;
    }
    if (lines !== '') yield Buffer.from(lines, 'latin1');
  }
  // Rows that expire meanwhile would look like strangers.
  if (hasIndexes && layout.ttl === undefined) await check.assertNoStrangers();
}

async function readRows(
  connection: RedisConnection,
  prefix: string,
  { row, value, table }: TableLayout,
  keys: readonly string[],
): Promise<FoundRow[]> {
  const read = value.kind === 'hash' ? 'HGETALL' : 'GET';
  const ask = (command: string, key: string) =>
    connection.sendRaw([command, key]).catch((): Reply => null); // of another type: not ours
  const [values, records] = await Promise.all([
    Promise.all(keys.map((key) => ask(read, key))),
    value.version === 'none'
      ? Promise.all(keys.map((key) => ask('GET', versionKey(prefix, key))))
      : [],
  ]);
  return keys.flatMap((key, at) => {
    const reply = values[at];
    if (reply === null || reply === undefined) return [];
    const found = value.read(typeof reply === 'string' ? [reply] : (reply as string[]));
    const record = records[at];
    const version = found?.version ?? (typeof record === 'string' ? record.slice(0, 19) : '');
    if (found === undefined || !/^\d+$/.test(version)) return [];
    const inKey = row.takeApart(key.slice(prefix.length)) ?? new Map<string, string>();
    const texts = new Map([...inKey].filter(([name]) => table.key.includes(name)));
    for (const [name, text] of found.texts) texts.set(name, text);
    return [{ key, texts, version }];
  });
}

function withEntries(rows: readonly FoundRow[], layout: TableLayout, prefix: string) {
  return rows.map(({ key, texts }) => {
    const entries = renderEntries(layout, { prefix }, (name) => texts.get(name) ?? null);
    return { key, entries };
  });
}

/** As `canonical` of the type map says. */
function canonical(text: string | null | undefined, { type }: SinkColumn): string | null {
  if (text === null || text === undefined) return null;
  if ('text' in type && type.text) return text;
  if (type.kind === 'float') return floatBitsText(text, type.bits);
  if ('fsp' in type && type.fsp > 0) return text.replace(/\.?0+$/, '');
  return text;
}
