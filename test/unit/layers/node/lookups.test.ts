import { describe, expect, test } from 'vitest';
import { CdcError } from '../../../../src/errors.ts';
import type { Relation } from '../../../../src/layers/model/relation.ts';
import {
  columnLookup,
  hashOf,
  type Lookup,
  prepareLookups,
} from '../../../../src/layers/node/lookups.ts';
import type { SqlEngine } from '../../../../src/layers/sql-engine.ts';
import { createSilentLogger } from '../../../../src/ops/logger.ts';

const orders: Relation = {
  name: 'shop.orders',
  kind: 'table',
  physical: '_ods.`shop.orders`',
  columns: [
    { name: 'id', type: 'Int64' },
    { name: 'student_id', type: 'Int64' },
  ],
  key: [{ name: 'id', type: 'Int64' }],
};
const byStudent = columnLookup(orders, 'o.student_id') as Lookup;

describe('a lookup by one column', () => {
  test.each([
    { name: 'qualified', text: 'o.student_id', expected: '`student_id`' },
    { name: 'quoted', text: '`o`.`student_id`', expected: '`student_id`' },
    { name: 'alone', text: 'student_id', expected: '`student_id`' },
    { name: 'first of the key', text: 'o.id', expected: undefined },
    { name: 'in an expression', text: 'abs(o.student_id)', expected: undefined },
  ])('a column $name: $expected', ({ text, expected }) => {
    expect(columnLookup(orders, text)?.expression).toBe(expected);
  });
});

interface Stored {
  readonly table?: string;
  readonly rows?: number;
  readonly names?: readonly string[];
}

/** The statements that change tables which are as given. */
async function statementsFor(
  lookups: readonly Lookup[],
  stored: readonly Stored[],
  refused = 'nothing',
): Promise<string[]> {
  const statements: string[] = [];
  const engine: SqlEngine = {
    async command(sql) {
      if (sql.includes(refused)) throw new CdcError('CDC_ENGINE_REJECTED', 'no');
      statements.push(sql);
      return { writtenRows: 0 };
    },
    async rows<T>() {
      return stored.map(({ table = '_ods.shop.orders', rows = 1_000_000, names = [] }) => {
        const [database, ...name] = table.split('.');
        return { database, name: name.join('.'), rows: String(rows), names };
      }) as T[];
    },
  };
  const signal = new AbortController().signal;
  await prepareLookups(lookups, { engine, logger: createSilentLogger(), signal });
  return statements.map((sql) => sql.replace('ALTER TABLE ', ''));
}

describe('tables are prepared for lookups', () => {
  test('a large table gets the projection that it lacks', async () => {
    expect(await statementsFor([byStudent], [{}])).toEqual([
      "_ods.`shop.orders` MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild'",
      '_ods.`shop.orders` ADD PROJECTION IF NOT EXISTS `_by_student_id` (SELECT `student_id`, `id` ORDER BY `student_id`)',
      '_ods.`shop.orders` MATERIALIZE PROJECTION `_by_student_id`',
    ]);
  });

  test('several columns are one hash, which the projection is named after', async () => {
    const expression = hashOf(['`teacher`', 'toStartOfMonth ( `day` )']);
    const statements = await statementsFor([{ relation: orders, expression }], [{}]);
    expect(statements[1]).toMatch(
      /ADD PROJECTION IF NOT EXISTS `_by_[0-9a-f]{12}` \(SELECT cityHash64\(tuple\(`teacher`, toStartOfMonth \( `day` \)\)\), `id` ORDER BY cityHash64/,
    );
  });

  test.each([
    { name: 'has it', stored: { names: ['_by_student_id'] } },
    { name: 'has it in quotes', stored: { names: ['`_by_student_id`'] } },
    { name: 'has few rows', stored: { rows: 99_999 } },
  ])('a table that $name stays as it is', async ({ stored }) => {
    expect(await statementsFor([byStudent], [stored])).toEqual([]);
  });

  test('a projection that no model asks for goes, but not from versions of models that are not in use', async () => {
    const names = ['_by_gone'];
    const stored = [{ names }, { table: '_layers.dwd.wide@3', names }];
    expect(await statementsFor([], stored)).toEqual([
      '_ods.`shop.orders` DROP PROJECTION IF EXISTS `_by_gone`',
    ]);
  });

  test('a table that the engine will not prepare does not keep others from it', async () => {
    const rows: Relation = { ...orders, name: 'dwd.wide', physical: '_layers.`dwd.wide@1`' };
    const both = [byStudent, { ...byStudent, relation: rows }];
    const stored = [{}, { table: '_layers.dwd.wide@1' }];
    const statements = await statementsFor(both, stored, '_ods');
    expect(statements).toHaveLength(3);
    expect(statements.every((sql) => sql.startsWith('_layers'))).toBe(true);
  });
});
