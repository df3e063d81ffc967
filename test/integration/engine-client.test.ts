import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/clickhouse-engine.ts';
import { CdcError } from '../../src/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';
import { waitUntil } from '../support/wait-until.ts';

let server: TestEngine;

beforeAll(async () => {
  server = await openTestEngine();
  await server.engine.command('CREATE DATABASE client');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function errorOf(promise: Promise<unknown>): Promise<CdcError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CdcError)) throw new Error(`no CdcError: ${String(error)}`);
  return error;
}

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** RowBinary of (Int64, Nullable(Int32), Decimal(12, 2), DateTime64(6), String). */
function encodeRow(id: bigint, number: number | null, cents: bigint, micros: bigint, text: string) {
  const head = Buffer.alloc(13);
  head.writeBigInt64LE(id);
  head.writeUInt8(number === null ? 1 : 0, 8);
  if (number !== null) head.writeInt32LE(number, 9);
  const tail = Buffer.alloc(16);
  tail.writeBigInt64LE(cents);
  tail.writeBigInt64LE(micros, 8);
  const bytes = Buffer.from(text);
  return Buffer.concat([
    head.subarray(0, number === null ? 9 : 13),
    tail,
    Buffer.from([bytes.length]),
    bytes,
  ]);
}

const rowColumns =
  "id Int64, number Nullable(Int32), amount Decimal(12, 2), at DateTime64(6, 'UTC'), text String";
const rowNames = ['id', 'number', 'amount', 'at', 'text'];

