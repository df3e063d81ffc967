import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differingRanges, hashedRow, hashedRowColumns } from '../../src/engine/hash-ranges.ts';
import { compareRows } from '../../src/layers/verify/row-comparison.ts';
import { InProcessEngine } from '../support/layers-engine.ts';

const never = new AbortController().signal;

describe('rows compared by bisection of the ranges of their keys', () => {
  let engine: InProcessEngine;
  beforeAll(async () => {
    engine = await InProcessEngine.open();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const columns = [
    { name: 'id', type: 'UInt64' },
    { name: 'value', type: 'Nullable(Int64)' },
    { name: 'share', type: 'Float64' },
  ];
  const rowsOf = (count: number) =>
    `SELECT number AS id, CAST(number % 7 AS Nullable(Int64)) AS value, number / 3 AS share FROM numbers(${count})`;
  const compare = (stored: string, computed: string) => {
    const scratch = (purpose: string) => `_verify.${purpose}`;
    return compareRows(
      { columns, key: ['id'], stored, computed },
      { engine, scratch, signal: never },
    );
  };

  test.each([
    { name: 'few rows', count: 1_000 },
    { name: 'more rows than are hashed twice', count: 300_000 },
  ])('names just the keys that differ among $name, and keeps nothing', async ({ count }) => {
    const rows = rowsOf(count);
    expect(await compare(rows, rows)).toEqual({ rows: count, differences: 0, examples: [] });
    const damaged = `SELECT id, if(id = 5, NULL, value) AS value, if(id = 6, share + 1, share * (1 + 1e-14)) AS share
FROM (${rows}) WHERE id != 7 UNION ALL SELECT ${count} + 1, 1, 1`;
    const found = await compare(damaged, rows);
    expect(found).toEqual({
      rows: count,
      differences: 4,
      examples: [
        {
          key: '{"id":"5"}',
          kind: 'different',
          columns: [{ name: 'value', stored: null, correct: '5' }],
        },
        {
          key: '{"id":"6"}',
          kind: 'different',
          columns: [{ name: 'share', stored: '3', correct: '2' }],
        },
        { key: '{"id":"7"}', kind: 'missing', columns: [] },
        { key: `{"id":"${count + 1}"}`, kind: 'extra', columns: [] },
      ],
    });
    const left = await engine.rows("SELECT name FROM system.tables WHERE database = '_verify'");
    expect(left).toEqual([]);
  });

  test('the same difference in two rows of a key does not cancel out', async () => {
    const twice =
      'SELECT toUInt64(1) AS id, CAST(arrayJoin([1, 1]) AS Nullable(Int64)) AS value, 1. AS share';
    const other = twice.replace('[1, 1]', '[2, 2]');
    expect(await compare(twice, other)).toMatchObject({ differences: 1 });
    expect(await compare(twice, `SELECT * FROM (${twice}) LIMIT 1`)).toMatchObject({
      differences: 1,
    });
  });

  test('only ranges that differ are divided again', async () => {
    await engine.command(
      `CREATE TABLE hashed (${hashedRowColumns}) ENGINE = MergeTree ORDER BY hash`,
    );
    const { hash, h1, h2 } = hashedRow('id', 'id, value');
    const side = (sign: number, where: string) =>
      `SELECT ${hash}, ${sign}, ${h1}, ${h2} FROM (${rowsOf(200_000)}) WHERE ${where}`;
    await engine.command(`INSERT INTO hashed ${side(1, '1')} UNION ALL ${side(-1, 'id != 77')}`);
    const { ranges, compared } = await differingRanges(engine, 'hashed');
    expect(ranges).toHaveLength(1);
    // 400,000 hashes in 64 parts, one of them in 64 again.
    expect(compared).toBe(128);
    const [range] = ranges;
    const [own] = await engine.rows<{ hash: string }>(
      'SELECT toString(cityHash64(tuple(toUInt64(77)))) AS hash',
    );
    const value = BigInt(own?.hash ?? 0);
    expect(range && range.first <= value && value <= range.last).toBe(true);
  });
});
