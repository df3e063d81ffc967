import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Connection, createConnection } from 'mysql2/promise';
import { LocalServer } from '../src/demo/server/local-server.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import { serverProgram } from '../test/support/test-server.ts';
import { Capture } from './record-debezium/capture.ts';
import { changes, database, preparation } from './record-debezium/statements.ts';

/**
 * Records what Debezium writes for the statements of record-debezium/statements.ts, into
 * test/fixtures/format/recorded/<flavour>.json, together with what this project's own source captures of the same
 * statements. Needs Java 17, Maven and its central repository; not run in CI:
 *
 *     npx tsx scripts/record-debezium.ts [mysql|mariadb]
 */
const releases = { mysql: '3.6.1.Final', mariadb: '3.5.0.Final' } as const;
type Flavour = keyof typeof releases;

/** Settings in which messages differ. */
const variants: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  precise: { 'decimal.handling.mode': 'precise' },
  string: { 'decimal.handling.mode': 'string', 'provide.transaction.metadata': 'true' },
  double: { 'decimal.handling.mode': 'double' },
};

interface Recorded {
  readonly variant: string;
  readonly topic: string;
  readonly key: string | null;
  readonly value: string | null;
}

const folder = fileURLToPath(new URL('record-debezium/', import.meta.url));
const fixtures = fileURLToPath(new URL('../test/fixtures/format/recorded/', import.meta.url));

const wanted = process.argv.slice(2) as Flavour[];
for (const flavour of wanted.length > 0 ? wanted : (['mariadb', 'mysql'] as const)) {
  await record(flavour);
}

async function record(flavour: Flavour): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'record-debezium-'));
  try {
    const classPath = fetchDebezium(flavour, work);
    await using server = await LocalServer.open(await serverProgram(flavour));
    const connection = await connect(server.address);
    await connection.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}`);
    for (const statement of preparation) await connection.query(statement);
    await using capture = new Capture(server.address, database);
    const messages = await runDebezium(flavour, classPath, work, server.address, async () => {
      await capture.begin();
      await apply(connection, flavour);
    });
    const [rows] = await connection.query('SELECT VERSION() AS version');
    await connection.end();
    const fixture = {
      note: 'Made by scripts/record-debezium.ts; see there.',
      debezium: releases[flavour],
      server: (rows as { version: string }[])[0]?.version,
      ...shareSchemas(messages),
      batches: await capture.end(),
    };
    writeFileSync(join(fixtures, `${flavour}.json`), `${JSON.stringify(fixture, null, 1)}\n`);
    console.log(`${flavour}: ${messages.length} messages`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Messages with the number of their schema in place of it: most have the same. */
function shareSchemas(messages: readonly Recorded[]) {
  const schemas: string[] = [];
  const split = (text: string | null) => {
    if (text === null) return null;
    const [, schema = '', payload = ''] = /^\{"schema":(.*?),"payload":(.*)\}$/s.exec(text) ?? [];
    const known = schemas.indexOf(schema);
    return { schema: known < 0 ? schemas.push(schema) - 1 : known, payload };
  };
  const shared = messages.map(({ variant, topic, key, value }) => ({
    ...{ variant, topic, key: split(key), value: split(value) },
  }));
  return { schemas, messages: shared };
}

async function connect({ host, port, user, password }: ServerAddress): Promise<Connection> {
  const connection = await createConnection({
    ...{ host, port, user, password: password.reveal() },
    multipleStatements: true,
    charset: 'utf8mb4',
  });
  await connection.query("SET time_zone = '+00:00'");
  return connection;
}

async function apply(connection: Connection, flavour: Flavour): Promise<void> {
  for (const change of changes(flavour)) {
    if (typeof change === 'string') {
      await connection.query(change);
    } else {
      await connection.beginTransaction();
      for (const statement of change) await connection.query(statement);
      await connection.commit();
    }
  }
}

function fetchDebezium(flavour: Flavour, work: string): string {
  const lib = join(work, 'lib');
  const mavenArguments = [
    ...['-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies'],
    ...['-DincludeScope=runtime', `-DoutputDirectory=${lib}`],
    ...[`-Ddebezium.version=${releases[flavour]}`, `-Dconnector=${flavour}`],
  ];
  execFileSync('mvn', mavenArguments, { stdio: 'inherit' });
  return join(lib, '*');
}

/** All messages; `change` runs once each variant has its snapshot. */
async function runDebezium(
  flavour: Flavour,
  classPath: string,
  work: string,
  address: ServerAddress,
  change: () => Promise<void>,
): Promise<Recorded[]> {
  const settings = Object.keys(variants).map((variant, index) =>
    Object.entries(settingsOf(flavour, variant, index, work, address))
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
  );
  const java = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'java', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'],
      ...['-cp', classPath, join(folder, 'RecordDebezium.java'), ...settings],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const messages: Recorded[] = [];
  const waiting = new Set(Object.keys(variants));
  const exit = once(java, 'exit');
  for await (const line of createInterface({ input: java.stdout })) {
    const message = JSON.parse(line) as Recorded;
    messages.push(message);
    if (!message.value?.includes('"snapshot":"last"') || !waiting.delete(message.variant)) continue;
    if (waiting.size === 0) await change();
  }
  const [code] = await exit;
  if (code !== 0) throw new Error(`Debezium ended with ${code}`);
  return messages;
}

function settingsOf(
  flavour: Flavour,
  variant: string,
  index: number,
  work: string,
  { host, port, user, password }: ServerAddress,
): Record<string, string> {
  const connector =
    flavour === 'mysql'
      ? 'io.debezium.connector.mysql.MySqlConnector'
      : 'io.debezium.connector.mariadb.MariaDbConnector';
  return {
    variant,
    name: variant,
    'connector.class': connector,
    'database.hostname': host,
    'database.port': String(port),
    'database.user': user,
    'database.password': password.reveal(),
    'database.server.id': String(5400 + index),
    'database.include.list': database,
    'topic.prefix': 'strata',
    'offset.storage': 'org.apache.kafka.connect.storage.MemoryOffsetBackingStore',
    'schema.history.internal': 'io.debezium.relational.history.MemorySchemaHistory',
    'include.schema.changes': 'true',
    'skipped.operations': 'none',
    'converter.schemas.enable': 'true',
    'custom.metric.tags': `variant=${variant}`,
    ...variants[variant],
    // Not used, but the engine wants a place for it.
    'offset.storage.file.filename': join(work, `${variant}.offsets`),
  };
}
