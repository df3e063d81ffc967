import { createSilentLogger } from '../../src/ops/logger.ts';
import type { HiveSink } from '../../src/sink/hive/hive-sink.ts';
import { openHiveSink } from '../../src/sink/hive/open-hive-sink.ts';
import { type HiveSinkOptions, hiveSinkOptions } from '../../src/sink/hive/options.ts';
import type { TestHive } from './hive.ts';

/** Options of a sink over the test's database; `more` as in a project file. */
export function hiveOptions(hive: TestHive, more: Readonly<Record<string, unknown>> = {}) {
  const { host, port, database, folder } = hive;
  return hiveSinkOptions.parse({
    type: 'hive',
    name: database.replaceAll('_', '-'),
    tables: ['shop.*'],
    ...{ host, port, database, auth: 'nosasl', password: 'strata' },
    files: { type: 'local', path: folder },
    ...more,
  });
}

/** A compaction that fails is only logged: here it fails the call. */
export function openTestHiveSink(options: HiveSinkOptions): Promise<HiveSink> {
  const silent = createSilentLogger();
  const warn = ({ error }: { error?: unknown }) => {
    throw error;
  };
  const logger = Object.assign(Object.create(silent) as typeof silent, { warn });
  return openHiveSink(options, { logger });
}
