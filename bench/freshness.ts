import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { loadProject } from '../src/config/load-project.ts';
import { dropSchool, fillSchool } from '../src/demo/school/fill-school.ts';
import { SchoolGenerator } from '../src/demo/school/school-generator.ts';
import type { ServerAddress } from '../src/demo/server/server-address.ts';
import { createLogger } from '../src/ops/logger.ts';
import { initProject } from '../src/pipeline/init.ts';
import { Pipeline } from '../src/pipeline/pipeline.ts';
import { verifyProject } from '../src/pipeline/verify.ts';
import { createProject } from '../src/template/new-project.ts';
import type { Measurement } from './bench.ts';

const seconds = 30;
/** Row changes a second aimed at; a transaction of the school changes about 4.5 rows. */
const transactionsPerSecond = 230;

/** The online school with all its models under load: commit -> visible in ADS, probed 20 times a second. */
export async function measureFreshness(address: ServerAddress): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'cdc-bench-'));
  const { host, port, user } = address;
  const password = address.password.reveal();
  const connection = await createConnection({ host, port, user, password, timezone: 'Z' });
  const logger = createLogger({ level: 'error', output: process.stderr });
  try {
    await fillSchool(connection, { seed: 1, today: new Date() });
    const project = join(folder, 'school');
    await createProject({
      template: 'online-school',
      folder: project,
      values: { host, port: String(port), user },
    });
    await writeFile(join(project, '.env'), `CDC_SOURCE_PASSWORD=${password}\n`, { mode: 0o600 });
    const config = await loadProject({
      file: join(project, 'cdc.yaml'),
      currentFolder: project,
      environment: process.env,
    });
    const never = new AbortController().signal;
    await initProject(config, { logger, signal: never });
    const measured = await underLoad(config, connection, logger);
    const verified = await verifyProject(config, { logger, signal: never });
    if (!verified.ok) throw new Error('verify found differences after the load');
    return [
      {
        name: `freshness, commit -> visible in every layer, ${Math.round(measured.rowsPerSecond)} changes/s for ${seconds} s, ${verified.layers.length} models`,
        figure: `p50 ${measured.p50Ms} ms, p99 ${measured.p99Ms} ms`,
        target: 'p99 < 1 s at 1,000 changes/s',
        limit: `${measured.samples} probes`,
        checked: 'verify: 0 differences in source, ODS and layers',
      },
    ];
  } finally {
    await dropSchool(connection);
    await connection.end();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function underLoad(
  config: Parameters<typeof Pipeline.open>[0],
  connection: Awaited<ReturnType<typeof createConnection>>,
  logger: ReturnType<typeof createLogger>,
) {
  await using pipeline = await Pipeline.open(config, { logger, probeEveryMs: 50 });
  const stopRun = new AbortController();
  const stopBusy = new AbortController();
  const running = pipeline.run(stopRun.signal);
  const generator = new SchoolGenerator(connection, {
    seed: 2,
    transactionsPerSecond,
    alterAfterTransactions: Number.MAX_SAFE_INTEGER,
  });
  await delay(2_000);
  pipeline.probe.reset();
  const startedAt = performance.now();
  const busy = generator.run(stopBusy.signal);
  await Promise.race([delay(seconds * 1000), running, busy]);
  const percentiles = pipeline.probe.percentiles();
  const { rows } = generator.counts;
  const elapsed = (performance.now() - startedAt) / 1000;
  stopBusy.abort();
  await busy;
  stopRun.abort();
  await running;
  if (percentiles === undefined) throw new Error('no probe came back');
  return { ...percentiles, rowsPerSecond: rows / elapsed };
}
