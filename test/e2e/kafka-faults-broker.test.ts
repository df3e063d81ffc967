import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installKafka } from '../../src/demo/server/kafka-program.ts';
import { LocalKafka } from '../../src/demo/server/kafka-server.ts';
import { runProgram } from '../../src/demo/server/program.ts';
import { changeBulk, createBulkTable } from '../support/bulk-table.ts';
import type { CdcProject } from '../support/cdc-project.ts';
import { randomName } from '../support/kafka.ts';
import { RunningCommand } from '../support/running-command.ts';
import {
  createShopProject,
  expectOrdered,
  expectTopicsRebuild,
  expectVerified,
  type ShopProjectOptions,
} from '../support/shop-topics.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const execute = promisify(execFile);
const diskBytes = 128 * 1024 ** 2;

let disk: Awaited<ReturnType<typeof mountDisk>>;
let kafka: LocalKafka;

beforeAll(async () => {
  disk = await mountDisk();
  kafka = await LocalKafka.open({ properties: { 'log.dirs': join(disk.path, 'data') } });
});

afterAll(async () => {
  await kafka?.[Symbol.asyncDispose]();
  await disk?.[Symbol.asyncDispose]();
});

/** A disk of its own for the broker, small enough to be filled. */
async function mountDisk() {
  const folder = await openTempFolder();
  const path = join(folder.path, 'disk');
  await mkdir(path);
  await execute('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', path]);
  const unmount = async () => {
    await execute('umount', [path]);
    await folder[Symbol.asyncDispose]();
  };
  return { path, [Symbol.asyncDispose]: unmount };
}

/** Watches the memory that is the process's own; `stop` gives the most it had. */
function watchMemory({ pid }: RunningCommand): { stop(): number } {
  let peakBytes = 0;
  const timer = setInterval(() => {
    readFile(`/proc/${pid}/status`, 'utf8').then(
      (status) => {
        const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
        peakBytes = Math.max(peakBytes, Number(kilobytes ?? 0) * 1024);
      },
      () => undefined,
    );
  }, 100);
  return {
    stop: () => {
      clearInterval(timer);
      return peakBytes;
    },
  };
}

async function stopCleanly(run: RunningCommand): Promise<void> {
  const { exitCode, stderr } = await run.stop();
  expect(exitCode, stderr).toBe(0);
}

async function createProject(folder: string, database: TestDatabase, options: ShopProjectOptions) {
  await createBulkTable(database);
  return await createShopProject(folder, database, options);
}

async function changeMuch(database: TestDatabase, times: number): Promise<void> {
  for (let count = 0; count < times; count++) await changeBulk(database);
}

async function expectWhole(
  project: CdcProject,
  database: TestDatabase,
  options: ShopProjectOptions,
): Promise<void> {
  await project.succeed('run', '--until-current');
  await expectVerified(project, 5);
  expectOrdered(await expectTopicsRebuild(database, options));
}

test('a broker killed again and again, and away for 20 seconds, costs neither changes nor memory', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const options = { brokers: [kafka.address()], prefix: randomName('broker') };
  const project = await createProject(folder.path, database, options);
  await project.succeed('init');
  await using capture = new RunningCommand(project, 'run', '--only', 'capture');
  await using loader = new RunningCommand(project, 'run', '--only', 'load');
  const memory = watchMemory(capture);
  await capture.working();
  await loader.working();
  await using traffic = await startShopTraffic(database, 61);
  for (let kill = 0; kill < 2; kill++) {
    await delay(1_500);
    await kafka.kill();
    await kafka.start();
  }
  await delay(1_500);
  await kafka.kill();
  await Promise.all([delay(20_000), changeMuch(database, 12)]);
  await kafka.start();
  await delay(2_000);
  expect(await traffic.stop()).toBeGreaterThan(100);
  await stopCleanly(capture);
  await stopCleanly(loader);
  const peakBytes = memory.stop();
  expect(peakBytes).toBeGreaterThan(20 * 1024 ** 2);
  expect(peakBytes).toBeLessThan(300 * 1024 ** 2);
  await expectWhole(project, database, options);
}, 200_000);

test('a broker whose disk is full takes up the changes when there is room again', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const options = { brokers: [kafka.address()], prefix: randomName('disk') };
  const project = await createProject(folder.path, database, options);
  await project.succeed('init');
  await using run = new RunningCommand(project, 'run');
  await run.working();
  await using traffic = await startShopTraffic(database, 62);
  const filler = join(disk.path, 'filler');
  const { bavail, bsize } = await statfs(disk.path);
  await writeFile(filler, Buffer.alloc(Math.max(0, (bavail - 256) * bsize)));
  await changeMuch(database, 5);
  const blocksLeft = async () => (await statfs(disk.path)).bavail;
  const isInTrouble = async () => kafka.pid === undefined || (await blocksLeft()) === 0;
  await waitUntil('the broker has no room', isInTrouble, 60_000);
  await delay(3_000);
  // It ends by itself or answers everything with an error, depending on what it was about to write.
  await kafka.kill();
  await rm(filler);
  await kafka.start();
  await delay(2_000);
  await traffic.stop();
  await stopCleanly(run);
  await expectWhole(project, database, options);
}, 200_000);

test('a quota of the broker only slows the capture down', async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  const options = { brokers: [kafka.address()], prefix: randomName('quota') };
  const project = await createProject(folder.path, database, options);
  await project.succeed('init');
  await alterQuota('--add-config', 'producer_byte_rate=100000,consumer_byte_rate=400000');
  await changeMuch(database, 3);
  await database.connection.query("UPDATE orders SET note = 'slow'");
  await project.succeed('run', '--until-current');
  await alterQuota('--delete-config', 'producer_byte_rate,consumer_byte_rate');
  await expectWhole(project, database, options);
}, 200_000);

async function alterQuota(...change: string[]): Promise<void> {
  const { java, classPath } = await installKafka(() => undefined);
  await runProgram(java, [
    ...['-cp', classPath, 'kafka.admin.ConfigCommand', '--bootstrap-server', kafka.address()],
    ...['--alter', '--entity-type', 'clients', '--entity-default', ...change],
  ]);
}
