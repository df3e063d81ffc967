import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Section } from '../../src/change/change-batch.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import type { StreamItem } from '../../src/source/source.ts';
import { BinlogReading, sectionsOf } from '../support/binlog-reading.ts';
import { OwnServer } from '../support/own-server.ts';
import { describeEachServer } from '../support/test-server.ts';

/** Sections in a form to compare: rows as text, schemas as their column names. */
function story(reading: BinlogReading, items: readonly StreamItem[]): string[] {
  reading.rows(items);
  return sectionsOf(items).flatMap((section) => tell(reading, section));
}

function tell(reading: BinlogReading, section: Section): string[] {
  const table = section.table.split('.')[1];
  if (section.kind === 'schema') {
    const names = section.schema.columns.map((column) => column.name).join();
    const defaults = section.defaults ? ` ${JSON.stringify(section.defaults)}` : '';
    return [`${table}: schema ${names} ${section.existingRows}${defaults}`];
  }
  if (section.kind !== 'rows') return [`${table}: ${section.kind}`];
  const batch = { sections: [section] } as unknown as StreamItem['batch'];
  return reading
    .rows([{ batch, open: false }])
    .map(
      ({ values, deleted }) => `${table}: ${deleted ? '-' : '+'}${Object.values(values).join()}`,
    );
}

interface Case {
  readonly name: string;
  readonly setup: string;
  readonly statements: readonly string[];
  readonly story: readonly string[];
  readonly snapshots?: readonly string[];
}

/** The server has gone through all statements before the stream begins: a backlog. */
const backlogs: Case[] = [
  {
    name: 'an added column keeps old rows, with its default',
    setup: 'CREATE TABLE t (id int PRIMARY KEY)',
    statements: [
      'INSERT INTO t VALUES (1)',
      `ALTER TABLE t ADD v varchar(9) NOT NULL DEFAULT 'it''s', ADD n int`,
      `INSERT INTO t VALUES (2, 'x', 3)`,
    ],
    story: ['t: +1', `t: schema id,v,n keep {"v":"'it\\\\'s'","n":"NULL"}`, 't: +2,x,3'],
  },
  {
    name: 'a dropped column keeps old rows',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int, b int)',
    statements: [
      'INSERT INTO t VALUES (1, 2, 3)',
      'ALTER TABLE t DROP a',
      'INSERT INTO t VALUES (4, 5)',
    ],
    story: ['t: +1,2,3', 't: schema id,b keep', 't: +4,5'],
  },
  {
    name: 'a renamed column is read again',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int)',
    statements: [
      'INSERT INTO t VALUES (1, 2)',
      'ALTER TABLE t CHANGE a b int',
      'INSERT INTO t VALUES (3, 4)',
    ],
    story: ['t: +1,2', 't: schema id,b resnapshot', 't: +3,4'],
    snapshots: ['t'],
  },
  {
    name: 'a wider type keeps old rows, a narrower one is read again',
    setup:
      'CREATE TABLE t (id int PRIMARY KEY, a int); CREATE TABLE u (id int PRIMARY KEY, a bigint)',
    statements: [
      'ALTER TABLE t MODIFY a bigint; ALTER TABLE u MODIFY a int',
      'INSERT INTO t VALUES (1, 5000000000)',
      'INSERT INTO u VALUES (1, 5)',
    ],
    story: ['t: schema id,a keep', 't: +1,5000000000', 'u: schema id,a resnapshot', 'u: +1,5'],
    snapshots: ['u'],
  },
  {
    name: 'a change without rows after it is found at its end',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int)',
    statements: ['INSERT INTO t VALUES (1, 2)', 'ALTER TABLE t ADD c int DEFAULT 7'],
    story: ['t: +1,2', 't: schema id,a,c keep {"c":"7"}'],
  },
  {
    name: 'rows between two changes have the schema of then',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int)',
    statements: [
      'ALTER TABLE t ADD b varchar(5), ADD c decimal(5,2), ADD d datetime(3)',
      `INSERT INTO t VALUES (1, 2, 'b', 1.25, '2024-01-01 00:00:00.5')`,
      'ALTER TABLE t DROP b, DROP d',
      'INSERT INTO t VALUES (2, 3, 4.5)',
    ],
    story: [
      't: schema id,a,b,c,d resnapshot',
      't: +1,2,b,1.25,2024-01-01 00:00:00.500',
      't: schema id,a,c keep',
      't: +2,3,4.50',
    ],
    snapshots: ['t'],
  },
  {
    name: 'a column dropped and added again under its name is not trusted',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int)',
    statements: ['INSERT INTO t VALUES (1, 2)', 'ALTER TABLE t DROP a, ADD a int DEFAULT 5'],
    story: ['t: +1,2', 't: schema id,a resnapshot'],
    snapshots: ['t'],
  },
  {
    name: 'an index and a comment change nothing',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int)',
    statements: [
      'CREATE INDEX i ON t (a)',
      `ALTER TABLE t COMMENT 'x', DROP INDEX i`,
      'INSERT INTO t VALUES (1, 2)',
    ],
    story: ['t: +1,2'],
  },
  {
    name: 'TRUNCATE stands between the rows before and after it',
    setup: 'CREATE TABLE t (id int PRIMARY KEY)',
    statements: ['INSERT INTO t VALUES (1)', 'TRUNCATE TABLE t', 'INSERT INTO t VALUES (2)'],
    story: ['t: +1', 't: truncate', 't: +2'],
  },
  {
    name: 'a new table needs no snapshot, CREATE TABLE ... SELECT neither',
    setup: 'CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (7)',
    statements: [
      'CREATE TABLE n (id int PRIMARY KEY, v int)',
      'INSERT INTO n VALUES (1, 2)',
      'CREATE TABLE c (PRIMARY KEY (id)) SELECT id FROM a',
    ],
    story: ['n: schema id,v keep', 'n: +1,2', 'c: schema id keep', 'c: +7'],
  },
  {
    name: 'a dropped table is emptied, a table renamed in is read',
    setup: 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)',
    statements: ['DROP TABLE t', 'RENAME TABLE u TO w', 'INSERT INTO w VALUES (1)'],
    story: ['t: truncate', 'u: truncate', 'w: schema id resnapshot', 'w: +1'],
    snapshots: ['w'],
  },
  {
    name: 'two tables that change their names are both read again',
    setup: 'CREATE TABLE t (id int PRIMARY KEY, a int); CREATE TABLE u (id int PRIMARY KEY)',
    statements: [
      'RENAME TABLE t TO x, u TO t, x TO u',
      'INSERT INTO t VALUES (1)',
      'INSERT INTO u VALUES (2, 3)',
    ],
    story: [
      ...['t: truncate', 'u: truncate'],
      ...['t: schema id resnapshot', 't: +1', 'u: schema id,a resnapshot', 'u: +2,3'],
    ],
    snapshots: ['t', 'u'],
  },
  {
    name: 'a partition that is truncated takes rows away without row events',
    setup: `CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)
      (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))`,
    statements: ['INSERT INTO t VALUES (1), (11)', 'ALTER TABLE t TRUNCATE PARTITION a'],
    story: ['t: +1', 't: +11', 't: schema id resnapshot'],
    snapshots: ['t'],
  },
  {
    name: 'rows of a table that does not exist any more are of no interest',
    setup: 'CREATE TABLE t (id int PRIMARY KEY)',
    statements: [
      'CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1); DROP TABLE gone',
      'INSERT INTO t VALUES (1)',
    ],
    story: ['t: +1'],
  },
];

