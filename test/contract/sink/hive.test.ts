import { afterAll, beforeAll } from 'vitest';
import type { HiveSinkOptions } from '../../../src/sink/hive/options.ts';
import { openTestHive, type TestHive } from '../../support/hive.ts';
import { hiveOptions, openTestHiveSink } from '../../support/hive-sink.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

const databases: TestHive[] = [];
// The first one starts the server.
beforeAll(async () => {
  databases.push(await openTestHive());
}, 240_000);
afterAll(async () => {
  await Promise.all(databases.map((each) => each[Symbol.asyncDispose]()));
}, 120_000);

describeSinkContract({
  name: 'hive',
  // So few that every test with some batches goes through compactions.
  options: async () => {
    const hive = await openTestHive();
    databases.push(hive);
    return hiveOptions(hive, { compactFiles: 4, keepOldMinutes: 0 });
  },
  open: (options) => openTestHiveSink(options as HiveSinkOptions),
});
