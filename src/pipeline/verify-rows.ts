import type { Position } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { Column, TableSchema } from '../change/table-schema.ts';
import type { ClickhouseEngine } from '../engine/clickhouse-engine.ts';
import { hashedRow } from '../engine/hash-ranges.ts';
import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import { physicalTable } from '../load/clickhouse/ddl.ts';
import type { MysqlTextReader, TextChunk } from '../source/mysql/mysql-text-reader.ts';
import type { RoutedRows } from './verify-routed-rows.ts';
import { columnList } from './verify-sql.ts';

export interface TableVerifier {
  readonly engine: ClickhouseEngine;
  readonly source: MysqlTextReader;
  /** The table in the warehouse. */
  readonly schema: TableSchema;
  /** What the rules make of the source's rows; absent: nothing. */
  readonly routed?: RoutedRows;
  readonly signal: AbortSignal;
  /** Name of a table of its own, quoted. */
  readonly scratch: (purpose: string) => string;
  /** Resolves when ODS holds everything before the position. */
  readonly loadedPast: (position: Position) => Promise<void>;
}

const longestValue = 200;

export interface ComparedRow {
  readonly key: string;
  readonly inSource: number;
  readonly inOds: number;
  /** Highest version of the key in ODS, 0 when it was never there. */
  readonly version: string;
  /** Name, in the source, in ODS. */
  readonly columns: readonly (readonly [string, string | null, string | null])[];
}

/** The keys that differ between the rows just read and ODS, with the newest ODS version of each. */
export function compareKeys(
  { engine, schema, routed }: TableVerifier,
  raw: string,
  keys: readonly string[],
): Promise<ComparedRow[]> {
  const names = schema.columns.map(({ name }) => name);
  const texts = schema.columns.map((column) => valueText(column)).join(', ');
  const wanted = `${keyText(schema)} IN (SELECT arrayJoin({keys:Array(String)}))`;
  const ods = physicalTable(schema.table);
  const bytes = names.map((name) => `formatRow('RowBinary', ${quoteIdentifier(name)})`).join(', ');
  const side = (from: string, tag: number, version: string) =>
    `SELECT ${keyText(schema)} AS key, ${tag} AS side, [${bytes}] AS cells, [${texts}] AS texts, toUInt64(${version}) AS version FROM ${from} WHERE ${wanted}`;
  const labels = `[${names.map(quoteString).join(', ')}]`;
  return engine.rows<ComparedRow>(
    `SELECT key, toUInt8(countIf(side = 1)) AS inSource, toUInt8(countIf(side = 2)) AS inOds,
       toString(max(version)) AS version, anyIf(cells, side = 1) AS left, anyIf(cells, side = 2) AS right,
       anyIf(texts, side = 1) AS leftTexts, anyIf(texts, side = 2) AS rightTexts,
       if(inSource = 1 AND inOds = 1, arrayFilter(column -> column.4, arrayMap((name, a, b, x, y) -> (name, a, b, x <> y), ${labels}, leftTexts, rightTexts, left, right)), []) AS columns
     FROM (${side(raw, 1, '0')} UNION ALL ${side(`${ods} FINAL`, 2, '0')}
       UNION ALL SELECT ${keyText(schema)} AS key, 3 AS side, [] AS cells, [] AS texts, max(_version) AS version FROM ${ods} WHERE ${wanted} GROUP BY key)
     GROUP BY key
     HAVING inSource <> inOds OR (inSource = 1 AND left <> right)
     ORDER BY key`,
    { params: { ...routed?.params, keys } },
  );
}

/** Runs `work` on a table that holds the chunk, parsed by the engine from the server's text. */
export async function withRows<T>(
  { engine, schema, routed, scratch }: TableVerifier,
  chunk: TextChunk,
  work: (table: string) => Promise<T>,
): Promise<T> {
  const raw = scratch('rows');
  await engine.command(
    routed === undefined
      ? `CREATE TABLE ${raw} ENGINE = Memory AS SELECT ${columnList(schema)} FROM ${physicalTable(schema.table)} LIMIT 0`
      : `CREATE TABLE ${raw} (${routed.structure}) ENGINE = Memory`,
  );
  try {
    if (chunk.rows > 0) {
      await engine.insert({
        table: raw,
        columns: (routed?.source ?? schema).columns.map(({ name }) => name),
        format: 'TabSeparated',
        body: [chunk.tsv],
        settings: { precise_float_parsing: 1 },
      });
    }
    return await work(routed === undefined ? raw : `(${routed.select(raw)})`);
  } finally {
    await engine.command(`DROP TABLE IF EXISTS ${raw}`);
  }
}

export function selectHashes(schema: TableSchema, from: string, side: 1 | -1): string {
  const row = `formatRow('RowBinary', ${columnList(schema)})`;
  const { hash, h1, h2 } = hashedRow('key', 'row');
  return `SELECT ${hash}, ${side}, ${h1}, ${h2}, key FROM (SELECT ${keyText(schema)} AS key, ${row} AS row FROM ${from})`;
}

/** For people: what is no text as hex, and not more of it than can be read. */
function valueText({ name, type }: Column): string {
  const quoted = quoteIdentifier(name);
  const isBinary = type.kind === 'binary' || type.kind === 'geometry';
  const text = isBinary ? `concat('0x', hex(${quoted}))` : `toString(${quoted})`;
  return `CAST(leftUTF8(${text}, ${longestValue}) AS Nullable(String))`;
}

/**
 * The key as a JSON array of texts, the same from both sides and as the text reader takes it: strings
 * as hex of their bytes.
 */
export function keyText(schema: TableSchema): string {
  const parts = schema.key.map((name) =>
    isBytes(schema, name)
      ? `lower(hex(${quoteIdentifier(name)}))`
      : `toString(${quoteIdentifier(name)})`,
  );
  return `toJSONString([${parts.join(', ')}])`;
}

export function sourceTable({ schema, routed }: TableVerifier): TableId {
  return routed?.source.table ?? schema.table;
}

export function parseKey(key: string): string[] {
  return JSON.parse(key) as string[];
}

/** For people: strings as they are, binary as hex. */
export function displayKey(key: string, schema: TableSchema): string {
  const parts = parseKey(key).map((part, index) => {
    const name = schema.key[index] ?? '';
    const kind = schema.columns.find((column) => column.name === name)?.type.kind;
    return kind === 'string' || kind === 'json' ? Buffer.from(part, 'hex').toString('utf8') : part;
  });
  return JSON.stringify(parts);
}

function isBytes(schema: TableSchema, name: string): boolean {
  const kind = schema.columns.find((column) => column.name === name)?.type.kind;
  return kind === 'string' || kind === 'json' || kind === 'binary' || kind === 'geometry';
}