describeEachServer('schemas in the stream', (flavour) => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await OwnServer.open(flavour);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function open(setup: string): Promise<{
    reading: BinlogReading;
    run: (sql: string) => Promise<unknown>;
    name: string;
    known: TableSchema[];
  }> {
    const database = await server.openDatabase();
    await database.connection.query(setup);
    const reading = await BinlogReading.open(database);
    const [tables] = await database.connection.query('SHOW TABLES');
    const known = await Promise.all(
      (tables as object[]).map((row) =>
        reading.schema(`${database.name}.${Object.values(row)[0]}`),
      ),
    );
    return { reading, known, name: database.name, run: (sql) => database.connection.query(sql) };
  }

  test.each(backlogs)('$name', async ({ setup, statements, story: expected, snapshots = [] }) => {
    const { reading, run, name, known } = await open(setup);
    const from = await reading.here();
    for (const statement of statements) await run(statement);
    const items = await reading.readToEnd(from, known);
    expect(story(reading, items)).toEqual(expected);
    expect(reading.snapshotsNeeded.map((table) => table.slice(name.length + 1))).toEqual(snapshots);
    await reading[Symbol.asyncDispose]();
  });

  test('a change while the stream is idle is found at once', async () => {
    const { reading, run, known } = await open('CREATE TABLE t (id int PRIMARY KEY)');
    const from = await reading.here();
    const abort = new AbortController();
    const schemas = new Map(known.map((schema) => [schema.table, schema]));
    const stream = reading.stream().stream(from, schemas, abort.signal);
    const items: StreamItem[] = [];
    const pull = async (sections: number) => {
      while (sectionsOf(items).length < sections)
        items.push((await stream.next()).value as StreamItem);
    };
    await run('INSERT INTO t VALUES (1)');
    await pull(1);
    await run('ALTER TABLE t ADD v int');
    await pull(2);
    await run('INSERT INTO t VALUES (2, 3)');
    await pull(3);
    expect(story(reading, items)).toEqual(['t: +1', 't: schema id,v keep {"v":"NULL"}', 't: +2,3']);
    const [, change, rows] = sectionsOf(items);
    const versions = reading.rows(items).map(({ version }) => version);
    if (change?.kind !== 'schema' || rows?.kind !== 'rows') throw new Error('unexpected sections');
    expect(change.version).toBeGreaterThan(versions[0] ?? 0n);
    expect(change.version).toBeLessThan(versions[1] ?? 0n);
    abort.abort();
    await stream.next();
    await reading[Symbol.asyncDispose]();
  });

  test('DROP DATABASE empties every table of it', async () => {
    const { reading, run, name, known } = await open(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)',
    );
    const from = await reading.here();
    await run(`DROP DATABASE ${name}`);
    const items = await reading.readToEnd(from, known);
    expect(story(reading, items).sort()).toEqual(['t: truncate', 'u: truncate']);
    await reading[Symbol.asyncDispose]();
  });
});
