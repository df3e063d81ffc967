import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { retry } from '../../src/lib/retry.ts';
import { createSilentLogger } from '../../src/ops/logger.ts';
import { openClickhouseSink } from '../../src/sink/clickhouse/clickhouse-sink.ts';
import { createTarget, createView } from '../../src/sink/clickhouse/create-table.ts';
import {
  type ClickhouseSinkOptions,
  clickhouseSinkOptions,
} from '../../src/sink/clickhouse/options.ts';
import { placeOf } from '../../src/sink/clickhouse/place.ts';
import { clickhouseTypes } from '../../src/sink/clickhouse/type-map.ts';
import type { QueryBatch } from '../../src/sink/sink.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { endEngine, openTestEngine, type TestEngine } from '../support/test-engine.ts';
import { sinkTable, storeOptions } from '../unit/sink/clickhouse/sink-table-builder.ts';
import { openTestCluster } from './sink-clickhouse-cluster.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const city = columnOf('city', { kind: 'string' });
const { signal } = new AbortController();

describe('a ClickHouse sink', () => {
  let world: SinkWorld;
  let server: TestEngine;
  let number = 0;
  beforeAll(async () => {
    world = await SinkWorld.open();
    server = await openTestEngine();
  }, 120_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  function optionsOf(rest: object = {}): ClickhouseSinkOptions {
    const { port, password } = server.record;
    number += 1;
    return clickhouseSinkOptions.parse({
      ...{ type: 'clickhouse', name: `store_${number}`, tables: ['shop.*'], password },
      url: `http://127.0.0.1:${port}`,
      ...{ database: `out_${number}`, storage: `rows_${number}`, ...rest },
    });
  }

  const open = (options: ClickhouseSinkOptions) =>
    openClickhouseSink(options, {
      ...{ engine: world.engine, stateFolder: world.stateFolder, project: 'test' },
      logger: createSilentLogger(),
    });

  async function filled(name: string, rows: readonly (readonly [number, string | null])[]) {
    const table = `shop.${name}`;
    await world.define(schemaOf(table, [id, city]), 'resnapshot');
    await world.put(table, rows);
    return table;
  }

  /** One write of our own, as the copier would make it. */
  async function batchOf(
    table: string,
    sink: Awaited<ReturnType<typeof open>>,
    options: ClickhouseSinkOptions,
    rest: Partial<QueryBatch> = {},
  ): Promise<QueryBatch> {
    const plan = await world.copier(table, sink, options).plan(world.feed(table));
    const follows = (await sink.progress()).get(table)?.sequence ?? 0;
    return {
      ...{ table: plan.table, token: 'a'.repeat(40), maxRows: 100, engine: world.engine },
      select: `SELECT id, city, _version, _deleted FROM \`_ods\`.\`${table}\``,
      step: { follows, next: { sequence: follows + 1, value: '{}' } },
      ...{ isRepair: false, refuse: async () => undefined },
      ...rest,
    };
  }

  test.each([
    { what: 'plain', options: {} },
    { what: 'replicated on a cluster', options: { cluster: { name: 'main' } } },
    {
      what: 'not replicated on a cluster',
      options: { cluster: { name: 'main', replicated: false } },
    },
  ])('makes statements that ClickHouse parses: $what', async ({ options }) => {
    const settings = {
      partitionBy: 'toYYYYMM(paid)',
      ttl: 'paid + INTERVAL 1 DAY',
      table: { a: 1 },
    };
    const table = sinkTable({ settings, comment: "it's" });
    const chosen = storeOptions(options);
    const { cluster } = chosen;
    const context = {
      place: placeOf(table.target, chosen),
      types: clickhouseTypes(chosen),
      cluster,
    };
    for (const sql of [...createTarget(table, context), createView(['id'], context)]) {
      const [row] = await server.engine.rows<{ text: string }>(
        'SELECT formatQuerySingleLine({sql:String}) AS text',
        { params: { sql } },
      );
      expect(row?.text).toContain(cluster === undefined ? 'CREATE' : 'ON CLUSTER main');
    }
  });

  test('shows the right rows although nothing is merged, also when a row moves between partitions', async () => {
    const table = await filled('moving', [
      [1, 'Wuhan'],
      [2, 'Paris'],
      [3, 'Oslo'],
    ]);
    const settings = { partitionBy: "ifNull(city, '')" };
    const options = optionsOf({ overrides: [{ tables: 'shop.moving', settings }] });
    await using sink = await open(options);
    const copier = world.copier(table, sink, options);
    await world.copy(table, sink, options, copier);
    const physical = `\`${options.storage}\`.\`${options.database}.moving\``;
    await server.engine.command(`SYSTEM STOP MERGES ${physical}`);
    await world.put(table, [
      [1, 'Lima'],
      [2, 'Paris'],
    ]);
    await world.copy(table, sink, options, copier);
    await world.put(table, [[3, 'Oslo']], { deleted: true });
    await world.copy(table, sink, options, copier);
    const rows = await server.engine.rows(`SELECT * FROM ${options.database}.moving ORDER BY id`);
    expect(rows).toEqual([
      { id: 1, city: 'Lima' },
      { id: 2, city: 'Paris' },
    ]);
    const [all] = await server.engine.rows<{ n: string }>(`SELECT count() AS n FROM ${physical}`);
    expect(Number(all?.n)).toBeGreaterThan(3);
    expect(await world.differences(table, sink, options)).toEqual([]);
  }, 60_000);

  test('stores a batch once that comes twice with its token', async () => {
    const table = await filled('twice', [
      [1, 'Wuhan'],
      [2, 'Paris'],
    ]);
    const options = optionsOf();
    await using sink = await open(options);
    const batch = await batchOf(table, sink, options);
    await sink.prepare(batch.table, { drop: true, mayAlter: true });
    await sink.write(batch);
    await server.engine.command(`TRUNCATE TABLE \`${options.storage}\`.\`_progress\``);
    await sink.write(batch);
    const [stored] = await server.engine.rows<{ n: string }>(
      `SELECT count() AS n FROM \`${options.storage}\`.\`${options.database}.twice\``,
    );
    expect(stored?.n).toBe('2');
    const repair = { ...batch, step: { follows: 1, next: { sequence: 2, value: '{}' } } };
    await sink.write({ ...repair, isRepair: true });
    const [repaired] = await server.engine.rows<{ n: string }>(
      `SELECT count() AS n FROM \`${options.storage}\`.\`${options.database}.twice\``,
    );
    expect(repaired?.n).toBe('4');
  }, 60_000);

  test('asks to wait when a table has too many parts', async () => {
    const table = await filled('parts', [[1, 'Wuhan']]);
    const limits = { parts_to_throw_insert: 1, parts_to_delay_insert: 1 };
    const settings = { table: limits, partitionBy: 'id % 7' };
    const options = optionsOf({ overrides: [{ tables: 'shop.parts', settings }] });
    await using sink = await open(options);
    const copier = world.copier(table, sink, options);
    await world.copy(table, sink, options, copier);
    const physical = `\`${options.storage}\`.\`${options.database}.parts\``;
    await server.engine.command(`SYSTEM STOP MERGES ${physical}`);
    await world.put(table, [[1, 'Paris']]);
    const batch = await batchOf(table, sink, options);
    await expect(sink.write(batch)).rejects.toMatchObject({
      code: 'CDC_SINK_BUSY',
      kind: 'transient',
      message: expect.stringContaining('too many parts'),
    });
    await server.engine.command(
      `ALTER TABLE ${physical} MODIFY SETTING parts_to_throw_insert = 300`,
    );
    await world.copy(table, sink, options, copier);
    expect(await world.differences(table, sink, options)).toEqual([]);
  }, 60_000);

  test('breaks off what takes too long, and the same batch arrives later', async () => {
    const table = await filled('slow', [
      [1, 'Wuhan'],
      [2, 'Paris'],
    ]);
    const options = optionsOf({ timeoutSeconds: 1 });
    await using sink = await open(options);
    const batch = await batchOf(table, sink, options);
    await sink.prepare(batch.table, { drop: true, mayAlter: true });
    const slow = `${batch.select} WHERE sleepEachRow(0.9) = 0`;
    await expect(sink.write({ ...batch, select: slow })).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
      kind: 'transient',
    });
    expect((await sink.progress()).has(table)).toBe(false);
    await sink.write(batch);
    expect(await world.differences(table, sink, options)).toEqual([]);
  }, 60_000);

  test('says whose fault it is: the password, the server, the statement, the table', async () => {
    const denied = optionsOf({ password: 'wrong' });
    await using locked = await open(denied);
    await expect(locked.progress()).rejects.toMatchObject({ code: 'CDC_SINK_ACCESS_DENIED' });
    expect(await locked.preflight()).toEqual([
      expect.objectContaining({ code: 'CDC_SINK_ACCESS_DENIED', where: `sinks.${denied.name}` }),
    ]);
    await using away = await open(optionsOf({ url: 'http://127.0.0.1:9' }));
    await expect(away.progress()).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
      kind: 'transient',
    });
    const table = await filled('altered', [[1, 'Wuhan']]);
    const options = optionsOf();
    await using sink = await open(options);
    await world.copy(table, sink, options);
    const physical = `\`${options.storage}\`.\`${options.database}.altered\``;
    await server.engine.command(`ALTER TABLE ${physical} DROP COLUMN city`);
    await world.put(table, [[2, 'Paris']]);
    await using later = await open(options);
    await expect(world.copy(table, later, options)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      details: { table },
    });
  }, 60_000);

  test('leaves a view alone that is not of its own', async () => {
    const table = await filled('taken', [[1, 'Wuhan']]);
    const options = optionsOf();
    await server.engine.command(`CREATE DATABASE ${options.database}`);
    await server.engine.command(`CREATE VIEW ${options.database}.taken AS SELECT 1 AS mine`);
    await using sink = await open(options);
    const copier = world.copier(table, sink, options);
    await expect(copier.copy(world.feed(table), signal)).rejects.toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
      message: expect.stringContaining('is not of this sink'),
    });
    expect(await server.engine.rows(`SELECT * FROM ${options.database}.taken`)).toEqual([
      { mine: 1 },
    ]);
  }, 60_000);

  test('finds a cluster that is not there, and macros that nobody has defined', async () => {
    await using sink = await open(optionsOf({ cluster: { name: 'nowhere' } }));
    expect(await sink.preflight()).toEqual([
      expect.objectContaining({ message: 'The server knows no cluster nowhere.' }),
    ]);
    await using cluster = await openTestCluster();
    const { url, password } = cluster;
    const path = '/{layer}/{shard}/{database}/{table}';
    await using other = await open(optionsOf({ url, password, cluster: { name: 'one', path } }));
    expect(await other.preflight()).toEqual([
      expect.objectContaining({
        message: 'The server has no macro {layer}, which cluster.path or cluster.replica names.',
      }),
    ]);
  }, 60_000);

  test('goes on when the server is killed again and again in the middle', async () => {
    const table = 'shop.killed';
    await world.define(schemaOf(table, [id, city]), 'resnapshot');
    const options = { ...optionsOf(), batchRows: 500 };
    await using sink = await open(options);
    const copier = world.copier(table, sink, options);
    const kills = 8;
    for (let round = 0; round <= kills; round++) {
      const rows = Array.from({ length: 3_000 }, (_, at): [number, string] => [
        (at * 7 + round * 131) % 9_000,
        `round ${round}`,
      ]);
      await world.put(table, rows);
      const copying = world.copy(table, sink, options, copier);
      // Each round the kill comes at another moment of the copying.
      const kill = (async () => {
        if (round === kills) return;
        const wanted =
          ((await sink.progress().catch(() => new Map())).get(table)?.sequence ?? 0) + (round % 4);
        for (let polls = 0; polls < 40; polls++) {
          const found = await sink.progress().catch(() => new Map());
          if ((found.get(table)?.sequence ?? 0) >= wanted) break;
        }
        process.kill(server.record.pid, 'SIGKILL');
        await endEngine(server.stateFolder);
        await retry(() => server.engine.ping(), { isTransient: () => true });
      })();
      await Promise.all([copying.catch(() => undefined), kill]);
    }
    await world.copy(table, sink, options, copier);
    expect(await world.differences(table, sink, options)).toEqual([]);
    expect(await world.engine.rows(`SELECT count() AS n FROM ${table}`)).toEqual([{ n: '9000' }]);
  }, 300_000);
});
