import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { RowValue } from '../../src/change/row-codec.ts';
import type { CdcError } from '../../src/errors.ts';
import { MysqlSink } from '../../src/sink/mysql/mysql-sink.ts';
import { mysqlSinkOptions } from '../../src/sink/mysql/options.ts';
import { runUntilKilled } from '../support/killed-writer.ts';
import { ordersTable, rowsOfBatch, stateAfter } from '../support/order-batches.ts';
import { OwnServer } from '../support/own-server.ts';
import { Random } from '../support/random.ts';
import { ordersBatch } from '../support/sink-mysql-batches.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { describeEachServer } from '../support/test-server.ts';

const writer = fileURLToPath(new URL('../support/sink-mysql-writer.ts', import.meta.url));
const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' }, { sourceType: 'varchar(200)' });
const prepared = { drop: true, mayAlter: true };
const { signal } = new AbortController();

function settingsOf(database: TestDatabase, more: object = {}) {
  return { type: 'mysql', name: 'serving', tables: ['shop.*'], ...database.options, ...more };
}

function open(database: TestDatabase, more: object = {}): MysqlSink {
  return new MysqlSink(mysqlSinkOptions.parse(settingsOf(database, more)));
}

async function rowsOf({ connection, name }: TestDatabase): Promise<Map<number, string | null>> {
  const [rows] = await connection.query(`SELECT id, note FROM ${name}.orders`);
  return new Map((rows as { id: number; note: string | null }[]).map((row) => [row.id, row.note]));
}

describeEachServer('a sink after crashes', (flavour) => {
  test('has every batch once after 25 kills of its process', async () => {
    await using database = await openTestDatabase(flavour);
    const random = new Random(11);
    const args = [JSON.stringify(settingsOf(database)), '100000'];
    let reached = 0;
    for (let kill = 0; kill < 25; kill++) {
      const enough = reached + random.between(1, 6);
      reached = await runUntilKilled(writer, args, {
        enough,
        delayMs: random.between(0, 12),
      });
    }
    await using sink = open(database);
    const { sequence = 0 } = (await sink.progress()).get(ordersTable.source) ?? {};
    expect(sequence).toBeGreaterThanOrEqual(reached);
    expect(await rowsOf(database)).toEqual(stateAfter(sequence));
  }, 400_000);

  test('has what the warehouse has after 50 connections were cut', async () => {
    await using database = await openTestDatabase(flavour);
    await using world = await SinkWorld.open();
    const random = new Random(3);
    const user = `cut_${database.name}`.slice(0, 32);
    await database.connection.query(
      `CREATE USER ${user} IDENTIFIED BY 'word'; GRANT ALL ON ${database.name}.* TO ${user}`,
    );
    const table = 'shop.crashes';
    await world.define(schemaOf(table, [id, note]), 'resnapshot');
    const login = { user, password: 'word', batchRows: 40 };
    const options = mysqlSinkOptions.parse(settingsOf(database, login));
    let cuts = 0;
    while (cuts < 50) {
      const keys = new Set(Array.from({ length: 200 }, () => random.between(0, 400)));
      const rows = [...keys].map((key): RowValue[] => [key, `note ${random.between(0, 9)}`]);
      await world.put(table, rows.slice(20));
      await world.put(table, rows.slice(0, 20), { deleted: true });
      // A new process each round.
      await using sink = new MysqlSink(options);
      const copier = world.copier(table, sink, options);
      let isDone = false;
      const copying = copier
        .copy(world.feed(table), signal)
        .catch((error: CdcError) => expect(error.kind).toBe('transient'))
        .finally(() => {
          isDone = true;
        });
      while (!isDone) {
        await delay(random.between(0, 20));
        cuts += await cutConnections(database, user);
      }
      await copying;
    }
    await using sink = new MysqlSink(options);
    await world.copy(table, sink, options);
    expect(await world.differences(table, sink, options)).toEqual([]);
    await database.connection.query(`DROP USER ${user}`);
  }, 400_000);

  test('has every batch once after the server was killed in the middle', async () => {
    await using server = await OwnServer.open(flavour);
    const database = await server.openDatabase();
    await using sink = open(database);
    await sink.prepare(ordersTable, prepared);
    let sequence = 0;
    for (let crash = 0; crash < 3; crash++) {
      const end = sequence + 20;
      let killed: Promise<void> | undefined;
      const writing = (async () => {
        for (;;) {
          await sink.write(ordersBatch(sequence + 1, rowsOfBatch(sequence + 1)));
          sequence += 1;
          if (sequence === end) killed = server.server.kill();
        }
      })();
      await expect(writing).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
      await killed;
      await server.server.start();
      const found = (await sink.progress()).get(ordersTable.source)?.sequence ?? 0;
      expect([sequence, sequence + 1]).toContain(found);
      sequence = found;
    }
    await using again = await server.openDatabase();
    expect(await rowsOf({ ...again, name: database.name })).toEqual(stateAfter(sequence));
  }, 200_000);

  test('knows what arrived when the answer to COMMIT did not', async () => {
    await using database = await openTestDatabase(flavour);
    await using world = await SinkWorld.open();
    await using proxy = await ServerProxy.open(database.options.port);
    const table = 'shop.orders';
    await world.define(schemaOf(table, [id, note]), 'resnapshot');
    const options = mysqlSinkOptions.parse(settingsOf(database, { port: proxy.port }));
    await using sink = new MysqlSink(options);
    const copier = world.copier(table, sink, options);
    await world.put(table, [[1, 'one']]);
    await world.copy(table, sink, options, copier);
    const before = (await sink.progress()).get(table)?.sequence ?? 0;
    await world.put(table, [[1, 'uno']]);
    proxy.swallowsCommit = true;
    await world.copy(table, sink, options, copier);
    expect(proxy.swallowsCommit).toBe(false);
    expect((await sink.progress()).get(table)?.sequence).toBe(before + 1);
    expect(await rowsOf(database)).toEqual(new Map([[1, 'uno']]));
  }, 120_000);

  test('gives up a connection that has gone silent, and writes through another', async () => {
    await using database = await openTestDatabase(flavour);
    await using proxy = await ServerProxy.open(database.options.port);
    await using sink = open(database, { port: proxy.port, statementTimeoutSeconds: 1 });
    await sink.prepare(ordersTable, prepared);
    await sink.write(ordersBatch(1, rowsOfBatch(1)));
    proxy.silence();
    const silent = sink.write(ordersBatch(2, rowsOfBatch(2)));
    await expect(silent).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
    await sink.write(ordersBatch(2, rowsOfBatch(2)));
    expect(await rowsOf(database)).toEqual(stateAfter(2));
  }, 60_000);
});

