import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { ClickhouseEngine } from '../../src/engine/clickhouse-engine.ts';
import { CdcError } from '../../src/errors.ts';
import { retry } from '../../src/lib/retry.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import {
  endEngine,
  engineProcess,
  engineRecord,
  openEngineIn,
  openTestEngine,
} from '../support/test-engine.ts';
import { waitUntil } from '../support/wait-until.ts';

const module = fileURLToPath(new URL('../support/test-engine.ts', import.meta.url));

/** Another process that opens the engine of a folder, prints its url and stays. */
const program = `
  const { openEngineIn } = await import(${JSON.stringify(module)});
  const engine = await openEngineIn(process.argv.at(-1));
  await engine.ping();
  console.log(engine.address.url);
  process.stdin.on('end', () => engine[Symbol.asyncDispose]()).resume();
`;

class OtherProcess implements AsyncDisposable {
  readonly child: ChildProcess;

  constructor(stateFolder: string) {
    const node = ['--import', 'tsx', '--input-type=module', '-e', program, '--', stateFolder];
    this.child = spawn(process.execPath, node, { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  async url(): Promise<string> {
    if (this.child.stdout === null) throw new Error('no stdout');
    const [line] = await once(createInterface(this.child.stdout), 'line');
    return line;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function startError(promise: Promise<ClickhouseEngine>): Promise<CdcError> {
  return promise.then(
    async (engine) => {
      await engine[Symbol.asyncDispose]();
      throw new Error('it started');
    },
    (error: unknown) => {
      if (error instanceof CdcError) return error;
      throw error;
    },
  );
}

test('the password is the owner’s only and survives a restart, and so does the port', async () => {
  await using folder = await openTempFolder();
  const state = join(folder.path, 'state');
  const first = await openEngineIn(state);
  const record = engineRecord(state);
  expect((await stat(state)).mode & 0o777).toBe(0o700);
  expect((await stat(join(state, 'engine.json'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(state, 'engine.log'))).mode & 0o777).toBe(0o600);
  expect(record.password).toMatch(/^[\w-]{32}$/);
  expect(await readFile(`/proc/${record.pid}/cmdline`, 'utf8')).not.toContain(record.password);
  await first[Symbol.asyncDispose]();
  await endEngine(state);
  await using second = await openEngineIn(state);
  const again = engineRecord(state);
  expect(again).toEqual({ ...record, pid: again.pid });
  expect(again.pid).not.toBe(record.pid);
  expect(second.address.url).toBe(`http://127.0.0.1:${record.port}`);
  await endEngine(state);
});

test('processes that start at the same moment share one engine', async () => {
  await using folder = await openTempFolder();
  const others = [1, 2, 3].map(() => new OtherProcess(folder.path));
  await using _first = others[0];
  await using _second = others[1];
  await using _third = others[2];
  await using mine = await openEngineIn(folder.path);
  const urls = await Promise.all(others.map((other) => other.url()));
  expect(new Set([...urls, mine.address.url]).size).toBe(1);
  const text = await readFile(join(folder.path, 'engine.log'), 'utf8');
  expect(text.match(/engine serves/g)).toHaveLength(1);
  await endEngine(folder.path);
});

test('the engine ends after its last holder, however that one ended, and not before', async () => {
  await using folder = await openTempFolder();
  const engine = await openEngineIn(folder.path);
  await using other = new OtherProcess(folder.path);
  await other.url();
  const pid = engineProcess(folder.path);
  await engine.command('CREATE TABLE kept (a Int64) ENGINE = MergeTree ORDER BY a');
  await engine[Symbol.asyncDispose]();
  // Longer than the engine waits for another holder, were it not held.
  const start = Date.now();
  await waitUntil('two seconds have passed', () => Date.now() - start > 2000);
  expect(engineProcess(folder.path)).toBe(pid);
  await other.kill();
  await waitUntil('the engine has ended', () => engineProcess(folder.path) === undefined, 5000);
  const log = await readFile(join(folder.path, 'engine.log'), 'utf8');
  expect(log).toContain('nobody holds it');
  expect(log).toContain('engine stopped');
  await using again = await openEngineIn(folder.path);
  expect(await again.rows('SELECT count() AS n FROM kept')).toEqual([{ n: '0' }]);
  await endEngine(folder.path);
});

test('an engine killed again and again loses no acknowledged row', async () => {
  await using server = await openTestEngine();
  const { engine } = server;
  await engine.command(
    `CREATE TABLE acknowledged (a Int64, pad String) ENGINE = ReplacingMergeTree ORDER BY a
      SETTINGS non_replicated_deduplication_window = 1000`,
  );
  const done = new AbortController();
  let batches = 0;
  let repeated = 0;
  const insertBatch = (batch: number) =>
    retry(
      () => {
        const rows = Array.from(
          { length: 2000 },
          (_, index) => `${batch * 2000 + index}\t${'x'.repeat(50)}\n`,
        );
        return engine.insert({
          table: 'acknowledged',
          columns: ['a', 'pad'],
          format: 'TSV',
          body: [Buffer.from(rows.join(''))],
          token: `batch ${batch}`,
        });
      },
      {
        isTransient: (error) => error instanceof CdcError && error.kind === 'transient',
        attempts: 100,
        firstDelayMs: 20,
        maxDelayMs: 200,
        onRetry: () => repeated++,
      },
    );
  const inserting = (async () => {
    while (!done.signal.aborted) {
      expect(await insertBatch(batches)).toBe(2000);
      batches++;
    }
  })();
  const killed: number[] = [];
  for (let round = 0; round < 5; round++) {
    const before = batches;
    await waitUntil('batches are acknowledged', () => batches > before + 3, 60_000);
    const { pid } = server.record;
    killed.push(pid);
    process.kill(pid, 'SIGKILL');
    await waitUntil('another engine serves', () => server.record.pid !== pid, 60_000);
  }
  done.abort();
  await inserting;
  expect(new Set(killed).size).toBe(5);
  expect(repeated).toBeGreaterThan(0);
  const sums = 'SELECT count() AS rows, uniqExact(a) AS keys, max(a) AS last FROM acknowledged';
  const total = String(batches * 2000);
  const [row] = await engine.rows<{ keys: string; last: string }>(sums);
  expect(row).toMatchObject({ keys: total, last: String(batches * 2000 - 1) });
});

test('a query beside a run shares its engine and sees its rows', async () => {
  await using server = await openTestEngine();
  await using beside = await openEngineIn(server.stateFolder);
  await server.engine.command('CREATE TABLE shared ENGINE = Memory AS SELECT 42 AS a');
  expect(await beside.rows('SELECT a FROM shared')).toEqual([{ a: 42 }]);
  expect(beside.address).toEqual(server.engine.address);
});

test('a configured port that is taken is named', async () => {
  await using folder = await openTempFolder();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const error = await startError(openEngineIn(folder.path, port));
  expect(error.code).toBe('CDC_PORT_IN_USE');
  expect(error.message).toContain(`127.0.0.1:${port}`);
  taken.close();
  await once(taken, 'close');
  await using engine = await openEngineIn(folder.path, port);
  expect(engine.address.url).toBe(`http://127.0.0.1:${port}`);
  await endEngine(folder.path);
});

test('a damaged warehouse folder is an error with the engine’s reason', async () => {
  await using folder = await openTempFolder();
  await writeFile(join(folder.path, 'warehouse'), 'a file where a folder belongs');
  const error = await startError(openEngineIn(folder.path));
  expect(error.code).toBe('CDC_ENGINE_START_FAILED');
  expect(error.message).toMatch(/did not start: .*warehouse/);
  expect(error.remedy).toContain('engine.log');
  expect(engineProcess(folder.path)).toBeUndefined();
});

test('a damaged engine.json is replaced', async () => {
  await using folder = await openTempFolder();
  await writeFile(join(folder.path, 'engine.json'), '{"port": 1');
  await using engine = await openEngineIn(folder.path);
  await engine.ping();
  expect(engineRecord(folder.path).password).toMatch(/^[\w-]{32}$/);
  await endEngine(folder.path);
});

test('an engine that is told to stop ends what it does, cleanly', async () => {
  await using server = await openTestEngine();
  const { engine, stateFolder } = server;
  const endless = engine.rows('SELECT count() FROM numbers(1e12) WHERE NOT ignore(number)');
  const ended = expect(endless).rejects.toMatchObject({ code: 'CDC_ENGINE_UNREACHABLE' });
  const running =
    "SELECT 1 FROM system.processes WHERE query LIKE '%1e12%' AND query NOT LIKE '%LIKE%'";
  await waitUntil('it runs', async () => (await engine.rows(running)).length === 1);
  await endEngine(stateFolder);
  await ended;
  const log = await readFile(join(stateFolder, 'engine.log'), 'utf8');
  expect(log).toContain('SIGTERM');
  expect(log).toContain('engine stopped');
  await engine.ping();
});

test('an engine that cannot even begin says why', async () => {
  await using folder = await openTempFolder();
  const before = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = '--no-such-option';
  try {
    const error = await startError(openEngineIn(folder.path));
    expect(error.code).toBe('CDC_ENGINE_START_FAILED');
    expect(error.message).toContain('--no-such-option');
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  }
});
