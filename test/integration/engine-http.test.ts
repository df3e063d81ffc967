import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompressSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestEngine, type TestEngine } from '../support/test-engine.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The embedded engine as another program sees it: ClickHouse's HTTP interface, without our client. */
let server: TestEngine;

beforeAll(async () => {
  server = await openTestEngine();
  await post('CREATE DATABASE http');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

type Parameters = Readonly<Record<string, string>>;

function urlOf(parameters: Parameters = {}): string {
  return `${server.engine.address.url}/?${new URLSearchParams(parameters)}`;
}

function credentials(): Readonly<Record<string, string>> {
  const { user, password } = server.record;
  return { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password };
}

function post(body: string | Buffer, parameters: Parameters = {}, headers: Parameters = {}) {
  return fetch(urlOf(parameters), {
    method: 'POST',
    body,
    headers: { ...credentials(), ...headers },
  });
}

async function text(body: string, parameters: Parameters = {}): Promise<string> {
  const response = await post(body, parameters);
  const answer = await response.text();
  expect(response.status, answer).toBe(200);
  return answer;
}

describe('without a password', () => {
  test.each(['/ping', '/', '/replicas_status'])('%s answers Ok.', async (path) => {
    const response = await fetch(server.engine.address.url + path);
    expect([response.status, await response.text()]).toEqual([200, 'Ok.\n']);
  });

  test.each(['/?query=SELECT+1', '/cdc/hold'])('%s asks for one', async (path) => {
    const response = await fetch(server.engine.address.url + path);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Basic');
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('516');
    expect(await response.text()).toMatch(/^Code: 516\. DB::Exception: .*AUTHENTICATION_FAILED/);
  });

  test('an unknown path is not found', async () => {
    const response = await fetch(`${server.engine.address.url}/play`);
    expect(response.status).toBe(404);
  });
});

describe('with a password', () => {
  test('as headers, as basic authentication or in the URL', async () => {
    const { user, password } = server.record;
    const basic = Buffer.from(`${user}:${password}`).toString('base64');
    const answers = await Promise.all([
      fetch(urlOf({ query: 'SELECT 1' }), { headers: credentials() }),
      fetch(urlOf({ query: 'SELECT 1' }), { headers: { Authorization: `Basic ${basic}` } }),
      fetch(urlOf({ query: 'SELECT 1', user, password })),
    ]);
    for (const answer of answers)
      expect([answer.status, await answer.text()]).toEqual([200, '1\n']);
  });

  test('a wrong one is refused as a server refuses it', async () => {
    const wrong = { 'X-ClickHouse-User': 'default', 'X-ClickHouse-Key': 'wrong' };
    const response = await fetch(urlOf({ query: 'SELECT 1' }), { headers: wrong });
    expect(response.status).toBe(403);
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('516');
  });

  test('a wrong user is refused, with the right password', async () => {
    const { password } = server.record;
    const response = await fetch(urlOf({ query: 'SELECT 1', user: 'root', password }));
    expect(response.status).toBe(403);
  });
});

describe('a result', () => {
  test('is TabSeparated unless the statement or the request says otherwise', async () => {
    const response = await post("SELECT 1 AS a, 'x\ty' AS b");
    expect(response.headers.get('x-clickhouse-format')).toBe('TabSeparated');
    expect(response.headers.get('content-type')).toBe('text/tab-separated-values; charset=UTF-8');
    expect(await response.text()).toBe('1\tx\\ty\n');
    expect(await text('SELECT 1 AS a', { default_format: 'JSONEachRow' })).toBe('{"a":1}\n');
    expect(await text('SELECT 1 FORMAT CSV', { default_format: 'JSON' })).toBe('1\n');
    expect(await text('SHOW DATABASES FORMAT CSV', { default_format: 'JSON' })).toContain('"http"');
    const byHeader = await post('SELECT 1 AS a', {}, { 'X-ClickHouse-Format': 'CSVWithNames' });
    expect(await byHeader.text()).toBe('"a"\n1\n');
  });

  test.each([
    'SELECT 1',
    'SELECT version()',
    'SHOW DATABASES',
    'SELECT timezone()',
    'EXPLAIN SELECT 1',
  ])('of %s, which tools send first, is there', async (sql) => {
    expect((await text(sql)).length).toBeGreaterThan(1);
  });

  test('names its statement and counts its rows', async () => {
    const sql = 'SELECT number FROM numbers(1000)';
    const response = await post(sql, { query_id: 'my-id', wait_end_of_query: '1' });
    expect(response.headers.get('x-clickhouse-query-id')).toBe('my-id');
    const summary = JSON.parse(response.headers.get('x-clickhouse-summary') ?? '');
    expect(summary).toMatchObject({ result_rows: '1000', written_rows: '0' });
  });

  test.each([
    { encoding: 'gzip', decode: gunzipSync },
    { encoding: 'deflate', decode: inflateSync },
    { encoding: 'br', decode: brotliDecompressSync },
  ])('is compressed with $encoding when asked', async ({ encoding, decode }) => {
    const path = urlOf({ enable_http_compression: '1', query: 'SELECT number FROM numbers(1000)' });
    const headers = { ...credentials(), 'Accept-Encoding': encoding };
    const sent = request(path, { headers }).end();
    const [response] = await once(sent, 'response');
    expect(response.headers['content-encoding']).toBe(encoding);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    expect(decode(Buffer.concat(chunks)).toString().split('\n')).toHaveLength(1001);
  });

  test('has one header however many blocks it has', async () => {
    const sql = 'SELECT number FROM numbers(300000)';
    const csv = await (await post(`${sql} FORMAT CSVWithNames`)).text();
    expect(csv.split('\n').filter((line) => line.includes('number'))).toHaveLength(1);
    const json = (await (await post(`${sql} FORMAT JSON`)).json()) as { rows: number };
    expect(json.rows).toBe(300_000);
  });

  test('larger than memory should hold arrives while it is made', async () => {
    const response = await post('SELECT number FROM system.numbers');
    if (response.body === null) throw new Error('no body');
    const { value } = await response.body.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toMatch(/^0\n1\n2\n/);
    await response.body.cancel().catch(() => undefined);
  });
});

describe('parameters and settings', () => {
  test('bind values as a server does, injection or not', async () => {
    expect(
      await text(
        'SELECT {s:String}, {n:UInt64}, {a:Array(String)}, {z:Nullable(String)} IS NULL, {i:Identifier} FROM {t:Identifier}.numbers LIMIT 1',
        {
          param_s: "it's; DROP TABLE x --",
          param_n: '18446744073709551615',
          param_a: "['a','b']",
          param_z: '\\N',
          param_i: 'number',
          param_t: 'system',
        },
      ),
    ).toBe("it\\'s; DROP TABLE x --\t18446744073709551615\t['a','b']\t1\t0\n");
  });

  test('are each statement’s own, also at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        text("SELECT {x:String}, getSetting('max_block_size')", {
          param_x: `v${index}`,
          max_block_size: String(1000 + index),
        }),
      ),
    );
    expect(answers).toEqual(answers.map((_, index) => `v${index}\t${1000 + index}\n`));
    const response = await post('SELECT {x:String}');
    expect([response.status, await response.text()]).toEqual([
      expect.any(Number),
      expect.stringContaining('UNKNOWN_QUERY_PARAMETER'),
    ]);
  });

  test('SET and USE end with their statement', async () => {
    await text('SET max_threads = 1');
    await text('USE http');
    expect(await text("SELECT getSetting('max_threads') = 1, currentDatabase()")).toBe(
      '0\tdefault\n',
    );
    expect(await text('SELECT currentDatabase()', { database: 'http' })).toBe('http\n');
  });

  test('are those of every statement of ours, for other clients as well', async () => {
    const sql =
      'SELECT r.x IS NULL FROM (SELECT 1 AS k) AS l LEFT JOIN (SELECT 2 AS k, 3 AS x) AS r ON l.k = r.k';
    expect(await text(sql)).toBe('1\n');
    expect(await text(sql, { join_use_nulls: '0' })).toBe('0\n');
    expect(await text('SELECT toDecimal64(1.5, 2)')).toBe('1.50\n');
    expect(await text('SELECT 1 UNION SELECT 1')).toBe('1\n');
  });

  test.each([
    { name: 'no_such_setting', value: '1', code: '115', status: 404 },
    { name: 'max_threads', value: 'many', code: '27', status: 400 },
    { name: 'max_threads = 1, x', value: '1', code: '491', status: 400 },
    { name: 'database', value: 'nowhere', code: '81', status: 404 },
    { name: 'compress', value: '1', code: '48', status: 501 },
  ])('$name = $value is refused', async ({ name, value, code, status }) => {
    const response = await post('SELECT 1', { [name]: value });
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(code);
    expect(response.status).toBe(status);
  });

  test('GET changes nothing', async () => {
    const url = urlOf({ query: 'CREATE TABLE http.by_get (a Int8) ENGINE = Memory' });
    const response = await fetch(url, { headers: credentials() });
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('164');
  });
});

