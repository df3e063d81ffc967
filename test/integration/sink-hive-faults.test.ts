import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findFreePort } from '../../src/demo/server/free-port.ts';
import { LocalHive } from '../../src/demo/server/hive-server.ts';
import { Secret } from '../../src/lib/secret.ts';
import { HiveConnection } from '../../src/sink/hive/hive-connection.ts';
import { openHiveDatabase, type TestHive } from '../support/hive.ts';
import { hiveOptions, openTestHiveSink } from '../support/hive-sink.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';

/** A zone with a summer time in the past: 1986-05-04 00:30 does not exist there. */
const timeZone = 'Asia/Shanghai';

describe('a Hive server of its own, in another time zone and with log-in', () => {
  let server: LocalHive;
  let world: SinkWorld;
  let hive: TestHive;
  beforeAll(async () => {
    server = await LocalHive.open({ timeZone, auth: 'plain' });
    world = await SinkWorld.open();
    const [host = '', port = ''] = server.address.split(':');
    const shared = join(server.folder, 'lake');
    hive = await openHiveDatabase({ host, port: Number(port), shared, auth: 'plain' });
  }, 300_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
  const at = columnOf('at', { kind: 'datetime', fsp: 6 });
  const moment = columnOf('moment', { kind: 'timestamp', fsp: 0 });
  const options = () => hiveOptions(hive, { auth: 'plain', compactFiles: 2, timeoutSeconds: 60 });
  /** Microseconds and seconds of 1986-05-04 00:30:00, and of a moment without such a gap. */
  const gap = 515_550_600n;
  const plain = 1_700_000_000n;

  test('shows times as they are in the source, before and after Hive has written them itself', async () => {
    const sinkOptions = options();
    await using sink = await openTestHiveSink(sinkOptions);
    const table = 'shop.times';
    await world.define(schemaOf(table, [id, at, moment]), 'resnapshot');
    const copier = world.copier(table, sink, sinkOptions);
    const shown = () =>
      hive.rows(
        `SELECT CAST(at AS STRING), CAST(moment AS STRING) FROM ${hive.database}.times ORDER BY id`,
      );
    await world.put(table, [[1, gap * 1_000_000n + 5n, gap]]);
    await world.copy(table, sink, sinkOptions, copier);
    const first = ['1986-05-04 00:30:00.000005', '1986-05-04 00:30:00'];
    expect(await shown()).toEqual([first]);
    await world.put(table, [[2, plain * 1_000_000n, plain]]);
    await world.copy(table, sink, sinkOptions, copier);
    expect((await hive.rows(`SHOW TABLES IN ${hive.database}`)).flat().join()).toMatch(
      /times__base_/,
    );
    expect(await shown()).toEqual([first, ['2023-11-14 22:13:20', '2023-11-14 22:13:20']]);
    expect(await world.differences(table, sink, sinkOptions)).toEqual([]);
  }, 240_000);

  test('takes files while it is away, and shows them when it is back', async () => {
    const sinkOptions = hiveOptions(hive, { auth: 'plain', timeoutSeconds: 60 });
    await using sink = await openTestHiveSink(sinkOptions);
    const table = 'shop.away';
    await world.define(schemaOf(table, [id, at]), 'resnapshot');
    const copier = world.copier(table, sink, sinkOptions);
    await world.put(table, [[1, 1n]]);
    await world.copy(table, sink, sinkOptions, copier);
    expect(await world.differences(table, sink, sinkOptions)).toEqual([]);
    await server.kill();
    await world.put(table, [
      [1, 2n],
      [2, 3n],
    ]);
    await world.copy(table, sink, sinkOptions, copier);
    const problems = await sink.preflight();
    expect(problems.map(({ code }) => code)).toEqual(['CDC_SINK_UNREACHABLE']);
    await expect(world.differences(table, sink, sinkOptions)).rejects.toMatchObject({
      code: 'CDC_SINK_UNREACHABLE',
    });
    await server.start();
    expect(await world.differences(table, sink, sinkOptions)).toEqual([]);
  }, 300_000);

  test('is said to be unreachable when it waits for another kind of log-in, and on a wrong port', async () => {
    const to = { host: hive.host, user: 'cdc', password: new Secret('x'), timeoutMs: 3_000 };
    const unreachable = { code: 'CDC_SINK_UNREACHABLE' };
    const silent = HiveConnection.open({ ...to, port: hive.port, auth: 'nosasl' });
    await expect(silent).rejects.toMatchObject(unreachable);
    const closed = HiveConnection.open({ ...to, port: await findFreePort(), auth: 'plain' });
    await expect(closed).rejects.toMatchObject(unreachable);
  }, 60_000);

  test('has its own words in the error of a statement', async () => {
    const [host, port] = [hive.host, hive.port];
    const login = { auth: 'plain' as const, user: 'cdc', password: new Secret('x') };
    const connection = await HiveConnection.open({ host, port, ...login, timeoutMs: 60_000 });
    await expect(connection.run('SELECT nothing FROM nowhere')).rejects.toMatchObject({
      code: 'CDC_SINK_FAILED',
      message: expect.stringContaining('nowhere'),
    });
    expect(connection.isLost).toBe(false);
    await connection.close();
  }, 60_000);
});
