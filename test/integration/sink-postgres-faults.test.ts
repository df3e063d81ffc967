import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalPostgres } from '../../src/demo/server/postgres-server.ts';
import { Secret } from '../../src/lib/secret.ts';
import { type PostgresSinkOptions, postgresSinkOptions } from '../../src/sink/postgres/options.ts';
import { PostgresSink } from '../../src/sink/postgres/postgres-sink.ts';
import { openCuttingProxy } from '../support/cutting-proxy.ts';
import { makeCertificates, type TestCertificates } from '../support/kafka-certificates.ts';
import { openPostgresDatabase, type PostgresDatabase } from '../support/postgres.ts';
import { columnOf, SinkWorld, schemaOf } from '../support/sink-world.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const id = columnOf('id', { kind: 'int', bits: 32, unsigned: false }, { nullable: false });
const note = columnOf('note', { kind: 'string' });
const { signal } = new AbortController();

let folder: Awaited<ReturnType<typeof openTempFolder>>;
let certificates: TestCertificates;
let world: SinkWorld;
let server: LocalPostgres;
beforeAll(async () => {
  folder = await openTempFolder();
  certificates = await makeCertificates(folder.path);
  world = await SinkWorld.open();
  server = await LocalPostgres.open({ ssl: { keystoreFile: certificates.serverKeystore } });
}, 120_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const openDatabase = () => {
  const { password, ...rest } = server.address;
  return openPostgresDatabase([], { ...rest, password: password.reveal() });
};

function optionsFor(
  { options }: PostgresDatabase,
  given: Partial<PostgresSinkOptions> = {},
): PostgresSinkOptions {
  const needed = {
    type: 'postgres',
    name: 'serving',
    tables: ['shop.*'],
    user: 'x',
    database: 'x',
  };
  return { ...postgresSinkOptions.parse(needed), ...options, ...given };
}

/** A table of the warehouse with some rows in it. */
async function fill(table: string, count = 3): Promise<void> {
  await world.define(schemaOf(table, [id, note]), 'resnapshot');
  await world.put(
    table,
    Array.from({ length: count }, (_, at) => [at, `note ${at}`]),
  );
}

/** What one step of copying ends with. */
async function failureOf(table: string, options: PostgresSinkOptions): Promise<unknown> {
  await using sink = new PostgresSink(options);
  try {
    await world.copier(table, sink, options).copy(world.feed(table), signal);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a PostgreSQL sink', () => {
  test('goes on after its server was stopped and after it crashed', async () => {
    await using database = await openDatabase();
    const options = optionsFor(database);
    await using sink = new PostgresSink(options);
    await fill('shop.restarted');
    const copier = world.copier('shop.restarted', sink, options);
    await world.copy('shop.restarted', sink, options, copier);
    for (const end of ['stop', 'kill'] as const) {
      await server[end]();
      await world.put('shop.restarted', [[1, `after ${end}`]]);
      const transient = { code: 'CDC_SINK_UNREACHABLE', kind: 'transient' };
      await expect(sink.progress()).rejects.toMatchObject(transient);
      expect(await sink.preflight()).toMatchObject([{ code: 'CDC_SINK_UNREACHABLE' }]);
      await server.start();
      await world.copy('shop.restarted', sink, options, copier);
      expect(await world.differences('shop.restarted', sink, options)).toEqual([]);
    }
  });

  test('writes a batch once although the answer to its COMMIT was lost', async () => {
    await using database = await openDatabase();
    await using proxy = await openCuttingProxy(database.options);
    const options = optionsFor(database, { port: proxy.port });
    await using sink = new PostgresSink(options);
    await fill('shop.once');
    const copier = world.copier('shop.once', sink, options);
    await world.copy('shop.once', sink, options, copier);
    await database.client.query(`
      CREATE TABLE writes (id int);
      CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO writes VALUES (new.id); RETURN new; END $$;
      CREATE TRIGGER noted AFTER INSERT OR UPDATE ON once FOR EACH ROW EXECUTE FUNCTION note_write();
    `);
    await world.put('shop.once', [
      [1, 'changed'],
      [9, 'new'],
    ]);
    // The message that ends with COMMIT.
    const cut = proxy.cutAfter('INSERT INTO "public"."once"');
    await Promise.all([cut, copier.copy(world.feed('shop.once'), signal)]);
    await world.copy('shop.once', sink, options, copier);
    const { rows } = await database.client.query('SELECT id FROM writes ORDER BY id');
    expect(rows).toEqual([{ id: 1 }, { id: 9 }]);
    expect(await world.differences('shop.once', sink, options)).toEqual([]);
  });

  test('loses and doubles nothing when its connections are cut fifty times', async () => {
    await using database = await openDatabase();
    const options = optionsFor(database, { batchRows: 50 });
    await using sink = new PostgresSink(options);
    await fill('shop.cut', 400);
    const copier = world.copier('shop.cut', sink, options);
    let cuts = 0;
    for (let round = 0; cuts < 50; round++) {
      await world.put(
        'shop.cut',
        Array.from({ length: 400 }, (_, at) => [at, `round ${round}`]),
      );
      const deleted = Array.from({ length: 20 }, (_, at) => [(at * 7 + round) % 400, null]);
      await world.put('shop.cut', deleted, { deleted: true });
      let isDone = false;
      const cutting = (async () => {
        while (!isDone && cuts < 50) {
          const { rows } = await database.client.query(
            `SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'strata' AND state <> 'idle'`,
          );
          cuts += rows.length;
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      for (;;) {
        const step = await copier.copy(world.feed('shop.cut'), signal).catch((error: unknown) => {
          expect(error).toMatchObject({ kind: 'transient' });
        });
        if (step?.isCurrent) break;
      }
      isDone = true;
      await cutting;
      expect(await world.differences('shop.cut', sink, options)).toEqual([]);
    }
  });

  test('finds a server that has fallen silent', async () => {
    await using database = await openDatabase();
    await using proxy = await openCuttingProxy(database.options);
    const options = optionsFor(database, { port: proxy.port, statementTimeoutSeconds: 1 });
    await using sink = new PostgresSink(options);
    await fill('shop.silent');
    const copier = world.copier('shop.silent', sink, options);
    await world.copy('shop.silent', sink, options, copier);
    proxy.fallSilent();
    await expect(sink.progress()).rejects.toMatchObject({ code: 'CDC_SINK_UNREACHABLE' });
  });

  test('gives up waiting for a lock that somebody holds, and tries again', async () => {
    await using database = await openDatabase();
    const options = optionsFor(database, { lockTimeoutSeconds: 1 });
    await fill('shop.locked');
    await using sink = new PostgresSink(options);
    const copier = world.copier('shop.locked', sink, options);
    await world.copy('shop.locked', sink, options, copier);
    await database.client.query('BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE');
    await expect(copier.drop(world.feed('shop.locked'))).rejects.toMatchObject({
      code: 'CDC_SINK_BUSY',
      kind: 'transient',
    });
    await world.put('shop.locked', [[1, 'later']]);
    const copying = world.copy('shop.locked', sink, options, copier);
    await waitUntil('the sink waits for the lock', async () => {
      const { rows } = await database.client.query('SELECT FROM pg_locks WHERE NOT granted');
      return rows.length > 0;
    });
    await database.client.query('ROLLBACK');
    await copying;
    expect(await world.differences('shop.locked', sink, options)).toEqual([]);
  });

  test('says which credentials, rights or settings stand in its way', async () => {
    await using database = await openDatabase();
    const options = optionsFor(database);
    await fill('shop.denied');
    const wrongPassword = optionsFor(database, { password: new Secret('wrong') });
    const denied = { code: 'CDC_SINK_ACCESS_DENIED', kind: 'operator' };
    expect(await failureOf('shop.denied', wrongPassword)).toMatchObject(denied);
    const missing = optionsFor(database, { database: 'nowhere' });
    expect(await failureOf('shop.denied', missing)).toMatchObject({ code: 'CDC_SINK_FAILED' });
    const guest = optionsFor(database, {
      user: `guest_${database.name}`,
      password: new Secret('guest'),
    });
    await database.client.query(`CREATE USER ${guest.user} PASSWORD 'guest'`);
    expect(await failureOf('shop.denied', guest)).toMatchObject(denied);
    await using asGuest = new PostgresSink(guest);
    expect(await asGuest.preflight()).toMatchObject([
      {
        code: 'CDC_SINK_ACCESS_DENIED',
        remedy: `GRANT CREATE, USAGE ON SCHEMA "public" TO "${guest.user}";`,
      },
    ]);
    await database.client.query(`DROP USER ${guest.user}`);
    expect(await failureOf('shop.denied', options)).toBeUndefined();
  });

  test('stops at a server that takes no writes or has no room, and goes on when it has', async () => {
    await using database = await openDatabase();
    const options = optionsFor(database);
    await fill('shop.stopped');
    const readOnly = `ALTER DATABASE ${database.name} SET default_transaction_read_only`;
    await database.client.query(`${readOnly} = on`);
    const refused = { code: 'CDC_SINK_READ_ONLY', kind: 'operator' };
    expect(await failureOf('shop.stopped', options)).toMatchObject(refused);
    await using sink = new PostgresSink(options);
    expect(await sink.preflight()).toMatchObject([{ code: 'CDC_SINK_READ_ONLY' }]);
    await database.client.query(`BEGIN READ WRITE; ${readOnly} = off; COMMIT`);
    expect(await failureOf('shop.stopped', options)).toBeUndefined();
    await database.client.query(`
      CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON stopped EXECUTE FUNCTION no_room();
    `);
    await world.put('shop.stopped', [[1, 'too much']]);
    expect(await failureOf('shop.stopped', options)).toMatchObject({ code: 'CDC_SINK_FULL' });
    await database.client.query('DROP TRIGGER full_disk ON stopped');
    expect(await failureOf('shop.stopped', options)).toBeUndefined();
  });

  test('leaves alone what is not its own', async () => {
    await using database = await openDatabase();
    const options = optionsFor(database);
    await database.client.query(`
      CREATE TABLE taken (id int PRIMARY KEY, note text); INSERT INTO taken VALUES (1, 'of others');
      CREATE TABLE keyless (id int, note text);
    `);
    for (const name of ['taken', 'keyless', 'shared']) await fill(`shop.${name}`);
    const stays = { code: 'CDC_SINK_INCOMPATIBLE', details: { table: 'shop.taken' } };
    expect(await failureOf('shop.taken', options)).toMatchObject(stays);
    expect(await failureOf('shop.keyless', options)).toMatchObject({
      code: 'CDC_SINK_INCOMPATIBLE',
    });
    expect(await failureOf('shop.shared', options)).toBeUndefined();
    const twin = optionsFor(database, { name: 'twin' });
    expect(await failureOf('shop.shared', twin)).toMatchObject({ code: 'CDC_SINK_FOREIGN' });
    // Columns that others have added stay, also when ours go.
    await database.client.query(`ALTER TABLE shared ADD COLUMN own text DEFAULT 'x'`);
    await world.define(schemaOf('shop.shared', [id]));
    await world.put('shop.shared', [[5]]);
    expect(await failureOf('shop.shared', options)).toBeUndefined();
    const { rows } = await database.client.query('SELECT * FROM shared WHERE id = 5');
    expect(rows).toEqual([{ id: 5, _version: expect.any(String), own: 'x' }]);
  });

  test('talks through TLS to the server whose certificate it can verify', async () => {
    await using database = await openDatabase();
    await fill('shop.secret');
    const { ca } = certificates;
    const trusting = optionsFor(database, { ssl: { ca, rejectUnauthorized: true } });
    expect(await failureOf('shop.secret', trusting)).toBeUndefined();
    const strict = optionsFor(database, { ssl: { rejectUnauthorized: true } });
    expect(await failureOf('shop.secret', strict)).toMatchObject({
      code: 'CDC_SINK_ACCESS_DENIED',
    });
    const otherName = optionsFor(database, {
      host: 'localhost',
      ssl: { ca, rejectUnauthorized: true },
    });
    expect(await failureOf('shop.secret', otherName)).toMatchObject({
      code: 'CDC_SINK_ACCESS_DENIED',
    });
    const lenient = optionsFor(database, { ssl: { rejectUnauthorized: false } });
    expect(await failureOf('shop.secret', lenient)).toBeUndefined();
    expect(
      () =>
        new PostgresSink(
          optionsFor(database, { ssl: { ca: '/no/such.pem', rejectUnauthorized: true } }),
        ),
    ).toThrow(expect.objectContaining({ code: 'CDC_CONFIG_INVALID' }));
  });
});
