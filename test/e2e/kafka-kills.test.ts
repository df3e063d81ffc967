import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { changeBulk, createBulkTable } from '../support/bulk-table.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { administer } from '../support/kafka-admin.ts';
import { Random } from '../support/random.ts';
import { RunningCommand } from '../support/running-command.ts';
import {
  createShopProject,
  expectOrdered,
  expectTopicsRebuild,
  expectVerified,
  readShopTopics,
} from '../support/shop-topics.ts';
import { startShopTraffic } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const kills = 20;

test(`topics hold every change once and in order, and give the same tables from zero, after ${kills} kills of capture, loaders and layers (seed 21)`, async () => {
  await using database = await openTestDatabase('mysql');
  await using folder = await openTempFolder();
  const { brokers } = await testKafka();
  const options = { brokers, prefix: randomName('kills'), rest: 'load: { shares: 4 }' };
  await createBulkTable(database, 1_500);
  const project = await createShopProject(folder.path, database, options);
  await project.succeed('init', '--only', 'capture');
  await using capture = new RunningCommand(project, 'run', '--only', 'capture');
  await using loader = new RunningCommand(project, 'run', '--only', 'load');
  await using otherLoader = new RunningCommand(project, 'run', '--only', 'load');
  await using layers = new RunningCommand(project, 'run', '--only', 'layers');
  const roles = [capture, loader, otherLoader, layers];
  await using traffic = await startShopTraffic(database, 21);
  // Large transactions are hit while a part of them is in the topics and no commit names it.
  const stop = new AbortController();
  const bulk = changeBulkUntil(stop.signal, database);
  const random = new Random(22);
  for (let kill = 0; kill < kills; kill++) {
    await delay(random.between(100, 1_500));
    // The one that writes is hit more often than another, and while it writes.
    const role = random.pick([capture, ...roles]);
    if (role === capture) await endMoves(brokers, `${options.prefix}.shop.bulk`);
    await role.killAndStart();
  }
  stop.abort();
  await bulk;
  await delay(2_000);
  expect(await traffic.stop()).toBeGreaterThan(100);
  for (const role of roles) {
    const { exitCode, stderr } = await role.stop();
    // One that was started a moment ago does not listen yet, and is ended by the signal itself.
    expect([0, null], `${role.name}: ${stderr}`).toContain(exitCode);
  }
  await project.succeed('run', '--until-current');
  await expectVerified(project, 5);
  expectOrdered(await expectTopicsRebuild(database, options));
  expectOrdered(await readShopTopics(options, ['bulk']));

  await project.removeState();
  await project.succeed('run', '--until-current');
  await expectVerified(project, 5);
}, 400_000);

/** Resolves when records are being added to the topic. */
async function endMoves(brokers: readonly string[], topic: string): Promise<void> {
  await administer(brokers, async (admin) => {
    const ends = async () => {
      const bounds = await admin.fetchTopicOffsets(topic);
      return bounds.map(({ high }) => high).join();
    };
    const before = await ends();
    await waitUntil('the capture writes', async () => (await ends()) !== before, 30_000);
  });
}

async function changeBulkUntil(signal: AbortSignal, database: TestDatabase): Promise<void> {
  while (!signal.aborted) {
    await changeBulk(database);
    await delay(100);
  }
}