describe('ClickhouseEngine', () => {
  test('tells who it is', async () => {
    const { engine } = server;
    await engine.ping();
    expect(await engine.version()).toMatch(/^\d+\.\d+/);
    expect(engine.address).toEqual({
      url: `http://127.0.0.1:${server.record.port}`,
      user: 'default',
    });
  });

  test('gives numbers without loss', async () => {
    const [row] = await server.engine.rows(
      `SELECT 18446744073709551615 AS u, toInt64(-9007199254740993) AS i, toDecimal64(1.5, 2) AS d,
        toUInt32(7) AS n, nan AS f, NULL AS x, 'é' AS s, {p:UInt64} AS p, {a:Array(String)} AS a`,
      { params: { p: '18446744073709551614', a: ["it's", '\t'] } },
    );
    expect(row).toEqual({
      u: '18446744073709551615',
      i: '-9007199254740993',
      d: '1.50',
      n: 7,
      f: 'nan',
      x: null,
      s: 'é',
      p: '18446744073709551614',
      a: ["it's", '\t'],
    });
  });

  test('inserts encoded rows and says how many', async () => {
    const { engine } = server;
    await engine.command(`CREATE TABLE client.rows (${rowColumns}) ENGINE = MergeTree ORDER BY id`);
    const rows = [
      encodeRow(1n, -5, 12345n, 1_700_000_000_123_456n, 'é'),
      encodeRow(-2n, null, -1n, -1n, ''),
    ];
    const insert = { table: 'client.rows', columns: rowNames, format: 'RowBinary' };
    expect(await engine.insert({ ...insert, body: rows })).toBe(2);
    expect(await engine.insert({ ...insert, body: Readable.from([...rows, ...rows]) })).toBe(4);
    expect(await engine.insert({ ...insert, body: [] })).toBe(0);
    expect(await engine.rows('SELECT DISTINCT * FROM client.rows ORDER BY id')).toEqual([
      { id: '-2', number: null, amount: '-0.01', at: '1969-12-31 23:59:59.999999', text: '' },
      { id: '1', number: -5, amount: '123.45', at: '2023-11-14 22:13:20.123456', text: 'é' },
    ]);
  });

  test('stores rows with the same token once', async () => {
    const { engine } = server;
    await engine.command(
      `CREATE TABLE client.tokens (${rowColumns}) ENGINE = ReplacingMergeTree ORDER BY id
        SETTINGS non_replicated_deduplication_window = 100`,
    );
    await engine.command('SYSTEM STOP MERGES client.tokens');
    const body = Array.from({ length: 50_000 }, (_, index) =>
      encodeRow(BigInt(index), index, 1n, 0n, 'x'),
    );
    const insert = { table: 'client.tokens', columns: rowNames, format: 'RowBinary', body };
    await engine.insert({ ...insert, token: 'a' });
    await engine.insert({ ...insert, token: 'a' });
    await engine.insert({ ...insert, token: 'b' });
    expect(await engine.rows('SELECT count() AS n FROM client.tokens')).toEqual([{ n: '100000' }]);
  });

  test('names the engine’s number for a refused statement', async () => {
    const { engine } = server;
    const statements = [
      { run: () => engine.command('DROP TABLE client.nowhere'), engineCode: 60 },
      { run: () => engine.rows('SELECT nothing'), engineCode: 47 },
      { run: () => textOf(engine.query('SELEC', { format: 'CSV' })), engineCode: 62 },
      {
        run: () => engine.insert({ table: 'client.nowhere', columns: [], format: 'TSV', body: [] }),
        engineCode: 60,
      },
      { run: () => engine.command('SELECT 1', { settings: { no_such: 1 } }), engineCode: 115 },
    ];
    for (const { run, engineCode } of statements) {
      const error = await errorOf(run());
      expect(error.code).toBe('CDC_ENGINE_REJECTED');
      expect(error.details['engineCode']).toBe(engineCode);
    }
  });

  test('takes a spent limit for transient', async () => {
    const statement = server.engine.rows(
      'SELECT length(groupArray(number)) FROM numbers(10000000)',
      { settings: { max_memory_usage: 1_000_000 } },
    );
    const error = await errorOf(statement);
    expect(error).toMatchObject({ code: 'CDC_ENGINE_UNREACHABLE', kind: 'transient' });
    expect(error.details['engineCode']).toBe(241);
  });

  test('sees an error after the first rows', async () => {
    const sql = 'SELECT throwIf(number = 3000000) FROM numbers(4000000)';
    const options = { settings: { max_threads: 1 } };
    for (const run of [
      () => server.engine.command(sql, options),
      () => server.engine.rows(sql, options),
      () => textOf(server.engine.query(sql, { ...options, format: 'TSV' })),
    ]) {
      expect((await errorOf(run())).details['engineCode']).toBe(395);
    }
  });

  test('streams a result in the format of the statement or of the call', async () => {
    const { engine } = server;
    expect(await textOf(engine.query('SELECT 1 AS a', { format: 'CSVWithNames' }))).toBe(
      '"a"\n1\n',
    );
    expect(await textOf(engine.query('SELECT 1 FORMAT TSV', { format: 'JSON' }))).toBe('1\n');
    const large = 'SELECT number FROM numbers(1000000)';
    expect((await textOf(engine.query(large, { format: 'TSV' }))).length).toBe(6_888_890);
    let bytes = 0;
    for await (const chunk of engine.query('SELECT * FROM system.numbers', { format: 'TSV' })) {
      bytes += chunk.length;
      if (bytes > 1_000_000) break;
    }
    const left = () =>
      engine.rows<{ n: string }>(
        "SELECT count() AS n FROM system.processes WHERE query LIKE '%system.numbers' AND query NOT LIKE '%LIKE%'",
      );
    await waitUntil('nothing runs for nobody', async () => (await left())[0]?.n === '0');
  });

  test('ends a statement by its signal, with the signal’s reason', async () => {
    const { engine } = server;
    const stop = new AbortController();
    const endless = engine.rows('SELECT count() FROM numbers(1e12) WHERE NOT ignore(number)', {
      signal: stop.signal,
    });
    const running = async () =>
      (
        await engine.rows(
          "SELECT 1 FROM system.processes WHERE query LIKE '%1e12%' AND query NOT LIKE '%LIKE%'",
        )
      ).length === 1;
    await waitUntil('it runs', running);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(endless).rejects.toBe(reason);
    await waitUntil('the statement has ended', async () => !(await running()));
    await expect(engine.command('SELECT 1', { signal: stop.signal })).rejects.toBe(reason);
  });

  test('has the same settings as every other client', async () => {
    await using other = await openEngine(
      {
        type: 'clickhouse',
        url: server.engine.address.url,
        user: 'default',
        password: new Secret(server.record.password),
      },
      { stateFolder: server.stateFolder, logger: createSilentLogger() },
    );
    const sql =
      "SELECT name, value FROM system.settings WHERE name NOT LIKE 'log_comment' AND changed";
    expect(await other.rows(sql)).toEqual(await server.engine.rows(sql));
  });

  test('says where a wrong password is to be corrected', async () => {
    await using other = await openEngine(
      {
        type: 'clickhouse',
        url: server.engine.address.url,
        user: 'default',
        password: new Secret('wrong'),
      },
      { stateFolder: server.stateFolder, logger: createSilentLogger() },
    );
    const error = await errorOf(other.ping());
    expect(error.code).toBe('CDC_ENGINE_REJECTED');
    expect(error.details['engineCode']).toBe(516);
    expect(error.remedy).toContain('warehouse.user');
  });

  test('says that nobody listens', async () => {
    const nowhere = { type: 'clickhouse', url: 'http://127.0.0.1:1', user: 'u' } as const;
    await using other = await openEngine(
      { ...nowhere, password: new Secret('') },
      { stateFolder: server.stateFolder, logger: createSilentLogger() },
    );
    const error = await errorOf(other.rows('SELECT 1'));
    expect(error.code).toBe('CDC_ENGINE_UNREACHABLE');
    expect(error.message).toContain('http://127.0.0.1:1 does not answer');
    expect(error.message).toContain('ECONNREFUSED');
  });
});

