import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { loadProject } from '../config/load-project.ts';
import type { ProjectConfig } from '../config/project-config.ts';
import type { Logger } from '../ops/logger.ts';
import { type InitProgress, type InitReport, initProject } from '../pipeline/init.ts';
import { openQuery, type WarehouseQuery } from '../pipeline/query.ts';
import { runProject } from '../pipeline/run.ts';
import type { StatusReport } from '../pipeline/status.ts';
import { type VerifyReport, verifyProject } from '../pipeline/verify.ts';
import { createProject } from '../template/new-project.ts';
import { type DemoReport, reportOf } from './demo-report.ts';
import { dropSchool, fillSchool } from './school/fill-school.ts';
import { SchoolGenerator } from './school/school-generator.ts';
import { schoolDatabases } from './school/school-schema.ts';
import { openDemoBroker } from './server/demo-broker.ts';
import { openDemoServer } from './server/demo-server.ts';
import type { ServerAddress } from './server/server-address.ts';

export interface DemoOptions {
  readonly logger: Logger;
  /** Ends the busy phase; the proof is made all the same. */
  readonly signal: AbortSignal;
  /** A second interrupt: ends everything at once. */
  readonly abandon?: AbortSignal;
  /** Bounded: the school is busy for `seconds`, then the proof. */
  readonly once: boolean;
  readonly seconds?: number;
  /** Changes wait in the state folder, or go through the topics of a Kafka broker. Default: `embedded`. */
  readonly log?: 'embedded' | 'kafka';
  /** Where the project is written; must be empty. A temporary folder, removed at the end, when absent. */
  readonly folder?: string;
  readonly onEvent: (event: DemoEvent) => void;
}

export type DemoEvent =
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'snapshot'; readonly progress: InitProgress }
  | { readonly kind: 'ready'; readonly folder: string; readonly url: string; readonly user: string }
  | { readonly kind: 'live'; readonly view: DemoView }
  | {
      readonly kind: 'verify';
      readonly name: string;
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: 'proof'; readonly report: VerifyReport };

/** What the terminal shows while the school is busy. */
export interface DemoView {
  readonly status: StatusReport;
  readonly generator: { readonly transactions: number; readonly rows: number };
  readonly tables: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly rows: readonly (readonly unknown[])[];
  }[];
}

const seed = 20_261_121;
const onceSeconds = 30;
const viewEveryMs = 1_000;
const generatorLimits = { transactionsPerSecond: 300, alterAfterTransactions: 1_000 };

