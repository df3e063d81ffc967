import type { Row, WorldTable } from '../support/layers-world.ts';
import type { Random } from '../support/random.ts';
import { dateValues, textValues } from './expression-maker.ts';
import type { Readable } from './part-maker.ts';
import { type Column, type Family, happens } from './values.ts';

/** Names are shared between tables, so that they collide. */
const namePools: readonly { family: Family; names: readonly string[]; types: readonly string[] }[] =
  [
    { family: 'int', names: ['n', 'ref', 'level'], types: ['Int64', 'Int32', 'Int64'] },
    { family: 'int', names: ['ref', 'parent', 'n'], types: ['Nullable(Int64)', 'Nullable(Int32)'] },
    { family: 'text', names: ['name', 'state'], types: ['String', 'LowCardinality(String)'] },
    {
      family: 'text',
      names: ['name', 'note'],
      types: ['Nullable(String)', 'Nullable(String)', 'LowCardinality(Nullable(String))'],
    },
    {
      family: 'decimal',
      names: ['amount', 'price'],
      types: ['Decimal(10, 2)', 'Nullable(Decimal(10, 2))'],
    },
    { family: 'date', names: ['day', 'due'], types: ['Date32', 'Nullable(Date32)'] },
  ];
const keyTypes = ['Int64', 'Int64', 'Int64', 'Int32', 'UInt64', 'String', 'Date32'];

/** Two to five tables that refer to one another by values that collide. */
export function makeTables(random: Random): Record<string, WorldTable> {
  const count = random.between(2, 5);
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`shop.t${index + 1}`, makeTable(random)]),
  );
}

function makeTable(random: Random): WorldTable {
  const key = happens(random, 0.3) ? ['id', 'part'] : ['id'];
  const columns: Record<string, string> = {};
  for (const name of key) columns[name] = random.pick(keyTypes);
  for (let count = random.between(2, 5); count > 0; count -= 1) {
    const { names, types } = random.pick(namePools);
    const name = random.pick(names);
    columns[name] ??= random.pick(types);
  }
  return { columns, key, ...(happens(random, 0.15) ? { arrival: true as const } : {}) };
}

export function readableTable(name: string, { columns, key }: WorldTable): Readable {
  const known = Object.entries(columns).map(([column, type]): Column => {
    return { name: column, family: familyOf(type), isWide: type.includes('UInt64') };
  });
  return { source: name, columns: known, order: key, kind: 'table', size: 10 };
}

export function makeRow(random: Random, { columns, key }: WorldTable): Row {
  return Object.fromEntries(
    Object.entries(columns).map(([name, type]) => {
      const isNull = type.includes('Nullable') && happens(random, 0.25);
      return [name, isNull ? null : makeValue(random, type, key.includes(name))];
    }),
  );
}

function makeValue(random: Random, type: string, isKey: boolean): string | number {
  const family = familyOf(type);
  if (family === 'text') return random.pick(isKey ? ['a', 'b', 'c', 'd', 'e', 'f'] : textValues);
  if (family === 'date') return random.pick(dateValues);
  if (family === 'decimal') return random.between(0, 12) / 2;
  return isKey ? random.between(1, 9) : random.between(0, 6);
}

function familyOf(type: string): Family {
  if (type.includes('String')) return 'text';
  if (type.includes('Date')) return 'date';
  return type.includes('Decimal') ? 'decimal' : 'int';
}
