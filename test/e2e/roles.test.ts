import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/pipeline/status.ts';
import { CdcProject, sourceYaml } from '../support/cdc-project.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { RunningCommand } from '../support/running-command.ts';
import { createShop, shopModels } from '../support/shop.ts';
import { keepShopBusy } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const kills = 8;

function yamlOf(database: TestDatabase, brokers: readonly string[]): string {
  return `
name: test
${sourceYaml(database)}log:
  type: kafka
  brokers: [${brokers.join(', ')}]
  prefix: ${randomName('roles')}
load: { shares: 4 }
`;
}

async function statusOf(project: CdcProject): Promise<StatusReport> {
  return JSON.parse(await project.succeed('status', '--json')) as StatusReport;
}

test(`capture, two loaders and layers as processes of their own, killed ${kills} times, agree with the source (seed 9)`, async () => {
  await using database = await openTestDatabase('mariadb');
  await using folder = await openTempFolder();
  await createShop(database);
  const { brokers } = await testKafka();
  const project = await CdcProject.create(folder.path, database, {
    models: shopModels,
    yaml: yamlOf(database, brokers),
  });
  await project.succeed('init', '--only', 'capture');
  const roles = ['capture', 'load', 'load', 'layers'].map(
    (name) => new RunningCommand(project, 'run', '--only', name),
  );
  const stop = new AbortController();
  const traffic = await createConnection(database.options);
  const busy = keepShopBusy(traffic, new Random(9), stop.signal);
  const random = new Random(10);
  try {
    await waitUntil(
      'everything is loaded once',
      async () => (await statusOf(project)).layers.length === 4,
      120_000,
    );
    for (let kill = 0; kill < kills; kill++) {
      await delay(random.between(300, 3_000));
      await random.pick(roles).killAndStart();
    }

    // What cannot run beside them says so.
    const whole = await project.run('run');
    expect(whole.exitCode).toBe(3);
    expect(whole.stderr).toContain('CDC_PROJECT_LOCKED');
    const second = await project.run('run', '--only', 'layers');
    expect(second.stderr).toContain('CDC_PROJECT_LOCKED');

    const status = await waitUntil(
      'all roles and shares are seen',
      async () => {
        const seen = await statusOf(project);
        const isWhole = seen.consumers.length === 4 && seen.freshness !== null;
        return isWhole && seen.roles.every((role) => role.process !== null) ? seen : undefined;
      },
      60_000,
    );
    expect(status.roles.map(({ role }) => role).toSorted()).toEqual([
      'capture',
      'layers',
      'load',
      'load',
    ]);
    expect(status.consumers.map(({ consumer }) => consumer).toSorted()).toEqual(
      [0, 1, 2, 3].map((number) => `warehouse/${number}of4`),
    );
    expect(status.snapshot.every(({ done }) => done)).toBe(true);

    // While all go on: layers at a held cut are what the models give over ODS at that cut.
    expect(JSON.parse(await project.succeed('verify', '--json')).ok).toBe(true);
  } finally {
    stop.abort();
    await busy;
    await traffic.end();
  }
  expect(await busy).toBeGreaterThan(50);

  const report = JSON.parse(await project.succeed('verify', '--json'));
  expect(report.tables.map(({ differences }: { differences: unknown[] }) => differences)).toEqual([
    [],
    [],
    [],
    [],
  ]);
  expect(report.ok).toBe(true);

  // Beside the roles: the range is written again, and the one with the layers rebuilds them.
  const replayed = JSON.parse(
    await project.succeed('replay', '--from', '0', '--tables', `${database.name}.orders`, '--json'),
  );
  expect(replayed.models).toBe('rebuilt');
  expect(replayed.tables).toMatchObject([{ table: `${database.name}.orders` }]);
  expect(JSON.parse(await project.succeed('verify', '--json')).ok).toBe(true);

  for (const role of roles) {
    const { exitCode, stderr } = await role.stop();
    expect([role.name, exitCode], stderr).toEqual([role.name, 0]);
  }
  const after = await statusOf(project);
  expect(after.roles.every(({ process }) => process === null)).toBe(true);

  // And all in one process again, from where they were.
  await project.succeed('run', '--until-current');
  expect(JSON.parse(await project.succeed('verify', '--json')).ok).toBe(true);
}, 400_000);
