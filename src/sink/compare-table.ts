import { randomUUID } from 'node:crypto';
import { quoteIdentifier, quoteString } from '../engine/sql-quote.ts';
import { engineChecksums, engineTexts } from './checksum.ts';
import type { RowEngine } from './row-engine.ts';
import { RowSelect } from './row-select.ts';
import type { BucketChoice, Checksum, Sink } from './sink.ts';
import type { TablePlan } from './table-plan.ts';

export interface SinkDifference {
  /** Canonical texts of the key, in key order. */
  readonly key: readonly string[];
  /** missing: not in the store; extra: only there. */
  readonly kind: 'missing' | 'extra' | 'different';
  /** Names of the columns that differ; never their values. */
  readonly columns: readonly string[];
  /** Change number of the row in the warehouse: above what the store has, it is only not there yet. Of an extra one that of its deletion, 0 if it never was there. */
  readonly change: bigint;
  readonly bucket: string;
}

export interface TableComparison {
  /** Rows in the warehouse, in all buckets looked at. */
  readonly rows: number;
  readonly differences: readonly SinkDifference[];
  /** The store computed the checksums itself, and only buckets that differ were read. */
  readonly isComputedInStore: boolean;
}

/** Rows of one bucket, on average. */
const rowsPerBucket = 4096;

/**
 * Warehouse = store for one table as both are now. Where the store can compute, checksums are compared and only the rows of
 * buckets that differ come here; otherwise all of them. Rows are compared by the engine.
 */
export async function compareTable(
  plan: TablePlan,
  sink: Sink,
  engine: RowEngine,
  options: { readonly signal: AbortSignal; readonly only?: BucketChoice },
): Promise<TableComparison> {
  const { signal, only } = options;
  const own = engineRows(plan, sink);
  const [counted] = await engine.rows<{ rows: string }>(`SELECT count() AS rows FROM (${own})`, {
    signal,
  });
  const rows = Number(counted?.rows ?? 0);
  let buckets = only;
  const isComputedInStore = sink.checksums !== undefined;
  if (buckets === undefined && sink.checksums !== undefined) {
    const digits = digitsFor(rows);
    const [mine, theirs] = await Promise.all([
      engine.rows<ChecksumRow>(engineChecksums(own, digits), { signal }),
      sink.checksums(plan.table, digits),
    ]);
    const names = differing(mine.map(parseChecksum), theirs);
    if (names.size === 0) return { rows, differences: [], isComputedInStore };
    buckets = { digits, names };
  }
  const differences = await compareRows(plan, sink, engine, { signal, own, buckets, rows });
  return { rows, differences, isComputedInStore };
}

/** SELECT of the warehouse's current rows: `key`, `row`, `c1`.. as canonical texts, `change`. */
function engineRows(plan: TablePlan, { types }: Sink): string {
  const { table } = plan;
  const { key, row, textOf } = engineTexts(table, types, quoteIdentifier);
  const texts = table.columns.map(({ name }, index) => `${textOf.get(name)} AS c${index + 1}`);
  const current = new RowSelect(plan, types).current();
  return `SELECT ${key} AS key, ${row} AS row, ${texts.join(', ')}, _change AS change FROM (${current})`;
}

