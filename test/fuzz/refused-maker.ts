import type { Random } from '../support/random.ts';
import type { Readable } from './part-maker.ts';
import { columnsOf } from './values.ts';

/** A model that has no right answer, or is wrong: `layers plan` must say so. */
export function makeRefused(random: Random, readables: readonly Readable[]): string {
  const { source, columns, order } = random.pick(readables);
  const column = random.pick(columnsOf([{ columns, order }])).sql;
  return random.pick([
    `SELECT ${column} AS c1, now() AS c2 FROM ${source}`,
    `SELECT ${column} AS c1 FROM ${source} WHERE rand() % 2 = 0`,
    `SELECT any(${column}) AS c1 FROM ${source}`,
    `SELECT c1 FROM (SELECT groupArray(${column}) AS c1 FROM ${source})`,
    `WITH w AS (SELECT max(today()) AS c1 FROM ${source}) SELECT c1 FROM w`,
    `SELECT ${column}_missing AS c1 FROM ${source}`,
    `SELECT ${column} AS c1, count() AS c1 FROM ${source} GROUP BY ${column}`,
    `SELECT ${column} AS c1, count() AS c2 FROM ${source}`,
    `SELECT ${column} AS c1 FROM ${source}_missing`,
    `SELECT a.${column} AS _k_c1 FROM ${source} AS a`,
  ]);
}
