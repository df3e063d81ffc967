import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Column, TableSchema } from '../../src/change/table-schema.ts';
import type { Layers, RefreshReport } from '../../src/layers/layers.ts';
import { currentBuild } from '../../src/layers/published-models.ts';
import type { SqlEngine, StatementOptions } from '../../src/layers/sql-engine.ts';
import { physicalTable, planSchema } from '../../src/load/clickhouse/ddl.ts';
import { LayersWorld, never } from '../support/layers-world.ts';
import { columnOf, schemaOf } from '../support/sink-world.ts';
import { waitUntil } from '../support/wait-until.ts';

const facts = 200_000;
const students = 20_000;
const teachers = 100;
const courses = 20_000;
/** Of all tables that a refresh for a few keys may read; the facts alone are five times as many, and are stored twice. */
const mostRows = 40_000;

const text = { kind: 'string' } as const;
const int64 = { kind: 'int', bits: 64, unsigned: false } as const;
const present = (name: string, type: Column['type']) => columnOf(name, type, { nullable: false });

/** Made as the loader makes them: how rows are laid out decides what a key costs. */
const tables: readonly TableSchema[] = [
  schemaOf('shop.orders', [
    present('id', int64),
    present('student_id', int64),
    present('course_id', int64),
    present('amount', int64),
    present('note', text),
  ]),
  schemaOf('shop.students', [
    present('id', int64),
    present('name', text),
    columnOf('teacher_id', int64),
  ]),
  schemaOf('shop.teachers', [present('id', int64), present('name', text)]),
  schemaOf('shop.courses', [present('id', int64), present('subject', text)]),
];

const models = {
  'dwd.wide': `-- key: id
SELECT o.id, o.amount, o.student_id, s.name AS student, s.teacher_id, t.name AS teacher, c.subject
FROM shop.orders o
LEFT JOIN shop.students s ON s.id = o.student_id
LEFT JOIN shop.teachers t ON t.id = s.teacher_id
LEFT JOIN shop.courses c ON c.id = o.course_id`,
  'dws.student_subject':
    'SELECT student_id, subject, sum(amount) AS amount FROM dwd.wide GROUP BY student_id, subject',
  'ads.student':
    'SELECT student_id, sum(amount) AS amount FROM dws.student_subject GROUP BY student_id',
};

const rows: Readonly<Record<string, string>> = {
  'shop.orders': `number + 1, number * 7919 % ${students} + 1, number * 104729 % ${courses} + 1, number % 1000, '' FROM numbers(${facts})`,
  'shop.students': `number + 1, concat('student ', toString(number)), number % ${teachers} + 1 FROM numbers(${students})`,
  'shop.teachers': `number + 1, concat('teacher ', toString(number)) FROM numbers(${teachers})`,
  'shop.courses': `number + 1, concat('subject ', toString(number % 10)) FROM numbers(${courses})`,
};

let world: LayersWorld;
let layers: Layers;
let version = 1_000n;
let published = { version, build: 0 };

beforeAll(async () => {
  world = await LayersWorld.open({}, models);
  for (const schema of tables) {
    const { table } = schema;
    const section = { kind: 'schema', table, schema, existingRows: 'keep', version: 1n } as const;
    for (const sql of planSchema(undefined, section)) await world.engine.command(sql);
    await world.engine.command(
      `INSERT INTO ${physicalTable(table)} SELECT *, 1000, 0 FROM (SELECT ${rows[table]})`,
    );
  }
  layers = await openLayers(world.engine);
  await layers.apply(never);
});

afterAll(() => world[Symbol.asyncDispose]());

function openLayers(engine: SqlEngine): Promise<Layers> {
  return world.openLayers({
    engine,
    tables: () => new Map(tables.map((schema) => [schema.table, schema])),
  });
}