async function compareRows(
  plan: TablePlan,
  sink: Sink,
  engine: RowEngine,
  work: { signal: AbortSignal; own: string; buckets: BucketChoice | undefined; rows: number },
): Promise<SinkDifference[]> {
  const { signal, own, buckets } = work;
  const { table } = plan;
  const names = table.columns.map((_, index) => `c${index + 1}`);
  const temporary = `\`_sinks\`.${quoteIdentifier(`compare ${randomUUID()}`)}`;
  await engine.command('CREATE DATABASE IF NOT EXISTS `_sinks`');
  const columns = names.map((name) => `${name} Nullable(String)`).join(', ');
  await engine.command(
    `CREATE TABLE ${temporary} (${columns}, version UInt64) ENGINE = MergeTree ORDER BY tuple()`,
  );
  try {
    for await (const body of gathered(sink.readBack(table, buckets))) {
      signal.throwIfAborted();
      const insert = { table: temporary, columns: [...names, 'version'], format: 'TabSeparated' };
      await engine.insert({ ...insert, body });
    }
    const places = table.key.map((name) => table.columns.findIndex((each) => each.name === name));
    const texts = names.map((name) => `ifNull(${name}, '\\x1E')`);
    const joined = (parts: readonly string[]) =>
      parts.length === 1 ? String(parts[0]) : `concat(${parts.join(", '\\x1F', ")})`;
    const keyOf = joined(places.map((place) => texts[place] ?? ''));
    const theirs = `SELECT ${keyOf} AS key, ${joined(texts)} AS row, ${texts.map((text, index) => `${text} AS c${index + 1}`).join(', ')} FROM ${temporary}`;
    const digits = buckets?.digits ?? digitsFor(work.rows);
    const bucketOf = (key: string) => `substring(lower(hex(MD5(${key}))), 1, ${digits})`;
    const chosen = buckets && [...buckets.names].map(quoteString).join(', ');
    const where = chosen === undefined ? '' : ` WHERE ${bucketOf('key')} IN (${chosen || "''"})`;
    const eitherKey = 'if(mine.change IS NULL, theirs.key, mine.key)';
    const differs = names.map((name) => `mine.${name} != theirs.${name}`);
    const found = await engine.rows<DifferenceRow>(
      `SELECT ${eitherKey} AS own_key, ${bucketOf(eitherKey)} AS own_bucket, ` +
        `multiIf(mine.change IS NULL, 'extra', theirs.row IS NULL, 'missing', 'different') AS kind, ` +
        `toString(ifNull(mine.change, 0)) AS change, [${differs.join(', ')}] AS differ ` +
        `FROM (SELECT * FROM (${own})${where}) AS mine FULL OUTER JOIN (SELECT * FROM (${theirs})${where}) AS theirs ON mine.key = theirs.key ` +
        `WHERE mine.change IS NULL OR theirs.row IS NULL OR mine.row != theirs.row ORDER BY own_key`,
      { signal, settings: { join_use_nulls: 1 } },
    );
    const gone = await deletions(plan, sink, engine, found, signal);
    return found.map(({ own_key: key, kind, change, differ, own_bucket: bucket }) => ({
      key: key.split('\u001f'),
      kind,
      columns:
        kind === 'different'
          ? table.columns.flatMap(({ name }, at) => (Number(differ[at]) ? name : []))
          : [],
      change: BigInt(gone.get(key) ?? change),
      bucket,
    }));
  } finally {
    await engine.command(`DROP TABLE IF EXISTS ${temporary}`);
  }
}

/** Change numbers of the deletions of rows that only the store has, by key text. */
async function deletions(
  plan: TablePlan,
  sink: Sink,
  engine: RowEngine,
  found: readonly DifferenceRow[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const extra = found.filter(({ kind }) => kind === 'extra').map(({ own_key: key }) => key);
  const deleted = new RowSelect(plan, sink.types).deleted();
  if (extra.length === 0) return new Map();
  const { key } = engineTexts(plan.table, sink.types, quoteIdentifier);
  const rows = await engine.rows<{ key: string; change: string }>(
    `SELECT ${key} AS key, toString(max(_change)) AS change FROM (${deleted}) GROUP BY key HAVING key IN {keys:Array(String)}`,
    { params: { keys: extra }, signal },
  );
  return new Map(rows.map((row) => [row.key, row.change]));
}

interface ChecksumRow {
  readonly bucket: string;
  readonly rows: string;
  readonly sum1: string;
  readonly sum2: string;
}

interface DifferenceRow {
  readonly own_key: string;
  readonly own_bucket: string;
  readonly kind: SinkDifference['kind'];
  readonly change: string;
  readonly differ: readonly (number | null)[];
}

function parseChecksum({ bucket, rows, sum1, sum2 }: ChecksumRow): Checksum {
  return { bucket, rows: Number(rows), sum1: BigInt(sum1), sum2: BigInt(sum2) };
}

function differing(mine: readonly Checksum[], theirs: readonly Checksum[]): Set<string> {
  const textOf = ({ rows, sum1, sum2 }: Checksum) => `${rows} ${sum1} ${sum2}`;
  const other = new Map(theirs.map((each) => [each.bucket, textOf(each)]));
  const names = new Set(
    mine.filter((each) => other.get(each.bucket) !== textOf(each)).map(({ bucket }) => bucket),
  );
  const own = new Set(mine.map(({ bucket }) => bucket));
  for (const { bucket } of theirs) if (!own.has(bucket)) names.add(bucket);
  return names;
}

function digitsFor(rows: number): number {
  return Math.min(
    6,
    Math.max(1, Math.ceil(Math.log(Math.max(1, rows / rowsPerBucket)) / Math.log(16))),
  );
}

/** Chunks in portions worth a statement. */
async function* gathered(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[], void> {
  let portion: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    portion.push(chunk);
    bytes += chunk.length;
    const end = chunk.lastIndexOf(0x0a) + 1;
    if (bytes < 8 * 1024 ** 2 || end === 0) continue;
    // Chunks of a result are cut anywhere.
    portion[portion.length - 1] = chunk.subarray(0, end);
    yield portion;
    const rest = chunk.subarray(end);
    portion = rest.length === 0 ? [] : [rest];
    bytes = rest.length;
  }
  if (portion.length > 0) yield portion;
}
