import { type Position, versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import type { TableSchema } from '../change/table-schema.ts';
import type { ClickhouseEngine } from '../engine/clickhouse-engine.ts';
import { quoteIdentifier } from '../engine/sql-quote.ts';
import { physicalTable } from '../load/clickhouse/ddl.ts';
import type { MysqlTextReader, TextChunk } from '../source/mysql/mysql-text-reader.ts';
import type { RoutedRows } from './verify-routed-rows.ts';
import { columnList, temporaryTable } from './verify-sql.ts';

export interface KeyDifference {
  /** The key as JSON, in key order. */
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'different';
  /** Names of the columns that differ; never their values. */
  readonly columns?: readonly string[];
}

export interface TableVerification {
  readonly table: TableId;
  /** The table of the source that was compared, where rules give it another name. */
  readonly source?: TableId;
  readonly rows: number;
  readonly ranges: number;
  readonly differences: readonly KeyDifference[];
  /** Keys that changed under every look taken at them, so nothing is known about them. */
  readonly moving: number;
}

export interface TableVerifier {
  readonly engine: ClickhouseEngine;
  readonly source: MysqlTextReader;
  /** The table in the warehouse. */
  readonly schema: TableSchema;
  /** What the rules make of the source's rows; absent: nothing. */
  readonly routed?: RoutedRows;
  readonly signal: AbortSignal;
  /** Resolves when ODS holds everything before the position. */
  readonly loadedPast: (position: Position) => Promise<void>;
}

/** Keys of one checksum, on average. */
const keysPerRange = 4096;
const keysPerLook = 500;
const rowsPerChunk = 50_000;
const looks = 12;
/** A difference is believed when it is seen this often in a row: on MySQL a commit may be late to be visible. */
const sightings = 2;

/**
 * Source = ODS for one table, while both go on changing.
 *
 * The source's rows are read as text by the server and parsed by the engine, so neither the binlog
 * decoder nor the snapshot encoder has a part in it. Each row is reduced to two 64-bit hashes; ranges
 * of keys (by hash of the key, because the two sides sort text differently) are compared by count and
 * sums. Keys of ranges that differ are looked at again: read from the source, and compared once ODS
 * has passed the reading. A key whose ODS version is newer than the reading has moved meanwhile and is
 * looked at once more; one that has not and differs is a difference.
 */
export async function verifyTable(verifier: TableVerifier): Promise<TableVerification> {
  const { engine, schema } = verifier;
  const hashes = temporaryTable('hashes');
  await engine.command(
    `CREATE TABLE ${hashes} (key String, h1 UInt64, h2 UInt64) ENGINE = MergeTree ORDER BY key`,
  );
  try {
    const rows = await hashSource(verifier, hashes);
    const ranges = Math.max(1, Math.ceil(rows / keysPerRange));
    let suspects = await differingKeys(verifier, hashes, ranges);
    const seen = new Map<string, number>();
    const differences: KeyDifference[] = [];
    for (let look = 0; look < looks && suspects.length > 0; look++) {
      const again: string[] = [];
      for (let at = 0; at < suspects.length; at += keysPerLook) {
        const found = await lookAt(verifier, suspects.slice(at, at + keysPerLook));
        again.push(...found.moved);
        for (const key of found.moved) seen.delete(key);
        for (const { key, difference } of found.different) {
          seen.set(key, (seen.get(key) ?? 0) + 1);
          if (seen.get(key) === sightings) differences.push(difference);
          else again.push(key);
        }
      }
      suspects = again;
    }
    const { table } = schema;
    const source = sourceTable(verifier);
    return {
      table,
      ...(source !== table && { source }),
      rows,
      ranges,
      differences,
      moving: suspects.length,
    };
  } finally {
    await engine.command(`DROP TABLE IF EXISTS ${hashes}`);
  }
}

async function hashSource(verifier: TableVerifier, hashes: string): Promise<number> {
  const { source, schema, routed, signal, loadedPast } = verifier;
  let rows = 0;
  let last: TextChunk | undefined;
  for await (const chunk of source.chunks(sourceTable(verifier), rowsPerChunk)) {
    signal.throwIfAborted();
    await withRows(verifier, chunk, async (raw) => {
      await verifier.engine.command(`INSERT INTO ${hashes} ${selectHashes(schema, raw)}`, {
        params: routed?.params ?? {},
      });
    });
    rows += chunk.rows;
    last = chunk;
  }
  if (last !== undefined) await loadedPast(last.high);
  return rows;
}

/** Keys, as JSON text, of the ranges whose sums differ and that differ themselves. */
async function differingKeys(
  { engine, schema, routed }: TableVerifier,
  hashes: string,
  ranges: number,
): Promise<string[]> {
  const where = routed?.condition === undefined ? '' : ` WHERE ${routed.condition}`;
  const ods = `(${selectHashes(schema, `${physicalTable(schema.table)} FINAL${where}`)})`;
  const sums = (from: string) =>
    `SELECT cityHash64(key) % ${ranges} AS range, (count(), sum(h1), sum(h2)) AS sums FROM ${from} GROUP BY range`;
  const differing = await engine.rows<{ range: string }>(
    `SELECT range FROM (SELECT * FROM (${sums(hashes)}) UNION ALL SELECT * FROM (${sums(ods)}))
     GROUP BY range HAVING count() <> 2 OR uniqExact(sums) <> 1`,
  );
  if (differing.length === 0) return [];
  const inRange = `cityHash64(key) % ${ranges} IN (${differing.map(({ range }) => range).join(', ')})`;
  const keys = await engine.rows<{ key: string }>(
    `SELECT key FROM (SELECT * FROM ${hashes} WHERE ${inRange} UNION ALL SELECT * FROM ${ods} WHERE ${inRange})
     GROUP BY key HAVING count() <> 2 OR uniqExact((h1, h2)) <> 1 ORDER BY key`,
  );
  return keys.map(({ key }) => key);
}

/** One look at some keys: read from the source now, compared when ODS has passed the reading. */
async function lookAt(
  verifier: TableVerifier,
  keys: readonly string[],
): Promise<{ different: { key: string; difference: KeyDifference }[]; moved: string[] }> {
  const { source, routed, signal, loadedPast, schema } = verifier;
  signal.throwIfAborted();
  const sourceKeys = keys.map((key) => parseKey(key).slice(routed?.keyOffset ?? 0));
  const chunk = await source.readKeys(sourceTable(verifier), sourceKeys);
  await loadedPast(chunk.high);
  return withRows(verifier, chunk, async (raw) => {
    const low = versionOf(chunk.low);
    const different: { key: string; difference: KeyDifference }[] = [];
    const moved: string[] = [];
    for (const row of await compareKeys(verifier, raw, keys)) {
      if (BigInt(row.version) > low) moved.push(row.key);
      else different.push({ key: row.key, difference: differenceOf(row, schema) });
    }
    return { different, moved };
  });
}

interface ComparedRow {
  readonly key: string;
  readonly inSource: number;
  readonly inOds: number;
  /** Highest version of the key in ODS, 0 when it was never there. */
  readonly version: string;
  readonly columns: string[];
}

function differenceOf(row: ComparedRow, schema: TableSchema): KeyDifference {
  const key = displayKey(row.key, schema);
  if (row.inSource === 0) return { key, kind: 'extra' };
  if (row.inOds === 0) return { key, kind: 'missing' };
  return { key, kind: 'different', columns: row.columns };
}

/** The keys that differ between the rows just read and ODS, with the newest ODS version of each. */
function compareKeys(
  { engine, schema, routed }: TableVerifier,
  raw: string,
  keys: readonly string[],
): Promise<ComparedRow[]> {
  const names = schema.columns.map(({ name }) => name);
  const wanted = `${keyText(schema)} IN (SELECT arrayJoin({keys:Array(String)}))`;
  const ods = physicalTable(schema.table);
  const bytes = names.map((name) => `formatRow('RowBinary', ${quoteIdentifier(name)})`).join(', ');
  const side = (from: string, tag: number, version: string) =>
    `SELECT ${keyText(schema)} AS key, ${tag} AS side, [${bytes}] AS cells, toUInt64(${version}) AS version FROM ${from} WHERE ${wanted}`;
  const labels = `[${names.map((name) => `'${name.replaceAll(/['\\]/g, '\\$&')}'`).join(', ')}]`;
  return engine.rows<ComparedRow>(
    `SELECT key, toUInt8(countIf(side = 1)) AS inSource, toUInt8(countIf(side = 2)) AS inOds,
       toString(max(version)) AS version, anyIf(cells, side = 1) AS left, anyIf(cells, side = 2) AS right,
       if(inSource = 1 AND inOds = 1, arrayFilter((label, a, b) -> a <> b, ${labels}, left, right), []) AS columns
     FROM (${side(raw, 1, '0')} UNION ALL ${side(`${ods} FINAL`, 2, '0')}
       UNION ALL SELECT ${keyText(schema)} AS key, 3 AS side, [] AS cells, max(_version) AS version FROM ${ods} WHERE ${wanted} GROUP BY key)
     GROUP BY key
     HAVING inSource <> inOds OR (inSource = 1 AND left <> right)
     ORDER BY key`,
    { params: { ...routed?.params, keys } },
  );
}

