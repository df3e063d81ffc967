import { isDeepStrictEqual } from 'node:util';
import type { SqlEngine } from '../../src/layers/sql-engine.ts';
import { renderQuery } from './query.ts';
import type { FuzzModel } from './scenario.ts';

/** Rows of a model that are missing or too many, as text. */
export interface WrongModel {
  readonly name: string;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

/**
 * Compares each model with the user's SELECT over the views of what it reads, row by row in this process:
 * it shares nothing with the code that keeps the models or verifies them. Because all models are compared,
 * a model over models is compared with its query over the tables.
 */
export async function findWrongModels(
  engine: SqlEngine,
  models: readonly FuzzModel[],
): Promise<WrongModel[]> {
  if (models.length === 0) return [];
  const branches = models.flatMap(({ name, query }) => {
    const row = `'${name}' AS model, formatRow('JSONCompactEachRow', *) AS row`;
    const computed = `SELECT ${row}, 1 AS is_computed FROM (${renderQuery(query)})`;
    return [`SELECT ${row}, 0 AS is_computed FROM ${name}`, computed];
  });
  const rows = await engine.rows<{ model: string; row: string; is_computed: number }>(
    branches.join('\nUNION ALL\n'),
  );
  return models.flatMap(({ name }) => {
    const own = rows.filter(({ model }) => model === name);
    const side = (isComputed: number) => {
      return own
        .filter((row) => row.is_computed === isComputed)
        .map(({ row }) => row.trim())
        .sort();
    };
    const expected = side(1);
    const found = side(0);
    if (isDeepStrictEqual(expected, found)) return [];
    return [{ name, missing: without(expected, found), extra: without(found, expected) }];
  });
}

/** What is left of the first list when each element of the second has taken one equal to it away. */
function without(list: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const other of others) counts.set(other, (counts.get(other) ?? 0) + 1);
  return list.filter((element) => {
    const count = counts.get(element) ?? 0;
    counts.set(element, count - 1);
    return count <= 0;
  });
}
