import { versionOf } from '../change/position.ts';
import type { TableId } from '../change/table-id.ts';
import { differingRanges, hashedRowColumns, inRanges } from '../engine/hash-ranges.ts';
import type { DifferingColumn } from '../layers/layers.ts';
import { physicalTable } from '../load/clickhouse/ddl.ts';
import type { TextChunk } from '../source/mysql/mysql-text-reader.ts';
import {
  type ComparedRow,
  compareKeys,
  displayKey,
  parseKey,
  selectHashes,
  sourceTable,
  type TableVerifier,
  withRows,
} from './verify-rows.ts';

export interface KeyDifference {
  /** The key as JSON, in key order. */
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'different';
  /** Names of the columns that differ. */
  readonly columns?: readonly string[];
  /** What they hold, of the first 20 keys. */
  readonly values?: readonly DifferingColumn[];
  /** The key as the source is asked for it, and as it is found in the warehouse. */
  readonly sourceKey: readonly string[];
  readonly odsKey: string;
  /** Its version in the warehouse is above all that the source has written: no row of the source can win over it. */
  readonly isAhead?: true;
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
  /** So many keys differed at the first look that they were not looked at again; then this is their number. */
  readonly unlooked?: number;
}

const keysPerLook = 500;
const rowsPerChunk = 50_000;
const looks = 12;
/** Rows that have changed under all of so many looks will not stand still for the next one. */
const looksInVain = 3;
const mostSuspects = 500_000;
const keysWithValues = 20;
/** A difference is believed when it is seen this often in a row: on MySQL a commit may be late to be visible. */
const sightings = 2;

/**
 * Source = ODS for one table, while both go on changing.
 *
 * The source's rows are read as text by the server and parsed by the engine, so neither the binlog
 * decoder nor the snapshot encoder has a part in it. Each row is reduced to two 64-bit hashes; ranges
 * of keys (by hash of the key, because the two sides sort text differently) are bisected by count and
 * sums (engine/hash-ranges.ts). Keys that differ are looked at again: read from the source, and compared once ODS
 * has passed the reading. A key whose ODS version is newer than the reading has moved meanwhile and is
 * looked at once more; one that has not and differs is a difference.
 */
export async function verifyTable(verifier: TableVerifier): Promise<TableVerification> {
  const { engine, schema } = verifier;
  const hashes = verifier.scratch('hashes');
  await engine.command(
    `CREATE TABLE ${hashes} (${hashedRowColumns}, key String) ENGINE = MergeTree ORDER BY hash`,
  );
  try {
    const rows = await hashSource(verifier, hashes);
    await hashOds(verifier, hashes);
    const { keys, ranges, unlooked } = await differingKeys(verifier, hashes);
    const { differences, moving } = await lookUntilCertain(verifier, keys);
    differences.sort((left, right) => left.odsKey.localeCompare(right.odsKey));
    const { table } = schema;
    const source = sourceTable(verifier);
    return {
      table,
      ...(source !== table && { source }),
      ...{ rows, ranges, differences, moving },
      ...(unlooked > 0 && { unlooked }),
    };
  } finally {
    await engine.command(`DROP TABLE IF EXISTS ${hashes} SYNC`);
  }
}

async function lookUntilCertain(
  verifier: TableVerifier,
  keys: readonly string[],
): Promise<{ differences: KeyDifference[]; moving: number }> {
  const seen = new Map<string, number>();
  const differences: KeyDifference[] = [];
  let suspects = keys;
  let inVain = 0;
  for (let look = 0; look < looks && inVain < looksInVain && suspects.length > 0; look++) {
    const again: string[] = [];
    let isDecided = false;
    for (let at = 0; at < suspects.length; at += keysPerLook) {
      const found = await lookAt(verifier, suspects.slice(at, at + keysPerLook));
      again.push(...found.moved);
      for (const key of found.moved) seen.delete(key);
      for (const { key, difference } of found.different) {
        seen.set(key, (seen.get(key) ?? 0) + 1);
        isDecided = true;
        if (seen.get(key) !== sightings) again.push(key);
        else {
          const { values, ...rest } = difference;
          const isFirst = differences.length < keysWithValues;
          differences.push(isFirst && values ? { ...rest, values } : rest);
        }
      }
    }
    inVain = isDecided || again.length < suspects.length ? 0 : inVain + 1;
    suspects = again;
  }
  return { differences, moving: suspects.length };
}