describe('an error has the status, number and text of ClickHouse', () => {
  test.each([
    { sql: 'SELEC 1', status: 400, code: 62, name: 'SYNTAX_ERROR' },
    { sql: 'SELECT 1; SELECT 2', status: 400, code: 62, name: 'SYNTAX_ERROR' },
    { sql: 'SELECT * FROM http.nowhere', status: 404, code: 60, name: 'UNKNOWN_TABLE' },
    { sql: 'SELECT nothing', status: 404, code: 47, name: 'UNKNOWN_IDENTIFIER' },
    { sql: 'SELECT no_such_function(1)', status: 404, code: 46, name: 'UNKNOWN_FUNCTION' },
    { sql: 'SELECT 1 FORMAT Nothing', status: 404, code: 73, name: 'UNKNOWN_FORMAT' },
    { sql: "SELECT toInt8('x')", status: 400, code: 6, name: 'CANNOT_PARSE_TEXT' },
    { sql: 'SELECT throwIf(1)', status: 500, code: 395, name: 'FUNCTION_THROW_IF_VALUE' },
    {
      sql: 'SELECT sleep(3) SETTINGS max_execution_time = 1',
      status: 408,
      code: 159,
      name: 'TIMEOUT_EXCEEDED',
    },
    { sql: 'INSERT INTO http.nowhere FORMAT CSV\n1', status: 404, code: 60, name: 'UNKNOWN_TABLE' },
  ])('$sql', async ({ sql, status, code, name }) => {
    const response = await post(sql);
    const answer = await response.text();
    expect(answer).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(${name}`, 's'));
    expect(answer).toMatch(/\(version \d+\.\d+\.\d+\.\d+\)\n$/);
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(String(code));
    expect(response.status).toBe(status);
  });

  const late = 'SELECT throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_threads = 1';

  test('after the first rows it stands at the end of a broken answer', async () => {
    const sent = request(urlOf(), { method: 'POST', headers: credentials() }).end(late);
    const [response] = await once(sent, 'response');
    expect(response.statusCode).toBe(200);
    const chunks: Buffer[] = [];
    await expect(
      (async () => {
        for await (const chunk of response) chunks.push(chunk);
      })(),
    ).rejects.toThrow('aborted');
    const tag = response.headers['x-clickhouse-exception-tag'];
    expect(tag).toMatch(/^[\w-]{16}$/);
    const end = Buffer.concat(chunks).subarray(-600).toString();
    expect(end).toMatch(
      new RegExp(
        `\r\n__exception__\r\n${tag}\r\nCode: 395.*\n\\d+ ${tag}\r\n__exception__\r\n$`,
        's',
      ),
    );
  });

  test('with wait_end_of_query it is a status', async () => {
    expect((await post(late, { wait_end_of_query: '1' })).status).toBe(500);
  });

  test('a connection serves on after an error', async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      expect((await post(Buffer.alloc(1_000_000, 'x'), { query: 'SELECT 1' })).status).toBe(400);
    }
    expect(await text('SELECT 1')).toBe('1\n');
  });
});

describe('an INSERT', () => {
  test('takes rows from the body, the URL or both', async () => {
    await text(
      "CREATE TABLE http.places (a Int64, b String DEFAULT concat('d', toString(a))) ENGINE = Memory",
    );
    await text('INSERT INTO http.places FORMAT CSV\n1,"x"\n');
    await text('2,"y"\n3,"z"', { query: 'INSERT INTO http.places FORMAT CSV' });
    await text("(4, lower('W')), (5, 'v')", { query: 'INSERT INTO http.places VALUES' });
    await text('', { query: 'INSERT INTO http.places (a) VALUES (6)' });
    await text('{"a":7}\n', { query: 'INSERT INTO http.places FORMAT JSONEachRow' });
    await text('a,b\n8,u\n', { query: 'INSERT INTO places FORMAT CSVWithNames', database: 'http' });
    await text('INSERT INTO http.places (b, a) FORMAT TSV\nt\t9\n');
    await text("INSERT INTO http.places SELECT 10, 's'");
    await text('', { query: 'INSERT INTO http.places FORMAT CSV' });
    await text('11\n', { query: 'INSERT INTO http.places (* EXCEPT (b)) FORMAT TSV' });
    expect(await text('SELECT a, b FROM http.places ORDER BY a FORMAT CSV')).toBe(
      '1,"x"\n2,"y"\n3,"z"\n4,"w"\n5,"v"\n6,"d6"\n7,"d7"\n8,"u"\n9,"t"\n10,"s"\n11,"d11"\n',
    );
  });

  test.each([
    'Native',
    'RowBinary',
    'RowBinaryWithNamesAndTypes',
    'Parquet',
    'JSONEachRow',
    'TSV',
    'CSV',
    'Arrow',
  ])('takes back what a SELECT gave as %s', async (format) => {
    const columns =
      "number AS id, toNullable(if(number % 2 = 0, NULL, concat('é\n\t', toString(number)))) AS name, " +
      "toDecimal64(number, 3) / 7 AS amount, toDateTime64(number * 1e6, 6, 'UTC') AS at";
    const table = `http.format_${format}`;
    await text(`CREATE TABLE ${table} ENGINE = Memory AS SELECT ${columns} FROM numbers(0)`);
    const rows = await post(`SELECT ${columns} FROM numbers(1000) FORMAT ${format}`);
    const body = Buffer.from(await rows.arrayBuffer());
    const response = await post(body, { query: `INSERT INTO ${table} FORMAT ${format}` });
    expect([response.status, await response.text()]).toEqual([200, '']);
    const summary = JSON.parse(response.headers.get('x-clickhouse-summary') ?? '');
    expect(summary).toMatchObject({ written_rows: '1000' });
    const hash = 'SELECT count(), sum(cityHash64(id, name, amount, at)) FROM';
    expect(await text(`${hash} ${table}`)).toBe(
      await text(`${hash} (SELECT ${columns} FROM numbers(1000))`),
    );
  });

  test('takes rows apart with input()', async () => {
    await text('CREATE TABLE http.apart (a Int64, b String) ENGINE = Memory');
    const select =
      "SELECT x.1 + 1, upper(x.2) FROM input('x Tuple(n Int64, s String)') WHERE x.1 > 1";
    const rows = '{"x":{"n":1,"s":"a"}}\n{"x":{"n":2,"s":"it\\u0027s"}}\n';
    const query = `INSERT INTO http.apart (a, b) ${select} FORMAT JSONEachRow`;
    const response = await post(rows, { query });
    expect([response.status, await response.text()]).toEqual([200, '']);
    const summary = JSON.parse(response.headers.get('x-clickhouse-summary') ?? '');
    expect(summary).toMatchObject({ written_rows: '1' });
    await text(`INSERT INTO http.apart (a, b) ${select} FORMAT JSONEachRow\n${rows}`);
    await text(rows, {
      query: `INSERT INTO http.apart (a, b) ${select}`,
      default_format: 'JSONEachRow',
    });
    expect(await text('SELECT * FROM http.apart')).toBe("3\tIT\\'S\n".repeat(3));
    const wrong = await post('{"x":{"n":5,"s":"a"}}\n{"x":5}\n', { query });
    expect(wrong.status).toBe(400);
    expect(await text('SELECT count() FROM http.apart')).toBe('3\n');
  });

  test('with input() and a token is stored once', async () => {
    await text(
      'CREATE TABLE http.once (a Int64) ENGINE = MergeTree ORDER BY a ' +
        'SETTINGS non_replicated_deduplication_window = 10',
    );
    const query = "INSERT INTO http.once SELECT a FROM input('a Int64') FORMAT TSV";
    for (let each = 0; each < 2; each++) {
      await text('1\n2\n', { query, insert_deduplication_token: 'token' });
    }
    expect(await text('SELECT count() FROM http.once')).toBe('2\n');
  });

  test('takes a compressed body', async () => {
    await text('CREATE TABLE http.zipped (a Int64) ENGINE = Memory');
    const query = 'INSERT INTO http.zipped FORMAT TSV';
    const body = gzipSync('1\n2\n');
    expect((await post(body, { query }, { 'Content-Encoding': 'gzip' })).status).toBe(200);
    expect((await post(body, { query }, { 'Content-Encoding': 'zstd' })).status).toBe(501);
    expect(
      (await post(body.subarray(0, 15), { query }, { 'Content-Encoding': 'gzip' })).status,
    ).toBe(500);
    expect(await text('SELECT sum(a) FROM http.zipped')).toBe('3\n');
  });

  test('refuses a NULL, an unknown field and half a row, and writes nothing', async () => {
    await text('CREATE TABLE http.strict (a Int64, b String) ENGINE = MergeTree ORDER BY a');
    const bad = [
      { format: 'JSONEachRow', body: '{"a":1,"b":"x"}\n{"a":2,"b":null}', code: '117' },
      { format: 'JSONEachRow', body: '{"a":1,"b":"x"}\n{"a":2,"c":"x"}', code: '117' },
      { format: 'RowBinary', body: '12345678\u0001x1234', code: '33' },
      { format: 'TSV', body: '1\tx\n2', code: '27' },
    ];
    for (const { format, body, code } of bad) {
      const response = await post(body, { query: `INSERT INTO http.strict FORMAT ${format}` });
      expect(await response.text(), format).toContain('DB::Exception');
      expect(response.headers.get('x-clickhouse-exception-code'), format).toBe(code);
    }
    expect(await text('SELECT count() FROM http.strict')).toBe('0\n');
  });

  test('sees a column that was added a moment ago', async () => {
    await text('CREATE TABLE http.grows (a Int64) ENGINE = MergeTree ORDER BY a');
    for (let index = 0; index < 10; index++) {
      await text(`ALTER TABLE http.grows ADD COLUMN c${index} Int64`);
      const row = Array(index + 2)
        .fill('1')
        .join('\t');
      await text(row, { query: 'INSERT INTO http.grows FORMAT TSV' });
    }
    expect(await text('SELECT count(), sum(c9) FROM http.grows')).toBe('10\t1\n');
  });

  test('whose client goes away in the middle writes nothing', async () => {
    await text('CREATE TABLE http.broken (a Int64) ENGINE = MergeTree ORDER BY a');
    const query = 'INSERT INTO http.broken FORMAT TSV';
    const sent = request(urlOf({ query }), { method: 'POST', headers: credentials() });
    sent.on('error', () => undefined);
    await new Promise((resolve) => sent.write('1\n'.repeat(100_000), resolve));
    sent.destroy();
    // The next insert of the same table is handled after it.
    await text('7\n', { query });
    expect(await text('SELECT count(), sum(a) FROM http.broken')).toBe('1\t7\n');
  });
});

describe('statements beside one another', () => {
  const endless = 'SELECT count() FROM numbers(1e12) WHERE NOT ignore(sipHash64(number))';

  const isRunning = async (id: string) =>
    (await text(`SELECT count() FROM system.processes WHERE Settings['log_comment'] = '${id}'`)) !==
    '0\n';

  test('a long one does not hold up the short ones', async () => {
    const gone = new AbortController();
    const { signal } = gone;
    const url = urlOf({ query_id: 'slow' });
    const slow = fetch(url, { method: 'POST', body: endless, headers: credentials(), signal });
    await waitUntil('the slow statement runs', () => isRunning('slow'));
    const start = performance.now();
    for (let index = 0; index < 20; index++) expect(await text('SELECT 1')).toBe('1\n');
    expect(performance.now() - start).toBeLessThan(5000);
    expect(await isRunning('slow')).toBe(true);
    gone.abort();
    await expect(slow).rejects.toThrow('abort');
    await waitUntil('the statement ends with its client', async () => !(await isRunning('slow')));
  });

  test('KILL QUERY takes the id that the client gave', async () => {
    const slow = post(`SELECT (${endless})`, { query_id: 'to kill' });
    await waitUntil('it runs', () => isRunning('to kill'));
    await text("KILL QUERY WHERE query_id = 'to kill' SYNC");
    const response = await slow;
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('394');
  });

  test('more than run at once wait for their turn', async () => {
    const sums = await Promise.all(
      Array.from({ length: 100 }, (_, index) => text(`SELECT sum(number) FROM numbers(${index})`)),
    );
    expect(sums).toEqual(sums.map((_, index) => `${(index * (index - 1)) / 2}\n`));
  });
});

test('curl is a client', async () => {
  const { user, password } = server.record;
  const run = (...more: string[]) =>
    promisify(execFile)('curl', ['-sS', '-u', `${user}:${password}`, urlOf(), ...more]);
  expect((await run('-d', 'SELECT 40 + 2')).stdout).toBe('42\n');
  const late = 'SELECT throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_threads = 1';
  await expect(run('-o', '/dev/null', '-d', late)).rejects.toThrow('curl: (18)');
});
