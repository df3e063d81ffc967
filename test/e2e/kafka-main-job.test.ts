import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { finished } from '../support/cdc-project.ts';
import { randomName, testKafka } from '../support/kafka.ts';
import { Random } from '../support/random.ts';
import { createShopProject, expectTopicsRebuild, expectVerified } from '../support/shop-topics.ts';
import { keepShopBusy } from '../support/shop-traffic.ts';
import { openTempFolder } from '../support/temp-folder.ts';
import { openTestDatabase } from '../support/test-database.ts';

describe.each(['mariadb', 'mysql'] as const)('the main job through Kafka on %s', (flavour) => {
  test('source, topics, warehouse and layers agree after traffic, and again from the topics alone', async () => {
    await using database = await openTestDatabase(flavour);
    await using folder = await openTempFolder();
    const { brokers } = await testKafka();
    const options = { brokers, prefix: randomName('main') };
    const project = await createShopProject(folder.path, database, options);
    await project.succeed('check');
    await project.succeed('init');
    const stop = new AbortController();
    const traffic = await createConnection(database.options);
    const running = project.start('run');
    const ended = finished(running);
    const busy = keepShopBusy(traffic, new Random(3), stop.signal);
    await delay(4_000);
    await traffic.query('ALTER TABLE region ADD COLUMN level INT NULL');
    await delay(2_000);
    stop.abort();
    expect(await busy).toBeGreaterThan(50);
    await traffic.end();
    running.kill('SIGINT');
    expect((await ended).exitCode).toBe(0);
    await project.succeed('run', '--until-current');
    await expectVerified(project);
    await expectTopicsRebuild(database, options);

    // Without its state and warehouse, the project loads everything from the topics.
    await project.removeState();
    await project.succeed('run', '--until-current');
    await expectVerified(project);
  }, 300_000);
});