/**
 * The whole tool on an online school: snapshot, stream, layers, proof. Undefined when it was
 * interrupted before the snapshot was complete: then there is nothing to prove.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport | undefined> {
  const { onEvent, logger } = options;
  const step = (text: string) => onEvent({ kind: 'step', text });
  await using server = await openDemoServer(step);
  await using broker = options.log === 'kafka' ? await openDemoBroker(step) : undefined;
  const connection = await openConnection(server.address);
  const trial =
    options.folder === undefined ? await mkdtemp(join(tmpdir(), 'cdc-demo-')) : undefined;
  try {
    step(`Filling the school's databases ${schoolDatabases.join(' and ')}`);
    if (!server.isPrivate) await dropSchool(connection);
    const filled = await fillSchool(connection, { seed, today: new Date() });
    step(`${filled.tables} tables, ${filled.rows.toLocaleString('en')} rows are there`);
    if (options.signal.aborted) return undefined;
    const folder = resolve(options.folder ?? join(trial ?? tmpdir(), 'online-school'));
    const config = await writeProject(folder, server.address, broker?.address ?? 'embedded');
    // Held from here to the end, so that the engine is not started anew between the phases.
    await using warehouse = await openQuery(config, logger);
    const initialized = await initProject(config, {
      logger,
      signal: options.signal,
      onProgress: (progress) => onEvent({ kind: 'snapshot', progress }),
    });
    if (initialized.interrupted) return undefined;
    onEvent({ kind: 'ready', folder, ...warehouse.address });
    const streamed = await keepBusy(config, server.address, warehouse, options);
    const verified = await verifyProject(config, {
      logger,
      signal: options.abandon ?? new AbortController().signal,
      onProgress: (progress) => onEvent({ kind: 'verify', ...progress }),
    });
    onEvent({ kind: 'proof', report: verified });
    return reportOf({ initialized, ...streamed, verified });
  } finally {
    if (!server.isPrivate) await dropSchool(connection);
    await connection.end();
    if (trial !== undefined) await rm(trial, { recursive: true, force: true, maxRetries: 10 });
  }
}

function openConnection(address: ServerAddress) {
  const { host, port, user, password } = address;
  return createConnection({ host, port, user, password: password.reveal(), timezone: 'Z' });
}

async function writeProject(
  folder: string,
  address: ServerAddress,
  log: string,
): Promise<ProjectConfig> {
  const { host, port, user, password } = address;
  await createProject({
    template: 'online-school',
    folder,
    values: { host, port: String(port), user, log },
  });
  // The password reaches the project as a user's would: by its .env file, readable by its owner only.
  await writeFile(join(folder, '.env'), `CDC_SOURCE_PASSWORD=${password.reveal()}\n`, {
    mode: 0o600,
  });
  return loadProject({
    file: join(folder, 'cdc.yaml'),
    currentFolder: folder,
    environment: process.env,
  });
}

interface BusyPhase {
  readonly status: StatusReport;
  readonly seconds: number;
}

/** Generator and `cdc run` side by side until it is enough; then `cdc run` goes on until it is current. */
async function keepBusy(
  config: ProjectConfig,
  address: ServerAddress,
  warehouse: WarehouseQuery,
  options: DemoOptions,
): Promise<BusyPhase> {
  const { logger, onEvent } = options;
  const startedAt = performance.now();
  const stopBusy = new AbortController();
  const stopRun = new AbortController();
  const busySignal = AbortSignal.any([options.signal, stopBusy.signal]);
  const connection = await openConnection(address);
  const generator = new SchoolGenerator(connection, { seed, ...generatorLimits });
  let status: StatusReport | undefined;
  const running = runProject(config, {
    logger,
    signal: stopRun.signal,
    onProgress: (now) => {
      status = now;
    },
  });
  const busy = generator.run(busySignal);
  const limitMs = options.once ? (options.seconds ?? onceSeconds) * 1_000 : undefined;
  try {
    while (!busySignal.aborted) {
      await Promise.race([waitFor(viewEveryMs, busySignal), running, busy]);
      if (limitMs !== undefined && performance.now() - startedAt > limitMs) stopBusy.abort();
      if (status === undefined) continue;
      const tables = options.once ? [] : await readTables(warehouse);
      onEvent({ kind: 'live', view: { status, generator: generator.counts, tables } });
    }
    await busy;
    onEvent({ kind: 'step', text: 'The school is closed: loading what is left, then the proof' });
    stopRun.abort();
    const finished = await running;
    return { status: finished.status, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    stopBusy.abort();
    stopRun.abort();
    await Promise.allSettled([busy, running]);
    await connection.end();
  }
}

/** With the lines of the run, what fits a terminal of 80 columns and 24 lines. */
const viewQueries: Readonly<Record<string, string>> = {
  'ads.channel_report':
    'SELECT channel_name, orders, revenue, refunded FROM ads.channel_report ORDER BY channel_id LIMIT 9',
  'ads.renewal_report':
    'SELECT term_name, course_name, teacher_name, students, renewed, renewal_rate FROM ads.renewal_report ORDER BY students DESC, term_id, course_id, teacher_id LIMIT 6',
};

async function readTables(warehouse: WarehouseQuery): Promise<DemoView['tables']> {
  return Promise.all(
    Object.entries(viewQueries).map(async ([name, sql]) => {
      const chunks: Buffer[] = [];
      for await (const chunk of warehouse.query(sql, 'JSONCompactEachRowWithNames'))
        chunks.push(chunk);
      const lines = Buffer.concat(chunks).toString('utf8').split('\n').filter(Boolean);
      const [columns = [], ...rows] = lines.map((line) => JSON.parse(line) as unknown[]);
      return { name, columns: columns.map(String), rows };
    }),
  );
}

/** Resolves after `ms` or when the signal aborts, and leaves no listener behind. */
function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => undefined);
}

export type { DemoReport, InitReport };