describe('@clickhouse/client as it comes', () => {
  let client: ClickHouseClient;

  beforeAll(() => {
    client = createClient({
      url: server.engine.address.url,
      username: 'default',
      password: server.record.password,
      database: 'client',
      log: { level: ClickHouseLogLevel.OFF },
    });
  });

  afterAll(() => client.close());

  test('pings, commands, inserts and queries', async () => {
    expect(await client.ping()).toEqual({ success: true });
    await client.command({
      query:
        "CREATE TABLE plain (id UInt64, name String DEFAULT 'none') ENGINE = MergeTree ORDER BY id",
    });
    const inserted = await client.insert({
      table: 'plain',
      values: [{ id: '18446744073709551615', name: "it's" }, { id: 1 }],
      format: 'JSONEachRow',
    });
    expect(inserted.summary?.written_rows).toBe('2');
    await client.insert({
      table: 'plain',
      values: [{ id: 2 }],
      columns: ['id'],
      format: 'JSONEachRow',
    });
    await client.insert({
      table: 'plain',
      values: [[3]],
      columns: { except: ['name'] },
      format: 'JSONCompactEachRow',
    });
    await client.insert({
      table: 'plain',
      values: Readable.from(['4,four\n', '5,five\n'], { objectMode: false }),
      format: 'CSV',
    });
    const result = await client.query({
      query: 'SELECT * FROM plain WHERE id >= {least:UInt64} ORDER BY id',
      query_params: { least: 1 },
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    });
    expect(await result.json()).toEqual([
      { id: '1', name: 'none' },
      { id: '2', name: 'none' },
      { id: '3', name: 'none' },
      { id: '4', name: 'four' },
      { id: '5', name: 'five' },
      { id: '18446744073709551615', name: "it's" },
    ]);
  });

  test('compresses both ways', async () => {
    await using compressing = createClient({
      url: server.engine.address.url,
      username: 'default',
      password: server.record.password,
      compression: { request: true, response: true },
    });
    await compressing.command({ query: 'CREATE TABLE client.zipped (n UInt64) ENGINE = Memory' });
    const values = Array.from({ length: 10_000 }, (_, n) => ({ n }));
    await compressing.insert({ table: 'client.zipped', values, format: 'JSONEachRow' });
    const result = await compressing.query({
      query: 'SELECT n FROM client.zipped ORDER BY n',
      format: 'JSONEachRow',
    });
    expect(result.response_headers['content-encoding']).toBe('gzip');
    expect(await result.json()).toEqual(values);
  });

  test('reads JSON with its frame', async () => {
    const result = await client.query({ query: 'SELECT 1 AS one', format: 'JSON' });
    expect(await result.json()).toMatchObject({
      meta: [{ name: 'one', type: 'UInt8' }],
      data: [{ one: 1 }],
      rows: 1,
    });
  });

  test('streams rows', async () => {
    const result = await client.query({
      query: 'SELECT number AS n FROM numbers(200000)',
      format: 'JSONEachRow',
    });
    let sum = 0;
    for await (const rows of result.stream<{ n: number }>()) {
      for (const row of rows) sum += Number(row.json().n);
    }
    expect(sum).toBe(19_999_900_000);
  });

  test('streams rows in, more than a socket holds', async () => {
    await client.command({ query: 'CREATE TABLE many (n UInt64) ENGINE = MergeTree ORDER BY n' });
    function* rows() {
      for (let n = 0; n < 200_000; n++) yield { n };
    }
    await client.insert({ table: 'many', values: Readable.from(rows()), format: 'JSONEachRow' });
    const result = await client.query({
      query: 'SELECT sum(n) AS s FROM many',
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ s: 19_999_900_000 }]);
  });

  test('gets the exception that ends a stream', async () => {
    const result = await client.query({
      query:
        "SELECT throwIf(number = 3000000, 'boom') AS x FROM numbers(4000000) SETTINGS max_threads = 1",
      format: 'JSONEachRow',
    });
    const read = async () => {
      for await (const rows of result.stream()) expect(rows.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toThrow('boom');
  });

  test('gets errors with number and type', async () => {
    await expect(client.command({ query: 'DROP TABLE nowhere' })).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
  });

  test('is cut off when it aborts, and the statement ends', async () => {
    const stop = new AbortController();
    const query = client.query({
      query: 'SELECT (SELECT count() FROM numbers(1e12) WHERE NOT ignore(number))',
      query_id: 'to-abort',
      abort_signal: stop.signal,
    });
    const running = () =>
      server.engine.rows(
        "SELECT 1 FROM system.processes WHERE Settings['log_comment'] = 'to-abort'",
      );
    await waitUntil('it runs', async () => (await running()).length === 1);
    stop.abort();
    await expect(query).rejects.toThrow('aborted');
    await waitUntil('it has ended', async () => (await running()).length === 0);
  });
});
