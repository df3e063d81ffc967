import type { ServerAddress } from '../src/demo/server/server-address.ts';
import type { Measurement } from './bench.ts';

/** Filled in by bench/decoder-alone.ts and bench/engine-alone.ts. */
export async function measureLimits(_address: ServerAddress): Promise<Measurement[]> {
  return [];
}
