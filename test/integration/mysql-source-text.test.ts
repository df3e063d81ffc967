import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session } from 'chdb';
import { expect, test } from 'vitest';
import { clickhouseType } from '../../src/engine/column-type.ts';
import { MysqlTextReader, type TextChunk } from '../../src/source/mysql/mysql-text-reader.ts';
import { mysqlSourceOptions } from '../../src/source/mysql/options.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';
import { readTable } from './mysql-source-reading.ts';
import { typeCases } from './mysql-source-types.ts';

function openReader({ options, name }: TestDatabase): Promise<MysqlTextReader> {
  const { host, port, user, password } = options;
  return MysqlTextReader.open(
    mysqlSourceOptions.parse({ type: 'mysql', host, port, user, password, tables: [`${name}.*`] }),
    0,
  );
}

async function chunksOf(
  reader: MysqlTextReader,
  table: string,
  limit: number,
): Promise<TextChunk[]> {
  const chunks: TextChunk[] = [];
  for await (const chunk of reader.chunks(table, limit)) chunks.push(chunk);
  return chunks;
}

describeEachServer('text reader', (flavour) => {
  test('the engine parses its text to the very bytes of the snapshot, for every type', async () => {
    await using database = await openTestDatabase(flavour);
    await using reader = await openReader(database);
    const { connection, name } = database;
    await connection.query(`SET sql_mode = '', time_zone = '+00:00'`);
    const folder = await mkdtemp(join(tmpdir(), 'cdc-text-'));
    const engine = new Session(folder);
    const failures: string[] = [];
    try {
      for (const [index, { type, values }] of typeCases(flavour).entries()) {
        const table = `t${index}`;
        await connection.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v ${type})`);
        for (const [id, value] of [...values, 'NULL'].entries()) {
          await connection.query(`INSERT INTO ${table} VALUES (${id}, ${value})`);
        }
        const { schema, items, rows } = await readTable(database, table);
        const sections = items.flatMap(({ batch }) => batch.sections);
        const bytes = Buffer.concat(
          sections.flatMap((section) => (section.kind === 'rows' ? [section.bytes] : [])),
        );
        const [chunk] = await chunksOf(reader, `${name}.${table}`, 100);
        if (chunk === undefined) throw new Error('no chunk');
        const file = join(folder, 'rows.tsv');
        await writeFile(file, chunk.tsv);
        const structure = schema.columns.map(
          (column) => `${column.name} ${clickhouseType(column)}`,
        );
        const parsed = await engine.queryAsync(
          `SELECT *, toUInt64(${rows[0]?.version}), toUInt8(0)
           FROM file('${file}', TabSeparated, '${structure.join(', ').replaceAll("'", "\\'")}') ORDER BY id
           SETTINGS precise_float_parsing = 1, session_timezone = 'UTC', input_format_parallel_parsing = 0`,
          { format: 'RowBinary' },
        );
        if (!Buffer.from(parsed.bytes()).equals(bytes)) failures.push(type);
      }
    } finally {
      engine.cleanup();
      await rm(folder, { recursive: true, force: true });
    }
    expect(failures).toEqual([]);
  });

  test('walks the table in chunks and reads keys again', async () => {
    await using database = await openTestDatabase(flavour);
    await using reader = await openReader(database);
    const { connection, name } = database;
    await connection.query(
      `CREATE TABLE t (a varchar(10) collate utf8mb4_general_ci, b varbinary(4), v bit(9), PRIMARY KEY (a, b))`,
    );
    for (let n = 0; n < 25; n++) {
      await connection.query('INSERT INTO t VALUES (?, ?, ?)', [
        `k${n % 5}`,
        Buffer.from([0, n]),
        n,
      ]);
    }
    const chunks = await chunksOf(reader, `${name}.t`, 10);
    expect(chunks.map(({ rows }) => rows)).toEqual([10, 10, 5]);
    expect(chunks[0]?.firstKey).toEqual(['6b30', '0000']);
    expect(chunks[2]?.lastKey).toEqual(['6b34', '0018']);
    const text = Buffer.concat(chunks.map(({ tsv }) => tsv)).toString('latin1');
    expect(text.split('\n').length).toBe(26);
    expect(text.startsWith('k0\t\\0\\0\t0\nk0\t\\0\x05\t5\n')).toBe(true);
    const again = await reader.readKeys(`${name}.t`, [
      ['6b34', '0018'],
      ['6b30', '0005'],
      ['6b30', 'ffff'],
    ]);
    expect(again.tsv.toString('latin1').split('\n').sort()).toEqual([
      '',
      'k0\t\\0\x05\t5',
      'k4\t\\0\x18\t24',
    ]);
  });

  test('says between which places the rows are', async () => {
    await using database = await openTestDatabase(flavour);
    await using reader = await openReader(database);
    await database.connection.query(
      'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)',
    );
    const [chunk] = await chunksOf(reader, `${database.name}.t`, 10);
    expect(chunk?.low.file).toBe(chunk?.high.file);
    expect(chunk?.low.offset).toBeGreaterThan(4);
    expect(chunk?.high.offset).toBeGreaterThanOrEqual(chunk?.low.offset ?? 0);
  });

  test('an empty table has no chunks, a missing one is an error', async () => {
    await using database = await openTestDatabase(flavour);
    await using reader = await openReader(database);
    await database.connection.query('CREATE TABLE t (id int PRIMARY KEY)');
    expect(await chunksOf(reader, `${database.name}.t`, 10)).toEqual([]);
    await expect(chunksOf(reader, `${database.name}.none`, 10)).rejects.toMatchObject({
      code: 'CDC_TABLE_NOT_FOUND',
    });
  });
});