async function cutConnections({ connection }: TestDatabase, user: string): Promise<number> {
  const [rows] = await connection.query(
    `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '${user}'`,
  );
  const ids = (rows as { id: number }[]).map((row) => row.id);
  // One may have ended by itself meanwhile.
  for (const each of ids) await connection.query(`KILL ${each}`).catch(() => undefined);
  return ids.length;
}

/** Between a sink and its server. */
class ServerProxy implements AsyncDisposable {
  /** The next COMMIT reaches the server; its answer, and the connection, are lost. */
  swallowsCommit = false;
  readonly #server: Server;
  readonly #silent = new Set<Socket>();
  readonly #open = new Set<Socket>();

  static async open(target: number): Promise<ServerProxy> {
    const proxy = new ServerProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(target: number) {
    this.#server = createServer((near) => this.#join(near, connect(target, '127.0.0.1')));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connections that are open stay so, and nothing comes through them any more. */
  silence(): void {
    for (const socket of this.#open) this.#silent.add(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, far: Socket): void {
    this.#open.add(near);
    near.on('data', (chunk) => {
      if (this.#silent.has(near)) return;
      if (this.swallowsCommit && chunk.includes('COMMIT')) {
        this.swallowsCommit = false;
        far.removeAllListeners('data').once('data', () => near.destroy());
      }
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (!this.#silent.has(near)) near.write(chunk);
    });
    for (const socket of [near, far]) socket.on('error', () => undefined);
    far.on('close', () => near.destroy());
    near.on('close', () => {
      this.#open.delete(near);
      far.destroy();
    });
  }
}
