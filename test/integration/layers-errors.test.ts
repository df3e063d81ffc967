import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { LayersWorld } from '../support/layers-world.ts';

interface WrongModel {
  readonly name: string;
  readonly sql: string;
  /** Line and column. */
  readonly at: string;
  readonly says: string;
}

const tables = {
  'shop.orders': {
    columns: {
      id: 'Int64',
      student_id: 'Int64',
      amount: 'Decimal(10, 2)',
      status: 'String',
      created_at: 'DateTime',
      note: 'Nullable(String)',
    },
    key: ['id'],
  },
  'shop.students': {
    columns: { id: 'Int64', name: 'String', group_id: 'Int64', status: 'String' },
    key: ['id'],
  },
  'shop.groups': { columns: { id: 'Int64', name: 'String', teacher: 'String' }, key: ['id'] },
};

test('every wrong model of the specification is refused with its place and in plain words', async () => {
  const file = new URL('../spec/layers/wrong-models.yaml', import.meta.url);
  const cases: WrongModel[] = parse(await readFile(file, 'utf8'));
  const fileOf = (index: number) => `dwd.wrong_${index}`;
  const models = cases.map(({ sql }, index) => [fileOf(index), sql] as const);
  await using world = await LayersWorld.open(tables, Object.fromEntries(models));
  const { problems } = await (await world.openLayers()).plan();
  const found = cases.map(({ name }, index) => {
    const own = problems.filter(({ where, severity }) => {
      return severity === 'error' && where.startsWith(`layers/dwd/wrong_${index}.sql:`);
    });
    const texts = own.map(({ where, message }) => `${where.replace(/^.*sql:/, '')} ${message}`);
    return [name, texts.join('\n')];
  });
  const wanted = cases.map(({ name, at, says }) => [name, `${at} ${says}`]);
  expect(wanted.length).toBeGreaterThan(60);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
});
