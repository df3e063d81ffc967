import { type DorisSinkOptions, dorisSinkOptions } from '../../../src/sink/doris/options.ts';
import type { DorisDouble } from './doris-double.ts';

let lastDatabase = 0;

/** Options of a sink over the double, with a database of its own. */
export function dorisOptions(
  double: DorisDouble,
  more: Readonly<Record<string, unknown>> = {},
): DorisSinkOptions {
  return dorisSinkOptions.parse({
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
    ...more,
  });
}
