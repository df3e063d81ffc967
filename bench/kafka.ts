import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Connection, createConnection } from 'mysql2/promise';
import { LocalKafka } from '../src/demo/server/kafka-server.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import type { KafkaCluster } from '../src/kafka/kafka-cluster.ts';
import { openKafkaCluster } from '../src/kafka/kafkajs-cluster.ts';
import { createLogger } from '../src/ops/logger.ts';
import type { Measurement } from './bench.ts';
import { type BenchProject, openBenchProject } from './bench-project.ts';
import { cpuSecondsOf, memoryWatch } from './measured-command.ts';

const cdc = fileURLToPath(new URL('../bin/cdc.js', import.meta.url));
const deadlineMs = 300_000;

interface Bench {
  readonly kafka: LocalKafka;
  readonly cluster: KafkaCluster;
  readonly address: ServerAddress;
}

/**
 * MySQL -> topics, the broker on the same two cores, acks=all, everything else as it is by default: from
 * the first to the last message in the broker, every message counted and its row compared.
 */
export async function measureKafka(address: ServerAddress): Promise<Measurement[]> {
  await using kafka = await LocalKafka.open({ report: (line) => console.error(line) });
  const logger = createLogger({ level: 'error', output: process.stderr });
  const connection = { brokers: [kafka.address()] };
  await using cluster = await openKafkaCluster(connection, { clientId: 'bench', logger });
  const bench = { kafka, cluster, address };
  return [
    // First, because a broker just started takes seconds to be compiled.
    await snapshot(bench),
    ...(await backlog(bench, 'debezium', '>= 150k rows/s (Debezium: 53k, Maxwell: 95k)')),
    ...(await backlog(bench, 'maxwell', '>= 200k rows/s (Maxwell: 95k)')),
    await smallTransactions(bench),
    await largeTransaction(bench),
    await latency(bench, 1_000, 'p99 < 15 ms (Debezium: 509 ms, tuned 14.8 ms)'),
    await latency(bench, 5_000, 'p99 < 50 ms'),
  ];
}

const millionRows = 1_000_000;

async function backlog(
  bench: Bench,
  format: 'debezium' | 'maxwell',
  target: string,
): Promise<Measurement[]> {
  await using project = await openKafkaProject(bench, `kafka_${format}`, format);
  await run(project, 'init', '--only', 'capture');
  await insertWide(project.connection, project.database, millionRows, 1_000);
  const { seconds, cost } = await capture(bench, project, millionRows);
  const checked = await checkTopic(bench, project, millionRows, format);
  return [
    {
      name: `backlog of 1,000,000 rows in transactions of 1,000 -> ${format} JSON`,
      figure: rate(millionRows, seconds),
      target,
      limit: cost,
      checked,
    },
  ];
}

async function smallTransactions(bench: Bench): Promise<Measurement> {
  const rows = 200_000;
  await using project = await openKafkaProject(bench, 'kafka_small', 'debezium');
  await run(project, 'init', '--only', 'capture');
  await insertOneByOne(project.connection, rows);
  const { seconds, cost } = await capture(bench, project, rows);
  return {
    name: '200,000 single-row transactions -> debezium JSON',
    figure: `${Math.round(rows / seconds / 1000)}k transactions/s`,
    target: '>= 75k/s (Debezium: 28k, Maxwell: 37k)',
    limit: cost,
    checked: await checkTopic(bench, project, rows, 'debezium'),
  };
}

async function snapshot(bench: Bench): Promise<Measurement> {
  await using project = await openKafkaProject(bench, 'kafka_snapshot', 'debezium');
  await insertWide(project.connection, project.database, millionRows, 50_000);
  const { seconds, cost } = await capture(bench, project, millionRows, [
    'init',
    '--only',
    'capture',
  ]);
  return {
    name: 'snapshot of 1,000,000 rows -> debezium JSON',
    figure: rate(millionRows, seconds),
    target: '>= 150k rows/s (Debezium: 54k)',
    limit: cost,
    checked: await checkTopic(bench, project, millionRows, 'debezium'),
  };
}

