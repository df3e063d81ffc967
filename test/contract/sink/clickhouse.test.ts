import { randomBytes } from 'node:crypto';
import { afterAll } from 'vitest';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import { openClickhouseSink } from '../../../src/sink/clickhouse/clickhouse-sink.ts';
import {
  type ClickhouseSinkOptions,
  clickhouseSinkOptions,
} from '../../../src/sink/clickhouse/options.ts';
import type { CommonSinkOptions } from '../../../src/sink/common-options.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';
import { openTestEngine, type TestEngine } from '../../support/test-engine.ts';

/** A second embedded engine is the server. */
let server: Promise<TestEngine> | undefined;
afterAll(async () => (await server)?.[Symbol.asyncDispose]());

async function alter(options: CommonSinkOptions, target: string, what: string): Promise<void> {
  const { storage, database } = options as ClickhouseSinkOptions;
  await (await server)?.engine.command(`ALTER TABLE ${storage}.\`${database}.${target}\` ${what}`);
}

describeSinkContract({
  name: 'clickhouse',
  options: async () => {
    server ??= openTestEngine();
    const { record } = await server;
    const own = randomBytes(4).toString('hex');
    return clickhouseSinkOptions.parse({
      type: 'clickhouse',
      name: `store_${own}`,
      tables: ['shop.*'],
      url: `http://127.0.0.1:${record.port}`,
      password: record.password,
      database: `shop_${own}`,
      storage: `storage_${own}`,
    });
  },
  refuse: (options, target) =>
    alter(options, target, "ADD CONSTRAINT own CHECK ifNull(note, '') != 'refuse me'"),
  accept: (options, target) => alter(options, target, 'DROP CONSTRAINT own'),
  open: (options, { engine, stateFolder }) =>
    openClickhouseSink(options as ClickhouseSinkOptions, {
      engine,
      stateFolder,
      logger: createSilentLogger(),
      project: 'contract',
    }),
});