/** Changes rows of a table; says what the refresh to it did, and how many rows it read. */
async function change(
  table: string,
  replace: string,
  where: string,
  by: Layers = layers,
): Promise<{ report: RefreshReport; read: number }> {
  version += 1n;
  await world.engine.command(
    `INSERT INTO ${physicalTable(table)} SELECT * REPLACE (${replace}, ${version} AS _version) FROM ${physicalTable(table)} FINAL WHERE ${where}`,
  );
  const before = await rowsRead();
  const report = await by.refresh(
    { from: published, to: version, tables: new Set([table]) },
    never,
  );
  const read = (await rowsRead()) - before;
  published = { version, build: currentBuild(world.catalog) };
  return { report, read };
}

async function rowsRead(): Promise<number> {
  const [row] = await world.engine.rows<{ value: string }>(
    "SELECT value FROM system.events WHERE event = 'SelectedRows'",
  );
  return Number(row?.value ?? 0);
}

const strategies = ({ models }: RefreshReport) => {
  return Object.fromEntries(models.map(({ name, strategy }) => [name, strategy]));
};

describe('only keys in play are read', () => {
  // The first refresh looks at the sizes of tables, and has large ones prepared for lookups.
  beforeAll(async () => {
    await change('shop.orders', 'amount + 1 AS amount', 'id = 1');
    await waitUntil('tables are prepared', async () => {
      const running = await world.engine.rows('SELECT 1 FROM system.mutations WHERE NOT is_done');
      return running.length === 0;
    });
  });

  test.each([
    {
      what: 'one changed fact',
      table: 'shop.orders',
      set: 'amount + 1 AS amount',
      where: 'id = 77777',
    },
    {
      what: 'a fact that moves to another student',
      table: 'shop.orders',
      set: 'toInt64(5) AS student_id',
      where: 'id = 55555',
    },
    {
      what: 'a dimension row with ten facts all over the table',
      table: 'shop.courses',
      set: "concat('new ', subject) AS subject",
      where: 'id = 333',
    },
    {
      what: 'a dimension row that leads to another one',
      table: 'shop.students',
      set: 'toNullable(toInt64(7)) AS teacher_id',
      where: 'id = 4242',
    },
  ])('$what reads a small part of the facts', async ({ table, set, where }) => {
    const { report, read } = await change(table, set, where);
    expect(strategies(report)['dwd.wide']).toBe('keys');
    expect(read).toBeLessThan(mostRows);
    expect(await world.differences(layers)).toEqual([]);
  });

  test('a scan that sneaks in is seen by the number of rows read', async () => {
    const scanning = await openLayers(new ScanningEngine(world.engine));
    const { read } = await change('shop.orders', 'amount + 1 AS amount', 'id = 4711', scanning);
    expect(read).toBeGreaterThan(2 * facts);
  });
});

describe('what changes nothing goes nowhere', () => {
  test('a change that alters no result stops at the first model', async () => {
    const { report } = await change('shop.orders', "'seen' AS note", 'id % 1000 = 3');
    const [wide] = report.models;
    expect(wide).toMatchObject({ name: 'dwd.wide', rowsWritten: 0 });
    expect(strategies(report)).toMatchObject({
      'dws.student_subject': 'none',
      'ads.student': 'none',
    });
  });

  test('a name that no aggregate shows stops at the wide table', async () => {
    const { report } = await change('shop.students', "'somebody' AS name", 'id = 9');
    expect(report.models.map(({ rowsWritten }) => rowsWritten > 0)).toEqual([true, false, false]);
  });
});

/** Ignores every index, as a statement without its condition would. */
class ScanningEngine implements SqlEngine {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  command(sql: string, options: StatementOptions = {}) {
    const ignored = /^INSERT.*SELECT/s.test(sql)
      ? { use_primary_key: 0, optimize_use_projections: 0 }
      : {};
    return this.#engine.command(sql, { ...options, settings: { ...options.settings, ...ignored } });
  }

  rows<T>(sql: string, options?: StatementOptions): Promise<T[]> {
    return this.#engine.rows<T>(sql, options);
  }
}
