import { type DorisSinkOptions, dorisSinkOptions } from '../../../src/sink/doris/options.ts';
import type { DorisDouble } from './doris-double.ts';

let lastDatabase = 0;

/** What a project file would say of a sink over the double, with a database of its own. */
export function dorisSettings(double: DorisDouble) {
  return {
    type: 'doris',
    name: 'serving',
    tables: ['shop.*'],
    flavour: double.cluster.flavour,
    frontends: [`http://127.0.0.1:${double.frontendPort}`],
    queryPort: double.mysqlPort,
    database: `serving_${++lastDatabase}`,
    user: 'root',
    password: 'secret',
    replicationNum: 1,
    buckets: 1,
  };
}

export function dorisOptions(
  double: DorisDouble,
  more: Readonly<Record<string, unknown>> = {},
): DorisSinkOptions {
  return dorisSinkOptions.parse({ ...dorisSettings(double), ...more });
}