/** Runs `work` on a table that holds the chunk, parsed by the engine from the server's text. */
async function withRows<T>(
  { engine, schema, routed }: TableVerifier,
  chunk: TextChunk,
  work: (table: string) => Promise<T>,
): Promise<T> {
  const raw = temporaryTable('rows');
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

function selectHashes(schema: TableSchema, from: string): string {
  const row = `formatRow('RowBinary', ${columnList(schema)})`;
  return `SELECT ${keyText(schema)} AS key, cityHash64(${row}) AS h1, sipHash64(${row}) AS h2 FROM ${from}`;
}

/**
 * The key as a JSON array of texts, the same from both sides and as the text reader takes it: strings
 * as hex of their bytes.
 */
function keyText(schema: TableSchema): string {
  const parts = schema.key.map((name) =>
    isBytes(schema, name)
      ? `lower(hex(${quoteIdentifier(name)}))`
      : `toString(${quoteIdentifier(name)})`,
  );
  return `toJSONString([${parts.join(', ')}])`;
}

function sourceTable({ schema, routed }: TableVerifier): TableId {
  return routed?.source.table ?? schema.table;
}

function parseKey(key: string): string[] {
  return JSON.parse(key) as string[];
}

/** For people: strings as they are, binary as hex. */
function displayKey(key: string, schema: TableSchema): string {
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