async function hashSource(verifier: TableVerifier, hashes: string): Promise<number> {
  const { source, schema, routed, signal, loadedPast } = verifier;
  let rows = 0;
  let last: TextChunk | undefined;
  for await (const chunk of source.chunks(sourceTable(verifier), rowsPerChunk)) {
    signal.throwIfAborted();
    await withRows(verifier, chunk, async (raw) => {
      await verifier.engine.command(`INSERT INTO ${hashes} ${selectHashes(schema, raw, 1)}`, {
        params: routed?.params ?? {},
      });
    });
    rows += chunk.rows;
    last = chunk;
  }
  if (last !== undefined) await loadedPast(last.high);
  return rows;
}

async function hashOds(
  { engine, schema, routed, signal }: TableVerifier,
  hashes: string,
): Promise<void> {
  const where = routed?.condition === undefined ? '' : ` WHERE ${routed.condition}`;
  const rows = `${physicalTable(schema.table)} FINAL${where}`;
  await engine.command(`INSERT INTO ${hashes} ${selectHashes(schema, rows, -1)}`, { signal });
}

/** Keys, as JSON text, that differ as both sides were hashed. */
async function differingKeys(
  { engine, signal }: TableVerifier,
  hashes: string,
): Promise<{ keys: string[]; ranges: number; unlooked: number }> {
  const { ranges, compared } = await differingRanges(engine, hashes, { signal });
  if (ranges.length === 0) return { keys: [], ranges: compared, unlooked: 0 };
  const differing = `SELECT DISTINCT key FROM ${hashes} WHERE ${inRanges(ranges)} GROUP BY key, h1, h2 HAVING sum(side) != 0`;
  const [counted] = await engine.rows<{ keys: string }>(
    `SELECT toString(count()) AS keys FROM (${differing})`,
    { signal },
  );
  const unlooked = Number(counted?.keys ?? 0);
  if (unlooked > mostSuspects) return { keys: [], ranges: compared, unlooked };
  const keys = await engine.rows<{ key: string }>(`${differing} ORDER BY key`, { signal });
  return { keys: keys.map(({ key }) => key), ranges: compared, unlooked: 0 };
}

/** One look at some keys: read from the source now, compared when ODS has passed the reading. */
async function lookAt(
  verifier: TableVerifier,
  keys: readonly string[],
): Promise<{ different: { key: string; difference: KeyDifference }[]; moved: string[] }> {
  const { source, routed, signal, loadedPast } = verifier;
  signal.throwIfAborted();
  const sourceKeys = keys.map((key) => parseKey(key).slice(routed?.keyOffset ?? 0));
  const chunk = await source.readKeys(sourceTable(verifier), sourceKeys);
  await loadedPast(chunk.high);
  return withRows(verifier, chunk, async (raw) => {
    const low = versionOf(chunk.low);
    const different: { key: string; difference: KeyDifference }[] = [];
    const moved: string[] = [];
    const rows = await compareKeys(verifier, raw, keys);
    const newest = rows.reduce((most, { version }) => bigMax(most, BigInt(version)), 0n);
    // Only then it is worth asking where the source ends now.
    const end = newest > versionOf(chunk.high) ? versionOf(await source.end()) : newest;
    for (const row of rows) {
      const version = BigInt(row.version);
      const isAhead = version > end;
      if (version > low && !isAhead) moved.push(row.key);
      else different.push({ key: row.key, difference: differenceOf(row, verifier, isAhead) });
    }
    return { different, moved };
  });
}

function differenceOf(
  row: ComparedRow,
  { schema, routed }: TableVerifier,
  isAhead: boolean,
): KeyDifference {
  const base = {
    key: displayKey(row.key, schema),
    sourceKey: parseKey(row.key).slice(routed?.keyOffset ?? 0),
    odsKey: row.key,
    ...(isAhead && { isAhead }),
  };
  if (row.inSource === 0) return { ...base, kind: 'extra' };
  if (row.inOds === 0) return { ...base, kind: 'missing' };
  const values = row.columns.map(([name, correct, stored]) => ({ name, stored, correct }));
  return { ...base, kind: 'different', columns: values.map(({ name }) => name), values };
}

function bigMax(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