async function largeTransaction(bench: Bench): Promise<Measurement> {
  await using project = await openKafkaProject(bench, 'kafka_large', 'debezium');
  await run(project, 'init', '--only', 'capture');
  await insertWide(project.connection, project.database, millionRows, millionRows);
  const { seconds, peakMegabytes } = await capture(bench, project, millionRows);
  return {
    name: 'one transaction of 1,000,000 rows -> debezium JSON',
    figure: `${Math.round(peakMegabytes)} MB of the capture process`,
    target: '< 300 MB',
    limit: rate(millionRows, seconds),
    checked: await checkTopic(bench, project, millionRows, 'debezium'),
  };
}

/** Single-row transactions at a steady rate; from the OK of the commit to the message at a consumer. */
async function latency(bench: Bench, perSecond: number, target: string): Promise<Measurement> {
  const seconds = 20;
  await using project = await openKafkaProject(bench, `kafka_latency_${perSecond}`, 'debezium');
  await run(project, 'init', '--only', 'capture');
  const child = start(project, ['run', '--only', 'capture']);
  const committedAt = new Map<number, number>();
  const latencies: number[] = [];
  const stop = new AbortController();
  const consuming = consume(bench, topicOf(project), stop.signal, (id, at) => {
    const committed = committedAt.get(id);
    if (committed !== undefined) latencies.push(Math.max(0, at - committed));
    else committedAt.set(id, -at);
  });
  try {
    await delay(3_000);
    await insertSteadily(bench.address, project.database, perSecond, seconds, (id) => {
      const seenAt = committedAt.get(id);
      const now = performance.now();
      if (seenAt !== undefined && seenAt < 0) latencies.push(0);
      else committedAt.set(id, now);
    });
    await delay(1_000);
  } finally {
    stop.abort();
    await consuming;
    await end(child);
  }
  // The first seconds warm the processes up.
  const steady = latencies.slice(Math.floor(latencies.length / 5)).sort((a, b) => a - b);
  const at = (share: number) => (steady[Math.floor(steady.length * share)] ?? 0).toFixed(1);
  return {
    name: `commit -> message at a consumer, ${perSecond.toLocaleString('en')} transactions/s asked for`,
    figure: `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    target,
    limit: `${Math.round(latencies.length / seconds).toLocaleString('en')} transactions/s reached`,
    checked: `${steady.length.toLocaleString('en')} messages`,
  };
}

interface KafkaProject extends BenchProject {
  readonly prefix: string;
}

async function openKafkaProject(
  { kafka, address }: Bench,
  database: string,
  format: string,
): Promise<KafkaProject> {
  const project = await openBenchProject(address, database);
  const { host, port, user } = address;
  const password = address.password.reveal();
  const prefix = `bench_${database}`;
  await writeFile(
    join(project.folder, 'cdc.yaml'),
    `name: bench
source: { type: mysql, host: ${host}, port: ${port}, user: ${user}, password: '${password}', tables: ['${database}.*'] }
route: { businesses: [{ name: shop, tables: ['${database}.*'] }] }
log: { type: kafka, brokers: ['${kafka.address()}'], prefix: ${prefix}, format: ${format} }
`,
    { mode: 0o600 },
  );
  await createWide(project.connection, database);
  return { ...project, prefix, [Symbol.asyncDispose]: () => project[Symbol.asyncDispose]() };
}

/** 12 columns, about 250 bytes a row, as in the measurements of other tools. */
async function createWide(connection: Connection, database: string): Promise<void> {
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.query(`USE ${database}`);
  await connection.query(`CREATE TABLE orders (
    id BIGINT PRIMARY KEY AUTO_INCREMENT, user_id BIGINT NOT NULL, course_id INT NOT NULL,
    amount DECIMAL(12,2) NOT NULL, status VARCHAR(16) NOT NULL, channel VARCHAR(32) NOT NULL,
    title VARCHAR(100) NOT NULL, remark VARCHAR(100) NULL, created_at DATETIME NOT NULL,
    paid_at DATETIME(6) NULL, quantity SMALLINT NOT NULL, flag TINYINT NOT NULL)`);
}

const wideColumns =
  'user_id, course_id, amount, status, channel, title, remark, created_at, paid_at, quantity, flag';
const wideValues = `s * 7 % 100000, s % 500, s % 10000 + 0.25, ELT(s % 3 + 1, 'new', 'paid', 'refunded'),
  CONCAT('channel-', s % 20), CONCAT('a course about the numbers from one up to and with ', s % 3000, ' for everybody'),
  IF(s % 5, CONCAT('remark of order ', s, ', which is neither long nor short but said anyway'), NULL),
  TIMESTAMP '2026-01-01 00:00:00' + INTERVAL s SECOND,
  IF(s % 4, TIMESTAMP '2026-01-02 00:00:00.123456' + INTERVAL s SECOND, NULL), s % 9, s % 2`;

async function insertWide(
  connection: Connection,
  database: string,
  rows: number,
  perTransaction: number,
): Promise<void> {
  await connection.query(`USE ${database}`);
  for (let from = 0; from < rows; from += perTransaction) {
    await connection.query(`INSERT INTO orders (${wideColumns}) SELECT ${wideValues}
      FROM (SELECT seq AS s FROM seq_${from + 1}_to_${Math.min(rows, from + perTransaction)}) AS numbers`);
  }
}

async function insertOneByOne(connection: Connection, rows: number): Promise<void> {
  await connection.query(`CREATE PROCEDURE fill(rows_wanted INT) BEGIN
    DECLARE s INT DEFAULT 1;
    WHILE s <= rows_wanted DO INSERT INTO orders (${wideColumns}) VALUES (${wideValues}); SET s = s + 1; END WHILE; END`);
  await connection.query('CALL fill(?)', [rows]);
}

/** Calls `onCommit` with the id of each row when its transaction is committed. */
async function insertSteadily(
  { host, port, user, password }: ServerAddress,
  database: string,
  perSecond: number,
  seconds: number,
  onCommit: (id: number) => void,
): Promise<void> {
  const writers = perSecond > 2_000 ? 8 : 2;
  const startedAt = performance.now();
  const write = async (writer: number) => {
    const login = { host, port, user, password: password.reveal(), database };
    const connection = await createConnection(login);
    for (let n = 0; ; n++) {
      const dueMs = (n * writers + writer) * (1000 / perSecond);
      const aheadMs = dueMs - (performance.now() - startedAt);
      if (dueMs > seconds * 1000) break;
      if (aheadMs > 1) await delay(aheadMs);
      const s = n * writers + writer + 1;
      const values = wideValues.replaceAll(/\bs\b/g, String(s));
      await connection.query(`INSERT INTO orders (id, ${wideColumns}) VALUES (${s}, ${values})`);
      onCommit(s);
    }
    await connection.end();
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
}

function topicOf(project: KafkaProject): string {
  return `${project.prefix}.shop.orders`;
}

interface Captured {
  readonly seconds: number;
  readonly peakMegabytes: number;
  readonly cost: string;
}

/** Runs the command until the topic has all rows; seconds from the first to the last. */
async function capture(
  { cluster }: Bench,
  project: KafkaProject,
  rows: number,
  args: readonly string[] = ['run', '--only', 'capture'],
): Promise<Captured> {
  const before = await countOf(cluster, topicOf(project));
  const child = start(project, args);
  using memory = memoryWatch(child.pid);
  const deadline = performance.now() + deadlineMs;
  let firstAt: number | undefined;
  for (;;) {
    const count = (await countOf(cluster, topicOf(project))) - before;
    const now = performance.now();
    if (count > 0) firstAt ??= now;
    if (count >= rows && firstAt !== undefined) {
      const { peakMegabytes } = memory;
      const cpuSeconds = await cpuSecondsOf(child.pid);
      await end(child);
      return {
        seconds: (now - firstAt) / 1000,
        peakMegabytes,
        cost: `capture: ${((cpuSeconds / rows) * 1e6).toFixed(1)} us CPU a row with start, at most ${Math.round(peakMegabytes)} MB`,
      };
    }
    if (now > deadline) throw new Error(`${count} of ${rows} rows arrived`);
    await delay(20);
  }
}

/** Control records of the fences count as well, the same before and after. */
async function countOf(cluster: KafkaCluster, topic: string): Promise<number> {
  const bounds = await cluster.bounds(topic).catch(() => []);
  return bounds.reduce((sum, { high }) => sum + high, 0);
}

/** Every row once, with the sums of the source. */
async function checkTopic(
  { cluster }: Bench,
  project: KafkaProject,
  rows: number,
  format: 'debezium' | 'maxwell',
): Promise<string> {
  const topic = topicOf(project);
  const ids = new Set<number>();
  let amount = 0;
  let quantity = 0;
  for (const { partition, low, high } of await cluster.bounds(topic)) {
    for (let offset = low; offset < high; ) {
      const place = { topic, partition, offset };
      const [found] = await cluster.fetch([place], { maxBytes: 16 * 1024 ** 2, maxWaitMs: 500 });
      for (const { value } of found?.records ?? []) {
        const message = JSON.parse(String(value));
        const row = format === 'debezium' ? message.after : message.data;
        ids.add(row.id);
        amount += Number(row.amount);
        quantity += row.quantity;
      }
      offset = Math.max(offset, found?.nextOffset ?? offset);
    }
  }
  const [result] = await project.connection.query({
    sql: `SELECT count(*), sum(amount), sum(quantity) FROM ${project.database}.orders`,
    rowsAsArray: true,
  });
  const [expected] = result as unknown as unknown[][];
  const found = [ids.size, amount, quantity];
  if (ids.size !== rows || expected?.map(Number).join() !== found.join()) {
    throw new Error(`contents differ: source ${expected?.join()}, topic ${found.join()}`);
  }
  return `${rows.toLocaleString('en')} messages, keys and sums of 2 columns`;
}

async function consume(
  { cluster }: Bench,
  topic: string,
  signal: AbortSignal,
  onRow: (id: number, at: number) => void,
): Promise<void> {
  const offsets = new Map<number, number>();
  for (let partition = 0; partition < 3; partition++) offsets.set(partition, 0);
  while (!signal.aborted) {
    const places = [...offsets].map(([partition, offset]) => ({ topic, partition, offset }));
    const options = { maxBytes: 4 * 1024 ** 2, maxWaitMs: 500, signal };
    const fetched = await cluster.fetch(places, options).catch(() => undefined);
    if (fetched === undefined) await delay(50);
    for (const { partition, records, nextOffset } of fetched ?? []) {
      const at = performance.now();
      offsets.set(partition, nextOffset);
      for (const { value } of records) onRow(JSON.parse(String(value)).after.id, at);
    }
  }
}

function start(project: BenchProject, args: readonly string[]) {
  return spawn(process.execPath, [cdc, ...args], {
    cwd: project.folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NO_COLOR: '1' },
  });
}

async function run(project: BenchProject, ...args: string[]): Promise<void> {
  const child = start(project, args);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (exitCode !== 0) throw new Error(`cdc ${args.join(' ')} ended with ${exitCode}`);
}

async function end(child: ReturnType<typeof start>): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGINT');
  await ended;
}

function rate(rows: number, seconds: number): string {
  return `${Math.round(rows / seconds / 1000)}k rows/s`;
}
