import { describe, expect, test } from 'vitest';
import { CdcError } from '../../src/errors.ts';
import type { SnapshotProgress } from '../../src/source/source.ts';
import type { DecodedRow } from '../contract/decode-rows.ts';
import { openTestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';
import { readTable } from './mysql-source-reading.ts';
import { asNumber, typeCases } from './mysql-source-types.ts';

function ids(rows: readonly DecodedRow[]): (string | null | undefined)[] {
  return rows.map((row) => row.values['id']);
}

describeEachServer('snapshot', (flavour) => {
  const cases = typeCases(flavour);

  test('writes every type exactly as the server prints it', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query(`SET sql_mode = '', time_zone = '+00:00'`);
    const failures: string[] = [];
    for (const [index, { type, values, text = 'CAST(v AS CHAR)' }] of cases.entries()) {
      const name = `t${index}`;
      await connection.query(`CREATE TABLE ${name} (id int PRIMARY KEY, v ${type})`);
      for (const [id, value] of [...values, 'NULL'].entries()) {
        await connection.query(`INSERT INTO ${name} VALUES (${id}, ${value})`);
      }
      const [expected] = await connection.query(`SELECT ${text} AS v FROM ${name} ORDER BY id`);
      const { rows } = await readTable(database, name);
      const shown = (expected as { v: string | number | null }[]).map(({ v }) =>
        v !== null && text === asNumber ? renderNumber(v) : v,
      );
      const read = rows.map((row) => row.values['v']);
      if (JSON.stringify(read) !== JSON.stringify(shown)) {
        failures.push(
          `${type}: ${JSON.stringify(read)} instead of ${JSON.stringify(shown)}`.slice(0, 500),
        );
      }
    }
    expect(failures).toEqual([]);
  });

  test('random doubles and floats arrive bit for bit', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY, d double, f float)');
    const bytes = Buffer.alloc(8);
    const expected: string[][] = [];
    for (let id = 0; id < 500; id++) {
      bytes.writeUInt32LE(Math.imul(id + 1, 2654435761) >>> 0, 0);
      bytes.writeUInt32LE(Math.imul(id + 1, 1597334677) >>> 0, 4);
      const [double, float] = [bytes.readDoubleLE(), bytes.readFloatLE()];
      if (!Number.isFinite(double) || !Number.isFinite(float)) continue;
      // A subnormal float is not stored exactly when it is written as text.
      if (Math.abs(float) < 1.2e-38) continue;
      expected.push([String(double), String(float)]);
      await database.connection.query('INSERT INTO t VALUES (?, ?, ?)', [id, double, float]);
    }
    const { rows } = await readTable(database, 't');
    expect(rows.map(({ values }) => [values['d'], values['f']])).toEqual(expected);
    expect(expected.length).toBeGreaterThan(400);
  });

  test('a value the native type cannot hold is an error, as text it is kept', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query(`SET sql_mode = ''`);
    const values = [
      '0000-00-00 00:00:00',
      '2024-00-10 00:00:00',
      '9999-12-31 23:59:59',
      '1899-12-31 23:59:59',
    ];
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v datetime NOT NULL)');
    for (const value of values) {
      await connection.query('DELETE FROM t');
      await connection.query('INSERT INTO t VALUES (1, ?)', [value]);
      const refused = readTable(database, 't');
      await expect(refused, value).rejects.toMatchObject({
        code: 'CDC_VALUE_UNREPRESENTABLE',
        details: { table: `${database.name}.t`, column: 'v' },
      });
      await expect(refused).rejects.toBeInstanceOf(CdcError);
      const { rows } = await readTable(database, 't', { source: { temporal: 'text' } });
      expect(rows[0]?.values['v']).toBe(value);
    }
  });

  describe('walks a key', () => {
    const keyCases = [
      { name: 'int', key: 'k int', values: (n: number) => `${n - 50}` },
      {
        name: 'bigint unsigned',
        key: 'k bigint unsigned',
        values: (n: number) => `18446744073709551615 - ${n}`,
      },
      {
        name: 'case-insensitive text',
        key: 'k varchar(20) collate utf8mb4_general_ci',
        values: (n: number) => `'${n % 2 ? 'A' : 'a'}_${n}'`,
      },
      {
        name: 'latin1 text',
        key: 'k varchar(20) character set latin1',
        values: (n: number) => `'${'aéÉzäß'[n % 6]}${n}\\'\\\\'`,
      },
      {
        name: 'gbk text',
        key: 'k varchar(20) character set gbk',
        values: (n: number) => `'${'汉字中文'[n % 4]}${n}'`,
      },
      { name: 'char', key: 'k char(8)', values: (n: number) => `'${n.toString(36)} '` },
      { name: 'binary', key: 'k varbinary(9)', values: (n: number) => `unhex(hex(${n * 40503}))` },
      {
        name: 'padded binary',
        key: 'k binary(4)',
        values: (n: number) => `unhex(lpad(hex(${n * 7}), 4, '0'))`,
      },
      { name: 'decimal', key: 'k decimal(10,3)', values: (n: number) => `${(n - 50) / 8}` },
      { name: 'float', key: 'k float', values: (n: number) => `${(n - 50) / 10}` },
      { name: 'double', key: 'k double', values: (n: number) => `${(n - 50) / 7}` },
      { name: 'date', key: 'k date', values: (n: number) => `'2024-01-01' + interval ${n} day` },
      {
        name: 'datetime(6)',
        key: 'k datetime(6)',
        values: (n: number) => `'2024-01-01 00:00:00.5' + interval ${n} microsecond`,
      },
      {
        name: 'timestamp',
        key: 'k timestamp(3) not null default "2024-01-01"',
        values: (n: number) => `'2024-03-31 00:00:00' + interval ${n * 10} minute`,
      },
      { name: 'time', key: 'k time', values: (n: number) => `'${n % 2 ? '-' : ''}${n}:00:01'` },
      { name: 'year', key: 'k year', values: (n: number) => (n === 0 ? '0' : `${1950 + n}`) },
      { name: 'bit', key: 'k bit(40)', values: (n: number) => `${n * 1000003}` },
      {
        name: 'enum',
        key: `k enum(${Array.from({ length: 100 }, (_, n) => `'m${(n * 37) % 100}'`).join(',')})`,
        values: (n: number) => `'m${n}'`,
      },
      { name: 'set', key: `k set('c','a','b','g','e','f','d')`, values: (n: number) => `${n}` },
    ];
    test.each(keyCases)('$name', async ({ key, values }) => {
      await using database = await openTestDatabase(flavour);
      const { connection } = database;
      await connection.query(`SET sql_mode = ''`);
      await connection.query(`CREATE TABLE one (id int NOT NULL, ${key}, PRIMARY KEY (k))`);
      await connection.query(
        `CREATE TABLE two (id int NOT NULL, part smallint NOT NULL, ${key}, PRIMARY KEY (part, k))`,
      );
      for (let n = 0; n < 100; n++) {
        await connection.query(`INSERT INTO one (id, k) VALUES (${n}, ${values(n)})`);
        await connection.query(
          `INSERT INTO two (id, part, k) VALUES (${n}, ${n % 3}, ${values(n)})`,
        );
      }
      for (const name of ['one', 'two']) {
        const all = await readTable(database, name, { chunkRows: 7 });
        expect(new Set(ids(all.rows)).size, name).toBe(100);
        expect(all.rows.length, name).toBe(100);
        expect(all.items.at(-1)?.progress).toMatchObject({ done: true, rows: 100, chunks: 15 });
      }
    });
  });

  test('goes on after the last chunk, and sweeps what is older than the first', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v varchar(10))');
    await connection.query(
      `INSERT INTO t VALUES ${Array.from({ length: 25 }, (_, n) => `(${n}, 'v${n}')`).join(',')}`,
    );
    const started = await readTable(database, 't', {
      chunkRows: 10,
      until: ({ progress }) => progress.chunks === 1,
    });
    expect(ids(started.rows)).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
    expect(started.items[0]?.batch.sections).toMatchObject([
      { kind: 'schema', existingRows: 'keep' },
    ]);
    const stored = started.items.at(-1)?.progress;
    if (stored === undefined) throw new Error('no progress');
    const resume = JSON.parse(JSON.stringify(stored)) as SnapshotProgress;
    const rest = await readTable(database, 't', { chunkRows: 10, resume, known: started.schema });
    expect(ids(rest.rows)).toEqual(Array.from({ length: 15 }, (_, n) => String(n + 10)));
    const sections = rest.items.flatMap(({ batch }) => batch.sections);
    expect(sections.map(({ kind }) => kind)).toEqual(['rows', 'rows', 'sweep']);
    const version = BigInt(resume.firstVersion);
    expect(sections.at(-1)).toMatchObject({ kind: 'sweep', version });
    expect(started.rows.every((row) => row.version === version && !row.deleted)).toBe(true);
    expect(rest.rows.every((row) => row.version >= version)).toBe(true);
  });

  test('an empty table gives its schema and a sweep', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    const { items } = await readTable(database, 't');
    expect(items.flatMap(({ batch }) => batch.sections).map(({ kind }) => kind)).toEqual([
      'schema',
      'sweep',
    ]);
    expect(items.at(-1)?.progress).toMatchObject({ done: true, rows: 0 });
  });

  test('a table whose columns change while it is read is read again', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    await connection.query(
      `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, n) => `(${n}, ${n})`).join(',')}`,
    );
    let altered = false;
    const { rows, items } = await readTable(database, 't', {
      chunkRows: 5,
      until: async ({ progress }) => {
        if (progress.chunks === 2 && !altered) {
          altered = true;
          await connection.query('ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 7');
        }
        return false;
      },
    });
    // The rows in the new layout are complete, and the new layout was announced.
    expect(rows.length).toBe(20);
    expect(rows.every((row) => row.values['w'] === '7')).toBe(true);
    const announced = items
      .flatMap(({ batch }) => batch.sections)
      .filter(({ kind }) => kind === 'schema');
    expect(announced.length).toBe(2);
  });

  test('long rows come in several batches of a chunk, each with its own last key', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int PRIMARY KEY, v longtext)');
    for (let id = 0; id < 12; id++) {
      await connection.query(`INSERT INTO t VALUES (${id}, repeat('x', 3000000))`);
    }
    const { items, rows } = await readTable(database, 't', { chunkRows: 100 });
    expect(rows.map(({ values }) => [values['id'], values['v']?.length])).toEqual(
      Array.from({ length: 12 }, (_, id) => [String(id), 3_000_000]),
    );
    const parts = items.filter(({ batch }) => batch.sections.some(({ kind }) => kind === 'rows'));
    expect(parts.length).toBeGreaterThanOrEqual(4);
    expect(parts[0]?.progress).toMatchObject({ chunks: 0, lastKey: ['2'], done: false });
  });

  test('a table identified by columns without an index is read in one go', async () => {
    await using database = await openTestDatabase(flavour);
    const { connection } = database;
    await connection.query('CREATE TABLE t (id int, v int)');
    await connection.query('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)');
    await expect(readTable(database, 't')).rejects.toMatchObject({
      code: 'CDC_TABLE_NO_PRIMARY_KEY',
    });
    const source = { overrides: [{ tables: '*.t', key: ['id'] }] };
    const { rows, items } = await readTable(database, 't', { chunkRows: 2, source });
    expect(ids(rows).sort()).toEqual(['1', '2', '3']);
    expect(items.at(-1)?.progress).toMatchObject({ done: true, rows: 3 });
  });

  test('a table that the reader knows in another form is declared anew and emptied', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query(
      'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)',
    );
    const { schema } = await readTable(database, 't');
    const known = { ...schema, version: 'older' };
    const { items, rows } = await readTable(database, 't', { known });
    const [declaration, first] = items.flatMap(({ batch }) => batch.sections);
    expect(declaration).toMatchObject({ kind: 'schema', existingRows: 'resnapshot', schema });
    expect(first?.kind).toBe('rows');
    const declared = declaration?.kind === 'schema' ? declaration.version : 0n;
    expect(rows[0]?.version).toBeGreaterThanOrEqual(declared);
  });

  test('generated and invisible columns come as values', async () => {
    await using database = await openTestDatabase(flavour);
    await database.connection.query(`
      CREATE TABLE t (id int PRIMARY KEY, a int, s int AS (a * 2) STORED, v int AS (a + 1) VIRTUAL, i int INVISIBLE DEFAULT 5);
      INSERT INTO t (id, a) VALUES (1, 10)`);
    const { rows } = await readTable(database, 't');
    expect(rows[0]?.values).toEqual({ id: '1', a: '10', s: '20', v: '11', i: '5' });
  });

  test('hostile names stay names', async () => {
    await using database = await openTestDatabase(flavour);
    const name = 'o`r\'d\\er"s';
    const column = 'k`); DROP';
    const quoted = (text: string) => `\`${text.replaceAll('`', '``')}\``;
    await database.connection.query(
      `CREATE TABLE ${quoted(name)} (${quoted(column)} int PRIMARY KEY, v int)`,
    );
    await database.connection.query(`INSERT INTO ${quoted(name)} VALUES (1, 1), (2, 2), (3, 3)`);
    const { rows } = await readTable(database, name, { chunkRows: 2 });
    expect(rows.map((row) => row.values[column])).toEqual(['1', '2', '3']);
  });
});

/** As JavaScript prints the number, minus zero included. */
function renderNumber(shown: string | number): string {
  const value = Number(shown);
  return Object.is(value, -0) ? '-0' : String(value);
}
