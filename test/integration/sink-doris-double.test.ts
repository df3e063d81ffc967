import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DorisDouble } from '../support/doris-double/doris-double.ts';

/** The double enforces what the documentation says: a double that lets everything pass would prove nothing. */
let double: DorisDouble;
beforeEach(async () => {
  double = await DorisDouble.open();
  double.run('CREATE DATABASE shop');
  double.run(
    'CREATE TABLE shop.orders (`id` INT NOT NULL, `note` VARCHAR(8) NULL, `at` DATETIME NULL, `v` BIGINT NULL) ' +
      'UNIQUE KEY(`id`) DISTRIBUTED BY HASH(`id`) BUCKETS 1 ' +
      'PROPERTIES ("replication_num" = "1", "function_column.sequence_col" = "v")',
  );
});
afterEach(() => double[Symbol.asyncDispose]());

const login = { authorization: `Basic ${Buffer.from('root:secret').toString('base64')}` };
const loadHeaders = {
  ...login,
  expect: '100-continue',
  format: 'json',
  read_json_by_line: 'true',
  strict_mode: 'true',
  timezone: '+00:00',
  columns: 'id, note, at, v, gone',
  merge_type: 'MERGE',
  delete: 'gone = 1',
};
type Headers = Readonly<Record<string, string | undefined>>;

async function put(port: number, headers: Headers, body = '') {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return new Promise<{
    status: number;
    headers: IncomingHttpHeaders;
    json: Record<string, unknown>;
  }>((resolve, reject) => {
    const sent = request({
      port,
      host: '127.0.0.1',
      method: 'PUT',
      path: '/api/shop/orders/_stream_load',
      headers: { ...Object.fromEntries(given), 'content-length': Buffer.byteLength(body) },
      agent: false,
    });
    sent.on('continue', () => sent.end(body));
    sent.on('response', async (response) => {
      const answer = await text(response);
      const json = answer === '' ? {} : JSON.parse(answer);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, json });
      sent.destroy();
    });
    sent.on('error', reject);
    if (headers['expect'] === undefined) sent.end(body);
    else sent.flushHeaders();
  });
}

const load = async (headers: Headers, body = '') =>
  (await put(double.backendPort, { ...loadHeaders, ...headers }, body)).json;
const rows = () =>
  double.cluster.table('shop', 'orders').rows.map((row) => Object.fromEntries(row));
const row = (id: number, v: number, more: object = {}) =>
  `${JSON.stringify({ id, note: 'x', at: '2026-01-02 03:04:05', v, gone: 0, ...more })}\n`;

describe('the frontend of the double', () => {
  test('redirects to a backend and writes the credentials into the address', async () => {
    const { status, headers } = await put(double.frontendPort, loadHeaders);
    expect(status).toBe(307);
    expect(headers.location).toBe(
      `http://root:secret@127.0.0.1:${double.backendPort}/api/shop/orders/_stream_load`,
    );
  });

  test('refuses a load without Expect, and one without a log-in', async () => {
    const silent = await put(double.frontendPort, { ...loadHeaders, expect: undefined });
    expect(silent.json).toMatchObject({ msg: 'There is no 100-continue header' });
    const unknown = await put(double.frontendPort, { ...loadHeaders, authorization: undefined });
    expect(unknown).toMatchObject({ status: 401, json: { code: 401 } });
  });
});

