import { randomBytes } from 'node:crypto';
import { afterAll } from 'vitest';
import { createSilentLogger } from '../../../src/ops/logger.ts';
import { openClickhouseSink } from '../../../src/sink/clickhouse/clickhouse-sink.ts';
import {
  type ClickhouseSinkOptions,
  clickhouseSinkOptions,
} from '../../../src/sink/clickhouse/options.ts';
import { openTestCluster } from '../../integration/sink-clickhouse-cluster.ts';
import { describeSinkContract } from '../../support/sink-contract.ts';

let cluster: ReturnType<typeof openTestCluster> | undefined;
afterAll(async () => (await cluster)?.[Symbol.asyncDispose]());

describeSinkContract({
  name: 'clickhouse on a cluster of one shard',
  options: async () => {
    cluster ??= openTestCluster();
    const { url, password } = await cluster;
    const own = randomBytes(4).toString('hex');
    return clickhouseSinkOptions.parse({
      ...{ type: 'clickhouse', name: `store_${own}`, tables: ['shop.*'], url, password },
      ...{ database: `shop_${own}`, storage: `storage_${own}`, cluster: { name: 'one' } },
    });
  },
  open: (options, { engine, stateFolder }) =>
    openClickhouseSink(options as ClickhouseSinkOptions, {
      ...{ engine, stateFolder, logger: createSilentLogger(), project: 'contract' },
    }),
});
