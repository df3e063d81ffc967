import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { TableSchema } from '../../src/change/table-schema.ts';
import { clickhouseType } from '../../src/engine/column-type.ts';
import { CdcError } from '../../src/errors.ts';
import { physicalTable } from '../../src/load/clickhouse/ddl.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openLakeSink } from '../../src/sink/lake/lake-sink.ts';
import { type LakeSinkOptions, lakeSinkOptions } from '../../src/sink/lake/options.ts';
import type { LakeFormatName } from '../../src/sink/lake/type-map.ts';
import type { RowEngine } from '../../src/sink/row-engine.ts';
import type { SinkColumn } from '../../src/sink/sink-table.ts';
import { type LakeReader, lakePython, readLake, sortRows } from '../support/lake-readers.ts';
import { S3Double } from '../support/s3-double.ts';
import { edgeColumns } from '../support/sink-contract.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { endEngine } from '../support/test-engine.ts';

const readers: Record<LakeFormatName, readonly LakeReader[]> = {
  parquet: ['duckdb-parquet'],
  delta: ['deltalake', 'duckdb-delta'],
  iceberg: ['pyiceberg', 'duckdb-iceberg'],
};

let world: SinkWorld;
let folder: Awaited<ReturnType<typeof openTempFolder>>;
let s3: S3Double;
beforeAll(async () => {
  await lakePython();
  [world, folder, s3] = await Promise.all([SinkWorld.open(), openTempFolder(), S3Double.open()]);
}, 600_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await s3[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

type Store = 'folder' | 's3';

function optionsFor(format: LakeFormatName, store: Store, more: object = {}): LakeSinkOptions {
  const own = randomBytes(4).toString('hex');
  const place =
    store === 'folder'
      ? { path: join(folder.path, own) }
      : {
          path: `s3://${s3.bucket}/${own}`,
          s3: {
            endpoint: s3.endpoint,
            accessKeyId: s3.accessKeyId,
            secretAccessKey: s3.secretAccessKey,
          },
        };
  const basics = { type: 'lake', name: 'lake', tables: ['shop.*'], format };
  return lakeSinkOptions.parse({ ...basics, compactFiles: 3, keepHours: 0, ...place, ...more });
}

const open = (options: LakeSinkOptions) =>
  openLakeSink(options, {
    engine: world.engine,
    stateFolder: world.stateFolder,
    logger: createSilentLogger(),
    project: 'test',
  });

/** Current rows of the warehouse as the readers print theirs. */
async function expectedRows(schema: TableSchema, sink: Awaited<ReturnType<typeof open>>) {
  const texts = schema.columns.map((column) => {
    const { name, type } = column;
    const sinkColumn: SinkColumn = { ...column, isKey: false, engineType: clickhouseType(column) };
    const value = sink.types.stored(sinkColumn).render?.(`\`${name}\``) ?? `\`${name}\``;
    if (type.kind === 'binary' || type.kind === 'geometry') return `lower(hex(${value}))`;
    if (type.kind === 'float') return `toString(toFloat64(${value}))`;
    return `toString(${value})`;
  });
  const rows = await world.engine.rows<{ row: (string | null)[] }>(
    `SELECT [${texts.join(', ')}] AS row FROM ${physicalTable(schema.table)} FINAL`,
  );
  return sortRows(rows.map(({ row }) => withPlainNumbers(schema, row)));
}

function withPlainNumbers(schema: TableSchema, row: readonly (string | null)[]) {
  return row.map((value, index) => {
    const kind = schema.columns[index]?.type.kind;
    if (value === null || !/\d/.test(value)) return value;
    if (kind === 'float') return String(Number(value));
    return kind === 'decimal' ? value.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') : value;
  });
}

async function expectReadersToSee(
  schema: TableSchema,
  sink: Awaited<ReturnType<typeof open>>,
  options: LakeSinkOptions,
): Promise<void> {
  const target = schema.table.split('.')[1] ?? '';
  const columns = schema.columns.map(({ name }) => name);
  const expected = await expectedRows(schema, sink);
  for (const reader of readers[options.format]) {
    const found = await readLake({
      reader,
      address: `${options.path}/${target}`,
      columns,
      key: schema.key,
      ...(options.s3 !== undefined && {
        s3: {
          endpoint: s3.endpoint,
          accessKeyId: s3.accessKeyId,
          secretAccessKey: s3.secretAccessKey,
        },
      }),
    });
    const rows = sortRows(found.rows.map((row) => withPlainNumbers(schema, row)));
    expect({ reader, rows }).toEqual({ reader, rows: expected });
  }
}

const int = { kind: 'int', bits: 32, unsigned: false } as const;
const text = { kind: 'string' } as const;
const id = columnOf('id', int, { nullable: false });
const note = columnOf('note', text);
const amount = columnOf('amount', { kind: 'decimal', precision: 10, scale: 2 });

describe.each(['folder', 's3'] as const)('in a %s', (store) => {
  describe.each(['parquet', 'delta', 'iceberg'] as const)('%s', (format) => {
    test(`others read every kind of value from ${format} in a ${store}`, async () => {
      const options = optionsFor(format, store);
      await using sink = await open(options);
      const columns = [id, ...edgeColumns.map(({ column }) => column)];
      const schema = schemaOf('shop.every_kind', columns);
      await world.define(schema, 'resnapshot');
      const depth = Math.max(...edgeColumns.map(({ values }) => values.length));
      const rows = Array.from({ length: depth + 1 }, (_, row): RowValue[] => [
        row,
        ...edgeColumns.map(({ values }) =>
          row === depth ? null : (values[row % values.length] ?? null),
        ),
      ]);
      await world.put(schema.table, rows);
      await world.copy(schema.table, sink, options);
      await expectReadersToSee(schema, sink, options);
    }, 300_000);

    test(`others read changed and deleted rows of ${format} in a ${store} after each batch and compaction`, async () => {
      const options = optionsFor(format, store);
      await using sink = await open(options);
      const schema = schemaOf('shop.changed', [id, note, amount]);
      const { table } = schema;
      await world.define(schema, 'resnapshot');
      await world.put(
        table,
        Array.from({ length: 500 }, (_, at) => [at, `first ${at}`, BigInt(at)]),
      );
      const copier = world.copier(table, sink, options);
      await world.copy(table, sink, options, copier);
      for (let round = 1; round <= 5; round++) {
        await world.put(
          table,
          Array.from({ length: 60 }, (_, at) => [at * round, `round ${round}`, null]),
        );
        await world.put(
          table,
          Array.from({ length: 20 }, (_, at) => [at * 7 + round, null, null]),
          { deleted: true },
        );
        await world.copy(table, sink, options, copier);
        if (round % 2 === 1) await expectReadersToSee(schema, sink, options);
      }
      expect(await world.differences(table, sink, options)).toEqual([]);
    }, 300_000);
  });
});

test.each(['parquet', 'delta', 'iceberg'] as const)(
  'a lake of %s stays right and small over many commits',
  async (format) => {
    const options = optionsFor(format, 'folder');
    const schema = schemaOf('shop.many_commits', [id, note]);
    const { table } = schema;
    await world.define(schema, 'resnapshot');
    for (let process = 0; process < 3; process++) {
      await using sink = await open(options);
      const copier = world.copier(table, sink, options);
      for (let batch = 0; batch < 9; batch++) {
        await world.put(table, [
          [batch, `process ${process}`],
          [100 * process + batch, null],
        ]);
        await world.copy(table, sink, options, copier);
      }
      await expectReadersToSee(schema, sink, options);
      expect(await world.differences(table, sink, options)).toEqual([]);
    }
    const names = await readdir(join(options.path, 'many_commits'), { recursive: true });
    // One file for each of the 27 batches alone would be 27, without their commits.
    expect(names.filter((name) => /\.(parquet|avro|json)$/.test(name)).length).toBeLessThan(40);
    expect(names.filter((name) => /(base|delta)-.*\.parquet$/.test(name)).length).toBeLessThan(6);
  },
  300_000,
);

const never = { compactFiles: 1000 };
const often = { compactFiles: 3, fileBytes: 64 * 1024 };

test.each([
  { format: 'delta', how: 'never compacted', settings: never },
  { format: 'iceberg', how: 'never compacted', settings: never },
  { format: 'parquet', how: 'compacted into several files', settings: often },
  { format: 'delta', how: 'compacted into several files', settings: often },
  { format: 'iceberg', how: 'compacted into several files', settings: often },
] as const)(
  'many changed rows of $format that are $how are read as they are',
  async ({ format, settings }) => {
    const options = optionsFor(format, 'folder', settings);
    await using sink = await open(options);
    const schema = schemaOf('shop.piled_up', [id, note]);
    const { table } = schema;
    await world.define(schema, 'resnapshot');
    const copier = world.copier(table, sink, options);
    const physical = physicalTable(table);
    const put = async (rows: string) => {
      await world.put(table, [[-1, 'moves the version on']]);
      await world.run(`INSERT INTO ${physical} SELECT *, ${world.version}, 0 FROM (${rows})`);
      await world.copy(table, sink, options, copier);
    };
    await put("SELECT toInt32(number), 'first' FROM numbers(30000)");
    for (let round = 0; round < (settings === never ? 12 : 5); round++) {
      const changed = `SELECT toInt32(number), 'round ${round}' FROM numbers(30000)`;
      await put(`${changed} WHERE cityHash64(number, ${round}) % 6 = 0`);
    }
    expect(await world.differences(table, sink, options)).toEqual([]);
    await expectReadersToSee(schema, sink, options);
  },
  300_000,
);

describe.each(['parquet', 'delta', 'iceberg'] as const)('columns of %s', (format) => {
  test(`others follow columns of ${format} that come, widen, go and come again`, async () => {
    const options = optionsFor(format, 'folder');
    await using sink = await open(options);
    const table = 'shop.evolved';
    let schema = schemaOf(table, [id, note, amount]);
    await world.define(schema, 'resnapshot');
    await world.put(table, [
      [1, 'one', 100n],
      [2, 'two', 200n],
    ]);
    const copier = world.copier(table, sink, options);
    const step = async (columns: TableSchema['columns'], rows: RowValue[][]) => {
      schema = schemaOf(table, columns);
      await world.define(schema);
      await world.put(table, rows);
      await world.copy(table, sink, options, copier);
      await expectReadersToSee(schema, sink, options);
    };
    const wide = columnOf('amount', { kind: 'decimal', precision: 20, scale: 2 });
    const count = columnOf('count', int);
    const counted = columnOf('count', { kind: 'int', bits: 64, unsigned: false });
    await step([id, note, amount, count], [[2, 'two', 200n, 5]]);
    await step([id, note, wide, counted], [[3, 'three', 10n ** 17n, 2n ** 40n]]);
    await step([id, wide, counted], [[4, 1n, 4n]]);
    await step([id, wide, counted, note], [[5, 1n, 5n, 'back']]);
  }, 300_000);
});

test('plain Parquet lies in folders of dates and hours that others read', async () => {
  const settings = { partitionBy: 'made', partitionEvery: 'hour' };
  const overrides = [{ tables: 'shop.*', settings }];
  const options = optionsFor('parquet', 'folder', { overrides });
  await using sink = await open(options);
  const made = columnOf('made', { kind: 'datetime', fsp: 0 });
  const schema = schemaOf('shop.parted', [id, made]);
  await world.define(schema, 'resnapshot');
  const hours = (count: number) => BigInt(count * 3600);
  await world.put(schema.table, [
    [1, hours(0)],
    [2, hours(25)],
    [3, null],
    [4, hours(25) + 60n],
  ]);
  const copier = world.copier(schema.table, sink, options);
  await world.copy(schema.table, sink, options, copier);
  for (const moved of [30, 60, 90, 120]) {
    await world.put(schema.table, [[1, hours(moved)]]);
    await world.put(schema.table, [[4, hours(25) + 60n]], { deleted: moved !== 60 });
    await world.copy(schema.table, sink, options, copier);
  }
  await expectReadersToSee(schema, sink, options);
  const { files } = await newestManifest(join(options.path, 'parted'));
  const folders = new Set(files.map(({ name }) => name.replace(/[^/]*$/, '')));
  expect(folders).toContain('data/p_date=1970-01-02/p_hour=01/');
  expect(folders).toContain(
    'data/p_date=__HIVE_DEFAULT_PARTITION__/p_hour=__HIVE_DEFAULT_PARTITION__/',
  );
}, 300_000);

async function newestManifest(path: string): Promise<{ files: { name: string }[] }> {
  const names = (await readdir(join(path, '_manifest'))).sort();
  return JSON.parse(await readFile(join(path, '_manifest', names.at(-1) ?? ''), 'utf8'));
}

test('a lake on S3 goes on through busy answers and lost ones, and says what is wrong with a key', async () => {
  const options = optionsFor('delta', 's3');
  await using sink = await open(options);
  const schema = schemaOf('shop.faulty', [id, note]);
  await world.define(schema, 'resnapshot');
  const copier = world.copier(schema.table, sink, options);
  await world.put(schema.table, [[1, 'one']]);
  await world.copy(schema.table, sink, options, copier);
  await s3.failNext([
    { method: 'PUT', part: '.parquet', status: 503, code: 'SlowDown' },
    { method: 'PUT', part: '_delta_log', status: 500, code: 'InternalError', done: true },
  ]);
  await world.put(schema.table, [[2, 'two']]);
  await world.copy(schema.table, sink, options, copier);
  await expectReadersToSee(schema, sink, options);

  const wrong = optionsFor('delta', 's3', {
    s3: { endpoint: s3.endpoint, accessKeyId: s3.accessKeyId, secretAccessKey: 'wrong' },
  });
  await using refused = await open(wrong);
  const problems = await refused.preflight();
  expect(problems.map(({ code }) => code)).toEqual(['CDC_SINK_ACCESS_DENIED']);
}, 300_000);

test('a lake is written from a warehouse that cannot read its files', async () => {
  const options = optionsFor('delta', 'folder');
  const schema = schemaOf('shop.far_away', [id, note]);
  await world.define(schema, 'resnapshot');
  const { engine } = world;
  const server: RowEngine = {
    command: engine.command.bind(engine),
    insert: engine.insert.bind(engine),
    query: (sql, how) => engine.query(refusingFiles(sql), how),
    rows: async (sql, how) => engine.rows(refusingFiles(sql), how),
  };
  const stateFolder = join(folder.path, 'far-away');
  await using sink = await openLakeSink(options, {
    ...{ engine: server, stateFolder, logger: createSilentLogger(), project: 'test' },
  });
  const copier = world.copier(schema.table, sink, options);
  for (const text of ['one', 'two', 'three', 'four']) {
    await world.put(schema.table, [
      [1, text],
      [text.length, text],
    ]);
    await world.copy(schema.table, sink, options, copier);
  }
  await expectReadersToSee(schema, sink, options);
  await sink[Symbol.asyncDispose]();
  await endEngine(join(stateFolder, 'lake-engine'));
}, 180_000);

/** As a server answers that others' files are not for it. */
function refusingFiles(sql: string): string {
  if (!/\bfile\(/.test(sql)) return sql;
  throw new CdcError('CDC_ENGINE_REJECTED', 'file is not inside user_files');
}

test.each(['parquet', 'delta', 'iceberg'] as const)(
  'of two writers of %s at the same moment one is refused as stale',
  async (format) => {
    const options = optionsFor(format, 'folder');
    const schema = schemaOf('shop.contended', [id, note]);
    await world.define(schema, 'resnapshot');
    await using one = await open(options);
    await using two = await open(options);
    await world.put(schema.table, [[1, 'first']]);
    const copiers = [one, two].map((sink) => world.copier(schema.table, sink, options));
    await world.copy(schema.table, one, options, copiers[0]);
    await world.copy(schema.table, two, options, copiers[1]);
    let stale = 0;
    for (let round = 0; round < 5; round++) {
      await world.put(schema.table, [[round, `round ${round}`]]);
      const results = await Promise.allSettled(
        copiers.map((copier) =>
          copier.copy(world.feed(schema.table), new AbortController().signal),
        ),
      );
      for (const result of results) {
        if (result.status === 'fulfilled') continue;
        expect(result.reason).toMatchObject({ code: 'CDC_SINK_STALE' });
        stale += 1;
      }
      expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
    }
    expect(stale).toBeGreaterThan(0);
    expect(await world.differences(schema.table, two, options)).toEqual([]);
  },
  180_000,
);

test.each(['parquet', 'delta', 'iceberg'] as const)(
  'a table of %s whose files somebody has removed stops alone, and says so',
  async (format) => {
    const options = optionsFor(format, 'folder');
    await using sink = await open(options);
    const schema = schemaOf('shop.robbed', [id, note]);
    await world.define(schema, 'resnapshot');
    const copier = world.copier(schema.table, sink, options);
    await world.put(schema.table, [[1, 'one']]);
    await world.copy(schema.table, sink, options, copier);
    const folderOfData = join(options.path, 'robbed', format === 'delta' ? '' : 'data');
    for (const name of await readdir(folderOfData)) {
      if (name.endsWith('.parquet')) await rm(join(folderOfData, name));
    }
    const differences = world.differences(schema.table, sink, options);
    await expect(differences).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      details: { table: schema.table },
    });
  },
  120_000,
);

test('a lake with files of another format in a table’s folder refuses to write there', async () => {
  const parquet = optionsFor('parquet', 'folder');
  const schema = schemaOf('shop.mixed', [id, note]);
  await world.define(schema, 'resnapshot');
  await using sink = await open(parquet);
  await world.copy(schema.table, sink, parquet);
  const delta = optionsFor('delta', 'folder', { path: parquet.path });
  await using other = await open(delta);
  await expect(world.copy(schema.table, other, delta)).rejects.toMatchObject({
    code: 'CDC_SINK_INCOMPATIBLE',
  });
  await rm(parquet.path, { recursive: true });
}, 120_000);