describe('a backend of the double', () => {
  test('answers 200 whatever happens, and wants the log-in again', async () => {
    const { status, json } = await put(double.backendPort, {
      ...loadHeaders,
      authorization: undefined,
    });
    expect([status, json['Message']]).toEqual([200, 'no valid Basic authorization']);
  });

  test('takes a label once, and again when the load was aborted', async () => {
    const label = { label: 'a-1' };
    expect(await load(label, row(1, 1, { note: 'too long by far' }))).toMatchObject({
      Status: 'Fail',
      NumberFilteredRows: 1,
    });
    expect(await load(label, row(1, 1))).toMatchObject({ Status: 'Success', NumberLoadedRows: 1 });
    expect(await load(label, row(2, 2))).toMatchObject({
      Status: 'Label Already Exists',
      ExistingJobStatus: 'FINISHED',
    });
    expect(rows()).toHaveLength(1);
    expect(await load({ label: 'with.dot' })).toMatchObject({
      Status: 'Fail',
      Message: expect.stringContaining('Label format error'),
    });
  });

  test('keeps the row with the larger sequence, and a deletion, too', async () => {
    await load({}, row(1, 10, { note: 'new' }));
    await load({}, row(1, 9, { note: 'old' }));
    expect(rows()).toMatchObject([{ note: 'new' }]);
    await load({}, row(1, 9, { gone: 1 }));
    expect(rows()).toHaveLength(1);
    await load({}, row(1, 11, { gone: 1 }));
    await load({}, row(1, 10, { note: 'late' }));
    expect(rows()).toEqual([]);
    await load({}, row(1, 11, { note: 'again' }));
    expect(rows()).toMatchObject([{ note: 'again' }]);
  });

  test.each<{ what: string; headers: Headers; says: string }>([
    { what: 'CSV', headers: { format: undefined }, says: 'unknown data format, format=CSV' },
    { what: 'compressed JSON', headers: { compress_type: 'gz' }, says: 'compress data of JSON' },
    { what: 'MERGE without a condition', headers: { delete: undefined }, says: 'DELETE ON' },
    { what: 'APPEND with one', headers: { merge_type: 'APPEND' }, says: 'DELETE ON' },
    { what: 'no sequence', headers: { columns: 'id, gone' }, says: 'need to specify the sequence' },
    { what: 'no key', headers: { columns: 'note, v, gone' }, says: 'no default value. column: id' },
  ])('refuses $what', async ({ headers, says }) => {
    expect(await load(headers, row(1, 1))).toMatchObject({
      Status: 'Fail',
      Message: expect.stringContaining(says),
    });
  });

  test('loses what the headers do not name, as the server does', async () => {
    await load({ columns: 'id, v, gone' }, row(1, 1));
    expect(rows()).toEqual([{ id: '1', note: null, at: null, v: '1' }]);
  });

  test('turns bad values into NULL without strict mode, and tells of them with it', async () => {
    const bad = row(1, 1, { at: '2026-02-30 00:00:00' });
    await load({ strict_mode: undefined }, bad);
    expect(rows()).toMatchObject([{ at: null }]);
    const { ErrorURL } = await load({}, bad);
    const log = await (await fetch(String(ErrorURL))).text();
    expect(log).toContain('Reason: column_name[at], value is incorrect while strict mode is true');
  });

  test('shifts times with a zone by eight hours unless told otherwise', async () => {
    const zoned = row(1, 1, { at: '2026-01-02 03:04:05Z' });
    await load({ timezone: undefined }, zoned);
    expect(rows()).toMatchObject([{ at: '2026-01-02 11:04:05' }]);
    await load({}, zoned);
    expect(rows()).toMatchObject([{ at: '2026-01-02 03:04:05' }]);
  });

  test('takes good rows beside bad ones only as far as the ratio says', async () => {
    const body = row(1, 1) + row(2, 2, { note: 'too long by far' });
    expect(await load({}, body)).toMatchObject({ Status: 'Fail', NumberFilteredRows: 1 });
    expect(await load({ max_filter_ratio: '0.5' }, body)).toMatchObject({ Status: 'Success' });
    expect(rows()).toHaveLength(1);
  });

  test('adds no row in a partial load that is strict', async () => {
    const partial = {
      partial_columns: 'true',
      columns: 'id, note, v',
      merge_type: undefined,
      delete: undefined,
    };
    expect(await load(partial, row(1, 1))).toMatchObject({
      Message: expect.stringContaining('E-7003'),
    });
    expect(await load({ ...partial, strict_mode: 'false' }, row(1, 1))).toMatchObject({
      Status: 'Success',
    });
  });
});

describe('the query port of the double', () => {
  test.each<{ sql: string; says: string }>([
    { sql: table('`k` STRING NOT NULL'), says: 'STRING Type should not be used in key column[k]' },
    { sql: table('`v` INT, `k` INT NOT NULL'), says: 'ordered prefix of the schema' },
    { sql: table('`k` VARCHAR(70000) NOT NULL'), says: 'between 1 and 65533' },
    { sql: table('`k` CHAR(300) NOT NULL'), says: 'between 1 and 255' },
    { sql: table('`k` DECIMAL(39, 2) NOT NULL'), says: 'between 1 and 38' },
    {
      sql: table('`k` INT NOT NULL', '"replication_num" = "3"'),
      says: 'available backend num is 1',
    },
    {
      sql: table('`k` INT NOT NULL', '"nonsense" = "1", "replication_num" = "1"'),
      says: 'Unknown properties',
    },
    {
      sql: 'ALTER TABLE shop.orders DROP COLUMN `v`',
      says: 'Can not drop sequence mapping column[v]',
    },
    { sql: 'ALTER TABLE shop.orders DROP COLUMN `id`', says: 'Can not drop key column' },
    {
      sql: 'ALTER TABLE shop.orders MODIFY COLUMN `note` VARCHAR(4) NULL',
      says: 'Shorten type length',
    },
    { sql: 'INSERT INTO shop.orders (`id`) VALUES (1)', says: 'has sequence column' },
    { sql: 'SELECT CAST(1.5 AS STRING)', says: 'depends on the version' },
  ])('refuses $sql', ({ sql, says }) => {
    expect(() => double.run(sql)).toThrow(says);
  });

  function table(columns: string, properties = '"replication_num" = "1"'): string {
    return `CREATE TABLE shop.t (${columns}) UNIQUE KEY(\`k\`) DISTRIBUTED BY HASH(\`k\`) BUCKETS 1 PROPERTIES (${properties})`;
  }
});
